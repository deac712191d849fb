"""Filters that `hikyaku milters serve` starts itself, by milter.command."""
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from milters import Multiplexer, scripted

FILTER_SOURCE = Path(__file__).parents[1] / "milter/filter.c"
PRIVILEGES = "security.privilege_mode = true"


def c_filter(lab):
    """The program of tests/milter/filter.c, which anybody may run."""
    program = lab.folder / "filter"
    if not program.exists():
        subprocess.run(["gcc", "-O2", "-o", program, FILTER_SOURCE, "-lmilter", "-lpthread"], check=True)
    return program


def started_by_command(lab, name="one", more="", command=None, start=True):
    """A multiplexer whose filter runs only once it is started."""
    path = lab.folder / f"{name}.sock"
    command = command or f"{c_filter(lab)} 'unix:{path}'"
    return Multiplexer(lab, {name: f"unix:{path}"}, head=PRIVILEGES, start=start,
                       extra={name: f'milter.command = "{command}"\n  milter.command_options = ["edit"]\n  milter.connection_timeout = 20\n  {more}'})


def number(line) -> int:
    return int(re.search(r"process (\d+)", line)[1])


def alive(process) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_filter_is_started_when_nobody_listens_and_ended_with_the_multiplexer(lab):
    mux = started_by_command(lab)
    for _ in range(2):
        row = mux.tell()
        assert row["result"] == "passed" and "X-First: top\r\n" in row["headers"], row
    process = number(mux.wait_log("one started: process [0-9]+"))
    assert os.getpgid(process) == process
    assert mux.stats()[1]["starts"] == 1 and mux.stats()[1]["ends"] == 0, mux.stats()
    mux.stop()
    mux.wait_log(f"one: process {process} ended")
    assert not alive(process)


def test_a_filter_that_crashed_is_started_again(lab):
    mux = started_by_command(lab, more="milter.breaker_time = 0.1")
    mux.tell()
    first = number(mux.wait_log("one started: process [0-9]+"))
    os.kill(first, signal.SIGKILL)
    mux.wait_log(f"warning: one: process {first} ended by signal 9")
    mark = mux.mark()
    # Not before breaker_time has passed since the start; the sessions until then get the fallback.
    end = time.monotonic() + 20
    while "X-First: top\r\n" not in mux.tell()["headers"]:
        assert time.monotonic() < end, "it was not started again"
    assert number(mux.wait_log("one started: process [0-9]+", since=mark)) != first
    assert mux.stats()[1]["starts"] == 2 and mux.stats()[1]["ends"] == 1, mux.stats()


def test_sessions_that_come_together_start_it_once(lab):
    mux = started_by_command(lab)
    together = [subprocess.Popen([lab.binary, "milters", "test", mux.spec, "--json"], stdout=subprocess.PIPE) for _ in range(5)]
    for one in together:
        assert b"X-First: top" in one.communicate(timeout=60)[0]
    assert mux.stats()[1]["starts"] == 1, mux.stats()


BAD_COMMANDS = {
    "missing": ("/no/such/filter", r"one: it could not be started: run /no/such/filter: No such file or directory"),
    "fails": ("/bin/sh -c 'echo can not; exit 3'", r"one: process \d+ ended with status 3"),
}


def test_a_command_that_fails_costs_the_fallback(lab):
    for name, (command, line) in BAD_COMMANDS.items():
        mux = started_by_command(lab, command=command, more='milter.fallback_status = "temporary-failure"')
        assert mux.tell()["reply"]["code"] == 451, name
        mux.wait_log(line)
        mux.wait_log(r"one failed: connect to .*one\.sock: No such file or directory; ")
        assert mux.tell()["reply"]["code"] == 451, name
        mux.wait_log("is not started again before [0-9]+ s have passed")
        assert mux.stats()[1]["starts"] == 1, (name, mux.stats())
        mux.stop()


def test_what_a_filter_writes_is_in_the_log_escaped(lab):
    mux = started_by_command(lab, command=r"/bin/sh -c 'printf \"an \\033[1m escape\\nmore\"; exit 1'")
    mux.tell()
    line = mux.wait_log(r"one\[\d+\]: an ")
    assert "\033" not in line and "escape" in line, line
    mux.wait_log(r"one\[\d+\]: more$")


