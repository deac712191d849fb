"""Manual pages and completions, made from what --help tells: every command and option is in them, and shells and man take them."""
import functools
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

from marks import Skip

TOP = Path(__file__).resolve().parents[2]
ASKING = threading.Lock()
ALL_LONG = True  # see marks.long
OWN_READER = "usage:"  # how the help of a command begins that reads its options itself


def output(lab, *words) -> str:
    return output_of(lab.binary, *words)


def output_of(binary, *words) -> str:
    done = subprocess.run([binary, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


def needs(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip(f"{program} is not installed")


def section(text, title) -> str:
    found = re.search(rf"^{title}:\n(.*?)(?:\n\n|\Z)", text, re.M | re.S)
    return found.group(1) if found else ""


def first_words(text) -> list:
    return re.findall(r"^  (\S+)", text, re.M)


def option_names(help_text) -> list:
    """The names in the column of options, as people read it."""
    return [name for names in re.findall(r"^  (-\S+)", section(help_text, "Options"), re.M) for name in names.split(",")]


def commands(lab) -> list:
    return commands_of(lab.binary)


def commands_of(binary) -> list:
    return re.findall(r"^  (\w+) +\S", output_of(binary, "--help"), re.M)


def all_helps(lab) -> dict:
    """The words of each command and subcommand, and its --help."""
    with ASKING:
        return helps_of(lab.binary)


@functools.lru_cache
def helps_of(binary) -> dict:
    helps, todo = {}, [(command,) for command in commands_of(binary)]
    while todo:
        words = todo.pop()
        helps[words] = output_of(binary, *words, "--help")
        todo += [(*words, name) for name in first_words(section(helps[words], "Subcommands"))]
    return helps


def installed(lab) -> Path:
    folder = lab.folder / "installed"
    subprocess.run([TOP / "packaging/make_manuals", lab.binary, folder], check=True, timeout=60)
    return folder / "share"


def rendered(page) -> str:
    """As plain text, its words whole; groff may complain of nothing."""
    done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "--no-hyphenation", "--no-justification", "-l", page], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "MANWIDTH": "400", "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0 and not done.stderr, (page, done.stderr)
    return re.sub(r".\x08", "", done.stdout)


def test_each_command_and_program_has_a_page_that_groff_takes(lab):
    needs("man", "groff")
    share, helps = installed(lab), all_helps(lab)
    assert len(helps) > 60 and ("queue", "list") in helps and ("base64",) in helps, sorted(helps)
    pages = {path.name.rsplit(".", 1)[0]: rendered(path) for path in share.glob("man/man*/*")}
    assert (share / "man/man8/hikyaku-serve.8").exists() and (share / "man/man1/hikyaku-queue.1").exists()
    for program in ("mailq", "sendmail", "newaliases", "milter-greylist"):
        assert "SYNOPSIS" in pages[f"hikyaku-{program}"], program
    for command in commands(lab):
        assert f"hikyaku-{command}({8 if command == 'serve' else 1})" in pages["hikyaku"], command
    for words, told in helps.items():
        page = pages[f"hikyaku-{words[0]}"]
        if told.startswith(OWN_READER):
            names = re.findall(r"^ +(-\w+)", told, re.M)
        else:
            assert "hikyaku " + " ".join(words) in page, words
            names = option_names(told)
            assert names, (words, told)
        for name in names:
            assert re.search(rf"(?<![-\w]){re.escape(name)}(?![-\w])", page), (words, name)


def test_a_page_shows_the_text_as_it_is(lab):
    needs("man", "groff")
    page = rendered(installed(lab) / "man/man1/hikyaku-base64.1")
    assert r"printf 'username\0username\0password' | hikyaku base64" in page, page
    assert "(default: 76)" in page and "(not beside --break)" in page, page
    page = rendered(installed(lab) / "man/man1/hikyaku-sendmail.1")
    assert r"printf 'Subject: hello\n\nhi\n' | sendmail -f" in page, page


def test_a_page_by_any_of_its_names(lab):
    assert output(lab, "manual", "queue") == output(lab, "manual", "hikyaku-queue")
    assert output(lab, "manual") == output(lab, "manual", "hikyaku")
    assert output(lab, "manual", "mailq").startswith('.TH "HIKYAKU\\-MAILQ" 1')
    done = subprocess.run([lab.binary, "manual", "no\x1bsuch"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 64 and "--list" in done.stderr and "\x1b" not in done.stderr, done


def bash_offers(lab, lines) -> list:
    """What bash completes behind each of these lines of words, of which the last is being typed; and bash warns of nothing."""
    script = "set -u; source <(\"$0\" completion bash)\n"
    for words in lines:
        quoted = " ".join(f"'{word}'" for word in words)
        script += f"COMP_WORDS=(hikyaku {quoted}); COMP_CWORD={len(words)}; _hikyaku; printf '%s\\n' \"${{COMPREPLY[*]}}\"\n"
    done = subprocess.run(["bash", "--norc", "-c", script, lab.binary], capture_output=True, text=True, timeout=60, cwd=lab.folder)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return [line.split() for line in done.stdout.split("\n")[:-1]]


def test_bash_completes_every_command_and_every_option(lab):
    helps = all_helps(lab)
    offers = dict(zip(helps, bash_offers(lab, [(*words, "-") for words in helps])))
    for words, told in helps.items():
        names = re.findall(r"^ +(-\w+)", told, re.M) if told.startswith(OWN_READER) else option_names(told)
        assert set(names) <= set(offers[words]), (words, set(names) - set(offers[words]))
    words_of = dict(zip(helps, bash_offers(lab, [(*words, "") for words in helps])))
    for words, told in helps.items():
        subcommands = first_words(section(told, "Subcommands"))
        assert not subcommands or words_of[words] == subcommands, (words, words_of[words])
    assert bash_offers(lab, [("",)]) == [commands(lab)]


def test_bash_completes_values_files_and_options_of_the_command_above(lab):
    (lab.folder / "message.eml").touch()
    shells, beginning, after_value, after_equals, equals_begun, config, file, folder, unknown = bash_offers(lab, [
        ("completion", ""), ("qu",), ("store", "-c", "list", "check"), ("store", "export", "--format", "="), ("store", "export", "--format", "=", "mail"),
        ("queue", "list", "--con"), ("base64", "-d", "mess"), ("queue", "-c", "mess"), ("nothing", "of", "")])
    assert shells == ["bash", "zsh"] and beginning == ["queue"] and after_value == ["check-logs"], (shells, beginning, after_value)
    assert "mbox" in after_equals and "maildir" in after_equals and equals_begun == ["maildir"], (after_equals, equals_begun)
    assert config == ["--config", "--config-directory"] and file == folder == ["message.eml"], (config, file)
    assert "queue" in unknown  # not a command: those that there are


class Terminal:
    """A shell at a terminal, by which a person completes."""

    def __init__(self, lab, command, **environment):
        self.process_id, self.fd = pty.fork()
        if self.process_id == 0:
            os.chdir(lab.folder)
            os.execvpe(command[0], command, {**os.environ, "TERM": "dumb", "PS1": "ready> ", "HOME": str(lab.folder), "LC_ALL": "C", **environment})
        self.seen = ""
        lab.at_end.append(self.end)

    def send(self, text):
        os.write(self.fd, text.encode())

    def wait(self, pattern):
        """Reads until the pattern comes; what was read is used up."""
        until = time.monotonic() + 30
        while not (found := re.search(pattern, self.seen)):
            left = until - time.monotonic()
            assert left > 0 and select.select([self.fd], [], [], left)[0], f"no {pattern!r} in {self.seen!r}"
            self.seen += os.read(self.fd, 65536).decode("utf-8", "replace")
        self.seen = self.seen[found.end():]
        return found

    def end(self):
        os.kill(self.process_id, signal.SIGKILL)
        os.close(self.fd)
        os.waitpid(self.process_id, 0)


def complete_at_a_terminal(shell):
    shell.send("hikyaku que\t")
    shell.wait(r"hikyaku queue ")
    shell.send("ho\t")
    shell.wait(r"hold ")
    shell.send("--al\t")
    shell.wait(r"--all")
    shell.send("\x15hikyaku store export --format mail\t")
    shell.wait(r"maildir")
    shell.send("\x15hikyaku base64 -d mess\t")
    shell.wait(r"message\.eml")
    shell.send("\x15hikyaku completion z\t")
    shell.wait(r"zsh")
    shell.send("\x15")


def test_bash_at_a_terminal(lab):
    (lab.folder / "message.eml").touch()
    share = installed(lab)
    shell = Terminal(lab, ["bash", "--norc", "--noprofile", "-i"])
    shell.wait("ready> ")
    shell.send(f"source {share}/bash-completion/completions/hikyaku; echo lo''aded\n")
    shell.wait("loaded")
    complete_at_a_terminal(shell)


def test_zsh_at_a_terminal(lab):
    needs("zsh")
    (lab.folder / "message.eml").touch()
    share = installed(lab)
    for load in (f"fpath=({share}/zsh/site-functions $fpath); autoload -U compinit; compinit -u -D",
                 f"autoload -U compinit; compinit -u -D; source <({lab.binary} completion zsh)"):
        shell = Terminal(lab, ["zsh", "-f", "-i"])
        shell.wait("ready> ")
        shell.send(f"{load}; echo lo''aded\n")
        shell.wait("loaded")
        complete_at_a_terminal(shell)


def test_zsh_knows_every_option(lab):
    needs("zsh")
    script = output(lab, "completion", "zsh")
    subprocess.run(["zsh", "-n", "/dev/stdin"], input=script, text=True, check=True, timeout=60)
    for words, told in all_helps(lab).items():
        function = re.search(rf"^_hikyaku_{'_'.join(words)}\(\) {{\n(.*?)^}}", script, re.M | re.S)
        assert function, words
        names = re.findall(r"^ +(-\w+)", told, re.M) if told.startswith(OWN_READER) else option_names(told)
        for name in names:
            assert re.search(rf"'(\*|\([^)]*\)){re.escape(name)}[=+]?\[", function.group(1)), (words, name)


def test_the_page_of_tables_has_each_type(lab):
    told = subprocess.run([lab.binary, "table", "query", "nosuch:x", "key"], capture_output=True, text=True, timeout=60).stderr
    types = told.split("the types are: ")[1].split()
    page = output(lab, "manual", "tables").split(".SH TYPES")[1].split(".SH FILES")[0]
    assert len(types) > 15
    for name in types:
        assert re.search(rf"(?m)[, B]{name}:", page), name


def test_the_reference_of_parameters_is_what_the_program_reads_by(lab):
    said = subprocess.run([lab.binary, "manual", "--reference"], capture_output=True, timeout=60).stdout
    page = Path(__file__).resolve().parents[2] / "docs/parameters.md"
    assert said == page.read_bytes(), f"write it anew: hikyaku manual --reference > {page}"
    assert said.count(b"| `") > 700 and b"| `hikyaku_srs_domain` |" in said
