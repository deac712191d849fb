"""The documentation keeps to what is there: commands, options, pages."""
import functools
import re
import shlex
import subprocess
from pathlib import Path

from marks import long

TOP = Path(__file__).resolve().parents[2]
PAGES = [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]


@functools.cache
def help_of(binary, *words):
    done = subprocess.run([binary, *words, "--help"], capture_output=True, text=True, timeout=60)
    return done.stdout if done.returncode == 0 else None


def code(page):
    """The lines of code of a page, with their numbers: indented by four, or between fences; and words between back quotes."""
    fenced = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield number, line.strip()
        else:
            yield from ((number, words) for words in re.findall(r"`(hikyaku [^`]+)`", line))


def commands(page):
    for number, line in code(page):
        line = re.sub(r"\s+#\s.*$", "", line.removeprefix("$ "))
        for part in re.split(r"[|;&]+|\$\(", line):
            if re.match(r"\s*(?:\S*/)?hikyaku [a-z0-9]", part):
                yield number, part.strip()


@long
def test_each_command_of_the_documentation_has_options_that_exist(lab):
    seen, wrong = 0, []
    for page in PAGES:
        for number, text in commands(page):
            try:
                words = shlex.split(text)
            except ValueError:
                words = text.split()
            words = [re.split("[<>]", word)[0] for word in words[1:]]
            name = words[0].split("|")[0]
            where = f"{page.name}:{number}: {text}"
            told = [help_of(str(lab.binary), name)] + ([help_of(str(lab.binary), "probe", "send")] if name == "probe" else [])
            if told[0] is None:
                wrong.append(f"{where}: there is no command {name}")
                continue
            for word in words[1:3]:  # its subcommands
                if re.fullmatch(r"[a-z0-9-]+", word) and not word.startswith("-"):
                    told.append(help_of(str(lab.binary), name, word) or "")
            options = {word.split("=")[0] for word in words if re.match(r"--[a-z]|-[A-Za-z]$", word)}
            missing = {option for option in options if not re.search(rf"(^|[\s,\[(|]){re.escape(option)}(?![\w-])", "\n".join(told))}
            wrong += [f"{where}: {', '.join(sorted(missing))}"] if missing else []
            seen += 1
    assert not wrong, "\n".join(wrong)
    assert seen > 150, seen


def test_each_page_that_is_linked_or_named_is_there(lab):
    index = (TOP / "docs/index.md").read_text()
    for page in PAGES:
        text = page.read_text()
        for target in re.findall(r"\]\((?!https?:)([\w./-]*[a-z][\w./-]*)", text):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
        for target in re.findall(r"`(docs/[\w./-]+)`", text):
            assert (TOP / target).exists(), f"{page.name}: {target}"
        if page.parent.name == "docs" and page.name != "index.md":
            assert f"({page.name})" in index, f"index.md does not name {page.name}"