def test_a_reload_ends_the_filter_that_it_removes(lab):
    mux, other = started_by_command(lab), scripted(lab)
    mux.tell()
    process = number(mux.wait_log("one started: process [0-9]+"))
    mux.configure({"one": f"unix:{lab.folder}/one.sock", "other": other}, head=PRIVILEGES,
                  extra={"one": f'milter.command = "{c_filter(lab)} \'unix:{lab.folder}/one.sock\'"\n  milter.command_options = ["edit"]\n  milter.reading_timeout = 9'})
    mux.reload()
    mux.wait_log("reload -- SIGHUP")
    mux.tell()
    assert alive(process) and mux.stats()[1]["starts"] == 1, "the same command is the same process"
    mark = mux.mark()
    mux.configure({"other": other}, head=PRIVILEGES)
    mux.reload()
    mux.wait_log("reload -- SIGHUP", since=mark)
    mux.wait_log(f"one: process {process} ended", since=mark)
    assert not alive(process)


def test_a_filter_that_does_not_end_is_killed(lab):
    mux = started_by_command(lab, command=f"/bin/sh -c 'trap : TERM; {c_filter(lab)} unix:{lab.folder}/one.sock all & while :; do wait; done'")
    mux.tell()
    process = number(mux.wait_log("one started: process [0-9]+"))
    mux.configure({"other": scripted(lab)})
    mux.reload()
    mux.wait_log(f"one: process {process} ended by signal 9")


def test_a_command_may_put_the_filter_into_the_background(lab):
    pid_file = lab.folder / "pid"
    mux = started_by_command(lab, command=f"/bin/sh -c 'setsid {c_filter(lab)} unix:{lab.folder}/one.sock edit >/dev/null 2>&1 & echo $! >{pid_file}'")
    assert "X-First: top\r\n" in mux.tell()["headers"]
    mux.wait_log(r"one: process \d+ ended with status 0")
    mux.stop()
    background = int(pid_file.read_text())
    assert alive(background)
    os.kill(background, signal.SIGTERM)


def checked(lab, mux):
    done = subprocess.run([lab.binary, "milters", "check", "-f", str(mux.conf)], capture_output=True, timeout=30)
    return done.returncode, done.stderr.decode()


def test_what_can_not_be_run_is_refused_with_its_place(lab):
    mux = started_by_command(lab, more='milter.user_name = "no-such-user"', start=False)
    code, told = checked(lab, mux)
    assert code == 78 and re.search(r"milter-manager\.conf:\d+: .*there is no user no-such-user", told), told
    mux = started_by_command(lab, command="filter", start=False)
    code, told = checked(lab, mux)
    assert code == 78 and re.search(r'milter-manager\.conf:6: .*"filter" is no absolute path', told), told
    mux = started_by_command(lab, command="'/bin/true", start=False)
    code, told = checked(lab, mux)
    assert code == 78 and "a ' is not closed" in told, told
    head = f'{PRIVILEGES}\nsecurity.effective_user = "nobody"'
    if os.geteuid() != 0:
        head = PRIVILEGES
    mux = Multiplexer(lab, {"one": "inet:1@[127.0.0.1]"}, head=head, start=False, extra={"one": 'milter.command = "/bin/true"\n  milter.user_name = "daemon"'})
    code, told = checked(lab, mux)
    assert code == 78 and re.search(r"milter-manager\.conf:\d+: .*only root may run the command as daemon", told), told


def test_a_filter_runs_as_the_user_it_names(lab):
    user = "nobody" if os.geteuid() == 0 else subprocess.run(["id", "-un"], capture_output=True, check=True, text=True).stdout.strip()
    mux = started_by_command(lab, command="/bin/sh -c 'id -un; exit 1'", more=f'milter.user_name = "{user}"\n  milter.working_directory = "/tmp"')
    mux.tell()
    mux.wait_log(rf"one\[\d+\]: {user}$")


def test_main_cf_can_name_a_command(lab):
    path = lab.folder / "one.sock"
    folder = lab.folder / "conf"
    folder.mkdir()
    (folder / "main.cf").write_text(f"""hikyaku_milters_listen = unix:{lab.folder}/milters/socket
hikyaku_milters = {{ unix:{path}, name=one, {{ command = {c_filter(lab)} unix:{path} edit }}, connection_timeout=20s }}
""")
    mux = Multiplexer(lab, {}, start=False)
    mux.source = ["-c", str(folder)]
    (folder / "main.cf").write_text((folder / "main.cf").read_text().replace(f"{lab.folder}/milters/socket", str(mux.socket)))
    mux.start()
    assert "X-First: top\r\n" in mux.tell()["headers"]
