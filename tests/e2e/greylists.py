"""Runs `hikyaku greylist serve` on a greylist.conf of the test's."""
import json
import signal
import subprocess
import threading
from pathlib import Path

from hub import Hub


class Greylist:
    """`conf` is the text of greylist.conf, without the socket and the dumpfile, which are in the folder of the test."""

    def __init__(self, lab, conf, options=(), start=True):
        self.lab, self.folder = lab, Path(lab.folder) / f"greylist{len(lab.at_end)}"
        self.folder.mkdir()
        self.socket, self.dump, self.conf = self.folder / "socket", self.folder / "greylist.db", self.folder / "greylist.conf"
        self.state = self.folder / "greylist.db.state"
        self.options, self.process, self.lines, self.changed = list(options), None, [], threading.Condition()
        self.write(conf)
        lab.at_end.append(self.stop)
        if start:
            self.start()

    @property
    def spec(self):
        return f"unix:{self.socket}"

    def write(self, conf):
        self.conf.write_text(f'{conf}socket "{self.socket}"\ndumpfile "{self.dump}"\n')

    def start(self):
        mark = self.mark()
        self.process = subprocess.Popen([self.lab.binary, "greylist", "serve", "-f", str(self.conf), "--log", "-", *self.options],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self.reader.start()
        self.wait_log("^(ready|--- end)$", since=mark)
        assert "ready" in self.lines[mark:], "it did not come up:\n" + "\n".join(self.lines)
        return self

    _read, wait_log, mark = Hub._read, Hub.wait_log, Hub.mark

    def stop(self):
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError("it did not end within 10 s of SIGTERM") from None
        self.reader.join(10)
        assert code == 0, f"it ended with {code}:\n" + "\n".join(self.lines[-30:])

    def kill(self):
        process, self.process = self.process, None
        process.kill()
        process.wait()
        self.reader.join(10)

    def tell(self, *arguments, client="192.0.2.7", timeout=60):
        """A message of joe to kim through it: the JSON of `milters test`."""
        if "--mail-from" not in arguments:
            arguments = ("--mail-from", "joe@a.example", *arguments)
        if "--rcpt-to" not in arguments:
            arguments = (*arguments, "--rcpt-to", "kim@b.example")
        done = subprocess.run([self.lab.binary, "milters", "test", self.spec, "--json", "--connect-address", client, *arguments],
                              capture_output=True, timeout=timeout)
        assert done.stdout, done.stderr.decode()
        return json.loads(done.stdout)


def reply(row):
    """What the recipient was answered; None: it was taken."""
    (told,) = [one.get("reply") for one in row["events"] if one["event"] == "rcpt"]
    return told and f'{told["code"]} {told["enhanced"]} {told["text"]}'
