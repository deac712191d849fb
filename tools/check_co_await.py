#!/usr/bin/env python3
"""Refuses what g++ 12 destroys twice: a capturing lambda, or a braced aggregate, written inside a co_await expression.

Usage: check_co_await.py FILE...    Name the lambda or the aggregate on the line before, and move it in.
"""
import re
import sys

# Comments and literals say nothing about the code; their line ends stay, for the line numbers.
SILENT = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)
LAMBDA = re.compile(r"\[[^\[\]\s][^\[\]]*\]\s*(?:\([^()]*\))?\s*(?:mutable|noexcept|\s)*(?:->\s*[^{;]*)?\{")
# Type{...} and a bare {...} as an argument. int{0} and its like have nothing to destroy.
BRACES = re.compile(r"\b(?:[A-Za-z_]\w*::)*[A-Z]\w*(?:<[^<>;]*>)?\s*\{\s*[^\s}]|[(,]\s*\{\s*[^\s}]")
OPEN, CLOSE = "([{", ")]}"


def silenced(text):
    return SILENT.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def expression(text, start):
    """From behind a co_await to the end of what it awaits: the ; or the bracket that was opened before it."""
    depth = 0
    for at in range(start, len(text)):
        if text[at] in OPEN:
            depth += 1
        elif text[at] in CLOSE:
            depth -= 1
            if depth < 0:
                return text[start:at]
        elif text[at] == ";" and depth == 0:
            return text[start:at]
    return text[start:]


def faults(text):
    code = silenced(text)
    for found in re.finditer(r"\bco_await\b", code):
        awaited = expression(code, found.end())
        line = code.count("\n", 0, found.start()) + 1
        if LAMBDA.search(awaited):
            yield line, "a capturing lambda inside a co_await expression"
        elif BRACES.search(awaited):
            yield line, "a braced aggregate inside a co_await expression"


def self_test():
    good = ["co_await run(std::move(work));", "co_await run([] { return 1; });", "x(a[1], co_await f(b[i])); g([y] { });",
            'co_await f("[a] {");', "co_await f(std::chrono::seconds{});", "// co_await f([a] {})", "if (co_await f()) { a = T{1}; }"]
    bad = ["co_await run([p] { return p; });", "co_await run([&]() mutable -> int { return 1; });", "co_await take(Agg{p, 2});",
           "co_await take({p, 2});", "co_await f(a, io::Place{1});"]
    return [c for c in good if list(faults(c))] + [c for c in bad if not list(faults(c))]


def main():
    wrong = self_test()
    for code in wrong:
        print(f"check_co_await.py misjudges: {code}")
    count = len(wrong)
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            for line, what in faults(file.read()):
                count += 1
                print(f"{path}:{line}: {what}: g++ 12 destroys it twice; name it on the line before")
    return count != 0


if __name__ == "__main__":
    sys.exit(main())
