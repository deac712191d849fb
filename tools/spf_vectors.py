#!/usr/bin/env python3
"""Turns the RFC 7208 test suite (rfc7208-tests.yml) into the lines that src/greylist/spf_suite_test.cc reads.

  tools/spf_vectors.py rfc7208-tests.yml > tests/vectors/rfc7208.tsv

One fact a line, its fields separated by tabs; in a field "\\xHH" is an octet and "\\\\" a backslash:
  zone     TITLE                                               what follows has DNS records of its own
  record   NAME  TYPE  DATA                                    of txt the strings joined, of mx the host
  silent   NAME                                                what NAME has no records for gets no answer
  case     NAME  CLIENT  HELO  SENDER  RESULTS  EXPLANATION    any of RESULTS (a,b) is right; "*": any explanation
A record of the withdrawn type SPF stands for one of type TXT, unless its name has some of that type too, or "TXT: NONE".
"""
import sys

import yaml

NOTICE = """# The RFC 7208 test suite, release 2014.04, in the form that tools/spf_vectors.py writes.
# (C) 2006-2008 Stuart D Gathman, 2007-2008 Julian Mehnle, 2014 Scott Kitterman. All rights reserved; rfc7208.LICENSE beside
# this file says what may be done with it."""


def field(text):
    """The suite's characters up to 255 are octets."""
    octets = str(text).encode("latin-1")
    return "".join("\\\\" if o == 0x5C else chr(o) if 0x20 <= o < 0x7F else f"\\x{o:02x}" for o in octets)


def line(*fields):
    print("\t".join(field(f) for f in fields))


def joined(data):
    return "".join(data) if isinstance(data, list) else data


def print_records(name, entries):
    pairs = [pair for entry in entries if isinstance(entry, dict) for pair in entry.items()]
    own_text = any(kind == "TXT" for kind, _ in pairs)
    for kind, data in pairs:
        if kind == "SPF":
            if not own_text:
                line("record", name, "txt", joined(data))
        elif kind == "TXT":
            if data != "NONE":
                line("record", name, "txt", joined(data))
        elif kind == "MX":
            line("record", name, "mx", data[1])
        else:
            line("record", name, kind.lower(), data)
    if "TIMEOUT" in entries:
        line("silent", name)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(NOTICE)
    with open(sys.argv[1], encoding="utf-8") as file:
        for scenario in yaml.safe_load_all(file):
            line("zone", scenario["description"])
            for name, entries in scenario["zonedata"].items():
                print_records(name, entries)
            for name, case in scenario["tests"].items():
                results = case["result"] if isinstance(case["result"], list) else [case["result"]]
                line("case", name, case["host"], case["helo"], case["mailfrom"], ",".join(results), case.get("explanation", "*"))


if __name__ == "__main__":
    main()
