"""A pseudo terminal with a command of hikyaku on it."""
import os
import pty
import select
import time


class Terminal:
    """A command of hikyaku on a terminal of its own."""

    def __init__(self, lab, *arguments):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.execv(lab.binary, [str(lab.binary), *map(str, arguments)])
        self.text = ""
        lab.at_end.append(self.close)

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait(self, what, timeout=20.0):
        """Until `what` was shown behind what the last wait() found."""
        end = time.monotonic() + timeout
        while what not in self.text:
            assert time.monotonic() < end, f"{what!r} was not shown, but: {self.text!r}"
            if not select.select([self.fd], [], [], 0.2)[0]:
                continue
            try:
                self.text += os.read(self.fd, 65536).decode("utf-8", "replace")
            except OSError as problem:
                raise AssertionError(f"it ended before {what!r}: {self.text!r}") from problem
        before, _, self.text = self.text.partition(what)
        return before

    def ended(self):
        while True:
            try:
                if not os.read(self.fd, 65536):
                    break
            except OSError:
                break
        pid, self.pid = self.pid, None
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def close(self):
        if self.pid:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
        os.close(self.fd)
