#!/usr/bin/env python3
"""Refuses what g++ 12 compiles wrongly and clang 19 does not.

It destroys twice: a capturing lambda or a braced aggregate inside a co_await expression, and the operands of a ?: that awaits. It destroys too early:
the temporary that a range-for walks a part of.

Usage: check_co_await.py FILE...    Name the lambda, the aggregate, the choice or the temporary on a line before.
"""
import re
import sys

# Comments and literals say nothing about the code; their line ends stay, for the line numbers.
SILENT = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)
LAMBDA = re.compile(r"\[[^\[\]\s][^\[\]]*\]\s*(?:\([^()]*\))?\s*(?:mutable|noexcept|\s)*(?:->\s*[^{;]*)?\{")
# Type{...} and a bare {...} as an argument. int{0} and its like have nothing to destroy.
BRACES = re.compile(r"\b(?:[A-Za-z_]\w*::)*[A-Z]\w*(?:<[^<>;]*>)?\s*\{\s*[^\s}]|[(,]\s*\{\s*[^\s}]")
CHOICE = re.compile(r"[?:]\s*co_await\b")
# for (x : f().value()), for (x : *f()): a part of what a call returned. A call through a name alone lives long enough.
RANGE = re.compile(r"\bfor\s*\([^;()]*[^:;()]:(?!:)\s*(?:\*\s*[\w:.>-]+\((?:[^()]|\([^()]*\))*\)|[\w:.>-]+\((?:[^()]|\([^()]*\))*\)\s*(?:\.|->)\s*"
                   r"(?:value|items|value_or)\b)")
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
    for pattern, what in ((CHOICE, "co_await inside a ?: expression"), (RANGE, "a range-for over a part of a temporary")):
        for found in pattern.finditer(code):
            yield code.count("\n", 0, found.start()) + 1, what


def self_test():
    good = ["co_await run(std::move(work));", "co_await run([] { return 1; });", "x(a[1], co_await f(b[i])); g([y] { });",
            'co_await f("[a] {");', "co_await f(std::chrono::seconds{});", "// co_await f([a] {})", "if (co_await f()) { a = T{1}; }", "for (const auto& x : f()) {}", "for (auto& x : *found) {}", "for (auto x : a.list(b)) {}",
            "for (const auto x : std::views::reverse(v)) {}"]
    bad = ["co_await run([p] { return p; });", "co_await run([&]() mutable -> int { return 1; });", "co_await take(Agg{p, 2});",
           "co_await take({p, 2});", "co_await f(a, io::Place{1});", "c ? co_await a : b;", "x = c ? a : co_await b;",
           "for (const auto& x : f().value()) {}", "for (auto& x : *f(a, g(b))) {}", "for (auto& [k, v] : json.value(a, b).items()) {}"]
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
                print(f"{path}:{line}: {what}: g++ 12 compiles it wrongly; name it on the line before")
    return count != 0


if __name__ == "__main__":
    sys.exit(main())
