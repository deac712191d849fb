"""Runs `hikyaku milters serve` in front of scripted filters."""
import json
import signal
import subprocess
import threading
from pathlib import Path

from hub import Hub
from scripted_filter import ScriptedFilter


class Multiplexer:
    """`filters` maps the names of the children to their scripted filters (or to a connection spec). `extra` maps a name to lines of
    Ruby within its define_milter; `head` comes before all. Stopped at the end of the test."""

    def __init__(self, lab, filters, extra=None, head="", options=(), start=True, spool=None):
        self.lab, self.folder = lab, Path(lab.folder) / f"milters{len(lab.at_end)}"
        self.folder.mkdir()
        self.spool = spool or self.folder
        self.socket, self.control, self.conf = self.folder / "socket", self.folder / "control", self.folder / "milter-manager.conf"
        self.source = ["-f", str(self.conf)]
        self.options, self.process, self.lines, self.changed = list(options), None, [], threading.Condition()
        self.configure(filters, extra, head)
        lab.at_end.append(self.stop)
        if start:
            self.start()

    @property
    def spec(self):
        return f"unix:{self.socket}"

    def configure(self, filters, extra=None, head=""):
        text = f'manager.connection_spec = "unix:{self.socket}"\ncontroller.connection_spec = "unix:{self.control}"\n{head}\n'
        for name, filter_ in filters.items():
            spec = filter_ if isinstance(filter_, str) else filter_.address
            text += f'define_milter("{name}") do |milter|\n  milter.connection_spec = "{spec}"\n  {(extra or {}).get(name, "")}\nend\n'
        self.write(text)

    def write(self, text):
        self.conf.write_text(text)

    def start(self):
        mark = self.mark()
        self.process = subprocess.Popen([self.lab.binary, "milters", "serve", *self.source, "--log", "-", "--spool-directory", str(self.spool),
                                         *self.options], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self.reader.start()
        self.wait_log("^(ready|--- end)$", since=mark)
        assert "ready" in self.lines[mark:], "it did not come up:\n" + "\n".join(self.lines)
        return self

    _read, wait_log, mark = Hub._read, Hub.wait_log, Hub.mark

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self):
        process, self.process = self.process, None
        if process is None:
            return None
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError("the multiplexer did not end within 10 s of SIGTERM") from None
        self.reader.join(10)  # its last lines belong before those of the next start
        assert code == 0, f"the multiplexer ended with {code}:\n" + "\n".join(self.lines[-30:])
        return code

    def tell(self, *arguments, timeout=60):
        """A session through it: the JSON of `milters test`."""
        done = subprocess.run([self.lab.binary, "milters", "test", self.spec, "--json", *arguments], capture_output=True, timeout=timeout)
        assert done.stdout, done.stderr.decode()
        return json.loads(done.stdout)

    def stats(self) -> list:
        done = subprocess.run([self.lab.binary, "milters", "stats", "--control", str(self.control), "--json"], capture_output=True, timeout=20, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]


def scripted(lab, script=None):
    made = ScriptedFilter()
    made.begin(script or {})
    lab.at_end.append(made.stop)
    return made


def add_header(name, value):
    return ["h", f"{name}\0{value}\0"]
