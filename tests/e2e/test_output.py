"""What a command could not write is no success."""
import os
import subprocess

TABLE = "inline:{ key=value }"


def into(lab, stdout, *words):
    """The exit code, and what was told, of a command whose output goes there; SIGPIPE ends nobody."""
    script = 'trap "" PIPE; exec "$0" "$@"'
    done = subprocess.run(["sh", "-c", script, lab.binary, *map(str, words)], stdout=stdout, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=60)
    return done.returncode, done.stderr.decode()


def commands(lab):
    (lab.folder / "spool").mkdir()
    (lab.folder / "main.cf").write_text(f"myhostname = hub.example\nqueue_directory = {lab.folder}/spool\n")
    (lab.folder / "master.cf").touch()
    return [["--help"], ["--version"], ["queue", "--help"], ["sendmail", "--help"], ["probe", "send", "--help"], ["manual", "queue"], ["completion", "bash"],
            ["queue", "-c", lab.folder, "list"], ["config", "show", "-c", lab.folder], ["config", "show", "--all", "-c", lab.folder], ["table", "query", TABLE, "key"]]


def test_a_full_disk_is_told_by_every_command(lab):
    for words in commands(lab):
        with open("/dev/full", "wb") as full:
            code, told = into(lab, full, *words)
        assert code == 74 and "hikyaku" in told and len(told.splitlines()) == 1, (words, code, told)


def test_a_reader_that_has_gone_is_no_success_but_needs_no_word(lab):
    for words in commands(lab):
        reader, writer = os.pipe()
        os.close(reader)
        code, told = into(lab, writer, *words)
        os.close(writer)
        assert (code, told) == (74, ""), (words, code, told)


def test_another_failure_keeps_its_exit_code(lab):
    with open("/dev/full", "wb") as full:
        code, told = into(lab, full, "table", "query", TABLE, "key", "other")
    assert code == 1 and "written" in told, (code, told)
