#!/usr/bin/env python3
"""batches.py FILE...: which C++ files may be compiled as one: a line for each batch, its files' paths between semicolons.

Files compiled as one share their headers, and with coroutines and templates that is most of the time that each takes. They also
share what is theirs alone, in namespaces without a name. So two files come into one batch only if neither mentions a name that is
the other one's alone: nothing can then be defined twice, or be hidden, or be taken for another's, of which an overload gives no
warning. A file with its own #pragma or #define is a batch by itself.
"""
import functools
import re
import sys

FILES, LINES = 12, 2400  # at most in a batch: more save little, and an edit has its whole batch compiled

COMMENT = r"//[^\n]*|/\*.*?\*/"
STRING = r'R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"'
CHARACTER = r"'(?:\\'|\\[^'\n]+|[^'\\\n])'"
NO_CODE = re.compile("|".join([COMMENT, STRING, CHARACTER]), re.S)

# As clang-format leaves them: what is defined in a namespace begins its line.
OWN = re.compile(r"^namespace \{\n(.*?)^\}  // namespace$", re.M | re.S)
TYPE = re.compile(r"^(?:template <.*>\s+)?(?:struct|class|enum(?: class)?|union|concept)\s+(?:\[\[.*?\]\]\s*)?(\w+)", re.M)
ALIAS = re.compile(r"^(using (?:[\w:]*::)?(\w+)\b(?! *::)[^;]*)", re.M)  # also those that a whole file sees
OBJECT = re.compile(r"^(?!namespace|using|struct|class|enum|#)\w[^\n(={;]*?\b(\w+)(?:\[.*?\])* *[={;]", re.M)
CONSTANTS = re.compile(r"^constexpr .*", re.M)  # several on a line
FUNCTION = re.compile(r"^(?!namespace|using|#)\w[^\n(={;]*?\b(\w+)\(", re.M)

MENTIONED = re.compile(r"(?<!::)(?<!\.)(?<!->)\b[A-Za-z_]\w*")
CALLED = re.compile(MENTIONED.pattern + r"(?=[(<{])")  # a variable may have the name of another file's function


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


@functools.cache
def header(path):
    """What a header of ours declares for all, and itself with the headers that it includes."""
    text = read(path)
    code = NO_CODE.sub(" ", text)
    declared = {*TYPE.findall(code), *OBJECT.findall(code), *FUNCTION.findall(code), *(name for _, name in ALIAS.findall(code))}
    return declared, frozenset({path}).union(*(header(one)[1] for one in included(text, path)))


def included(text, by):
    layers = by.rsplit("/", 2)[0]
    return [f"{layers}/{name}" for name in re.findall(r'^#include "([^"]+)"', text, re.M)]


class Source:
    def __init__(self, path):
        self.path = path
        text = read(path)
        self.lines = text.count("\n")
        self.alone = re.search(r"^#(?:pragma|define)", text, re.M) is not None
        code = NO_CODE.sub(" ", text)
        self.mentioned, self.called = set(MENTIONED.findall(code)), set(CALLED.findall(code))
        self.headers = frozenset().union(*(header(one)[1] for one in included(text, path)))
        own = NO_CODE.sub(" ", "".join(OWN.findall(text)))
        self.aliases = {name: whole for whole, name in ALIAS.findall(code) if name != "namespace"}
        self.names = {*TYPE.findall(own), *OBJECT.findall(own), *self.aliases}
        for line in CONSTANTS.findall(own):
            self.names.update(re.findall(r"\bk[A-Z]\w*(?= *[={[])", line))
        self.functions = set(FUNCTION.findall(own))

    def is_seen_by(self, other):
        """Whether something of its own alone would be seen by the other one, or would meet its like from the headers of that one."""
        same = {name for name, whole in self.aliases.items() if other.aliases.get(name) == whole}
        if (self.names & other.mentioned) - same or self.functions & (other.called | other.functions | other.names):
            return True
        return any(header(one)[0] & (self.names | self.functions) for one in other.headers - self.headers)

    def goes_with(self, other):
        return not (self.alone or other.alone or self.is_seen_by(other) or other.is_seen_by(self))


def batches(sources):
    made = []
    for source in sources:
        for batch in made:
            room = len(batch) < FILES and source.lines + sum(one.lines for one in batch) <= LINES
            if room and all(source.goes_with(one) for one in batch):
                batch.append(source)
                break
        else:
            made.append([source])
    return made


if __name__ == "__main__":
    for batch in batches([Source(path) for path in sys.argv[1:]]):
        print(";".join(source.path for source in batch))
