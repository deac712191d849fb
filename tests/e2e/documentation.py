"""The commands of the documentation, each run as it stands there.

In a block of code a line that begins with `$ ` is a command; it goes on behind a backslash at its end, and to the end of a here-document. What stands below it, up to
a comment, the next command or the block's end, is what it says: `...` within a line is any text, a line of it alone any lines."""
import re
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PAGES = [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]


@dataclass
class Command:
    page: str
    number: int
    text: str
    said: list = field(default_factory=list)

    def __str__(self):
        return f"{self.page}:{self.number}: {self.text}"


@dataclass
class Special:
    """What a reader knows and the command's line does not say."""
    until: str = ""      # it runs on; this pattern tells that it is ready
    before: object = None  # what happens meanwhile: it is called with the machine
    typed: tuple = ()    # pairs of what is shown and what is typed then
    stdin: str = ""
    want: int = 0        # its exit code
    elsewhere: str = ""  # not run here: why, or which test runs it


def code(page):
    """The lines of a page's blocks of code, with their numbers; None ends a block."""
    fenced = indented = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
            yield number, None
        elif fenced:
            yield number, line
        elif line.startswith("    ") or (indented and not line):
            indented = True
            yield number, line[4:]
        elif indented:
            indented = False
            yield number, None


def commands(page):
    found, here, open_end = [], None, None
    for number, line in code(page):
        if open_end is not None and line is not None:
            here.text += "\n" + line
            if line == open_end:
                open_end = None
        elif line is None:
            here = open_end = None
        elif line.startswith("$ ") or (here and here.text.endswith("\\") and not here.said):
            if line.startswith("$ "):
                here = Command(page.name, number, line[2:])
                found.append(here)
            else:
                here.text += "\n" + line
            document = re.search(r"<<'?(\w+)'?", line)
            open_end = document[1] if document else None
        elif line.lstrip().startswith("#"):
            here = None
        elif here and (line.strip() or here.said):
            here.said.append(line)
    for command in found:
        while command.said and not command.said[-1].strip():
            command.said.pop()
    return found


def pattern(said):
    """Of the lines that a page shows."""
    parts = []
    for line in said:
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(re.escape(line.rstrip()).replace(r"\.\.\.", ".*") + r"[ ]*\r?\n")
    return re.compile("".join(parts) + r"\s*")


def play(machine, page, specials=(), replaced=()):
    """Runs each command of a page in turn; all that they said is machine.said. `specials`: pairs of the beginning of a command's text and a Special; `replaced`: what a placeholder stands for."""
    wrong, used, ran = [], set(), 0
    for command in commands(TOP / page):
        known = next(((start, special) for start, special in specials if command.text.startswith(start)), None)
        special = known[1] if known else Special()
        if known:
            used.add(known[0])
        if special.elsewhere:
            continue
        ran += 1
        if special.before:
            special.before(machine)
        text = command.text
        for placeholder, value in replaced:
            if placeholder in text:
                text = text.replace(placeholder, value() if callable(value) else value)
        if special.until:
            machine.start(text, special.until)
            continue
        code, said = machine.type(text, special.typed) if special.typed else machine.run(text, special.stdin)
        machine.said += said
        if code != special.want:
            wrong.append(f"{command}\n  ended with {code} instead of {special.want}: {said[-1500:]}")
        elif command.said and not pattern(command.said).fullmatch(said if said.endswith("\n") else said + "\n"):
            wrong.append(f"{command}\n  says otherwise:\n{said[-3000:]}")
    left = [start for start, _ in specials if start not in used]
    assert not left, f"{page} has no command that begins so any more: {left}"
    assert not wrong, "\n".join(wrong) + "\n-- what runs on said:\n" + machine.log()
    assert ran, page
    return ran
