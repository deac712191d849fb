"""Japanese text against nkf, iconv, Python and encoding-japanese: what we make of it, and each difference with its reason.

A difference that is not listed, and one that is listed and is none, fail; Python's may be fewer, as its version is the machine's.
docs/japanese-mail.md tells the rules behind the reasons.
"""
import base64
import subprocess

import japanese_differences as differences
import japanese_peers as peers
from japanese_cases import GUESSED, HEADERS, OCTETS, TEXTS
from marks import long

# The text of a body is checked against its label; behind so much of ASCII the label is settled.
SETTLED = (b"x" * 63 + b"\n") * 1024

IN_JIS = {"iso-2022-jp": ("-J", "ISO-2022-JP", "iso2022_jp_ext", "JIS"), "cp50220": ("--ic=CP50220", "ISO-2022-JP", "iso2022_jp_ext", "JIS"),
          "shift_jis": ("-S", "CP932", "cp932", "SJIS"), "euc-jp": ("-E", "EUC-JP", "euc_jp", "EUCJP")}
OUT = {"iso-2022-jp": ("-j", "ISO-2022-JP", "iso2022_jp", "JIS"), "shift_jis": ("-s", "CP932", "cp932", "SJIS"), "euc-jp": ("-e", "EUC-JP", "euc_jp", "EUCJP")}

GUESS_NAMES = {"utf-8": ("UTF-8", "UTF8"), "cp932": ("Shift_JIS", "SJIS"), "euc_jp": ("EUC-JP", "EUCJP")}


def mime(lab, octets, *arguments, codes=(0,)):
    done = subprocess.run([lab.binary, "mime", *arguments], input=octets, capture_output=True, timeout=60)
    assert done.returncode in codes, (arguments, octets[-200:], done.returncode, done.stderr)
    return done.stdout


def ours_in(lab, label, octets):
    out = mime(lab, SETTLED + octets, "decode", "--body", "--charset", label, "-q", codes=(0, 65))
    assert out.startswith(SETTLED), out[:200]
    return out[len(SETTLED):].decode()


def questions():
    """All that encoding-japanese is asked; tests/node/record.py asks it."""
    asked = {"octets": [{"do": "decode", "hex": octets.hex(), "charset": IN_JIS[label][3]} for _, label, octets, _ in OCTETS]}
    for label, names in OUT.items():
        asked[f"texts in {label}"] = [{"do": "encode", "text": case[1], "charset": names[3]} for case in TEXTS]
    for codec in GUESS_NAMES:
        asked[f"guesses in {codec}"] = [{"do": "detect", "hex": text.encode(codec).hex()} for text in GUESSED]
    return asked


def header_differences(lab):
    found = []
    ours = mime(lab, b"".join(b"Subject: " + value + b"\r\n" for _, value, _ in HEADERS), "decode", "--header").decode().splitlines()
    for (name, value, text), out in zip(HEADERS, ours, strict=True):
        assert out == f"Subject: {text}", (name, out)
        theirs = {"nkf": peers.nkf(value, "-w", "-x").decode("utf-8", "replace").strip(), "email.header": peers.python_header(value),
                  "email.policy": peers.python_message(value)}
        found += [(name, peer, other) for peer, other in theirs.items() if other != text]
    return found


def octet_differences(lab):
    found = []
    answers = peers.EncodingJapanese().answers("octets", questions())
    for (name, label, octets, text), answer in zip(OCTETS, answers):
        assert ours_in(lab, label, octets) == text, (name, ours_in(lab, label, octets))
        option, charset, codec, _ = IN_JIS[label]
        converted = peers.iconv(octets, charset, "UTF-8")
        theirs = {"nkf": peers.nkf(octets, option, "-w", "-x", "-m0").decode("utf-8", "replace"), "iconv": converted and converted.decode(),
                  "python": peers.python_decode(octets, codec), "encoding-japanese": answer}
        found += [(name, peer, other) for peer, other in theirs.items() if other != text]
    return found


def text_differences(lab):
    found = []
    package = peers.EncodingJapanese()
    for index, (label, (option, charset, codec, _)) in enumerate(OUT.items()):
        answers = package.answers(f"texts in {label}", questions())
        for case, answer in zip(TEXTS, answers):
            name, text, octets = case[0], case[1], case[2 + index]
            out = mime(lab, text.encode(), "encode", "--encoding", "base64", "--charset", label, codes=(65,) if octets.endswith(b"?") else (0,))
            assert base64.b64decode(out) == octets, (name, label, base64.b64decode(out))
            theirs = {"nkf": peers.nkf(text.encode(), "-W", "-m0", option), "iconv": peers.iconv(text.encode(), "UTF-8", charset),
                      "python": peers.python_encode(text, codec), "encoding-japanese": bytes.fromhex(answer)}
            found += [(f"{name} in {label}", peer, other) for peer, other in theirs.items() if other != octets]
    return found


def compare(found, listed):
    told = {(name, peer): reason for name, one in listed.items() for who, reason in one.items() for peer in who.split(" ")}
    seen = {(name, peer): other for name, peer, other in found}
    new = {key: other for key, other in seen.items() if key not in told}
    assert not new, f"differences that are not listed: {new}"
    stale = [key for key in told if key not in seen and key[1] not in ("python", "email.header", "email.policy")]
    assert not stale, f"differences that are none: {stale}"
    assert all(told.values())


def test_headers_against_nkf_and_python(lab):
    peers.needed("nkf")
    compare(header_differences(lab), differences.HEADERS)


@long
def test_octets_of_charsets_against_all_four(lab):
    peers.needed("nkf")
    compare(octet_differences(lab), differences.OCTETS)


@long
def test_texts_in_charsets_against_all_four(lab):
    peers.needed("nkf")
    compare(text_differences(lab), differences.TEXTS)


def cells():
    """All cells of CP932 that have a character, as Shift_JIS, row, cell and the character by iconv."""
    octets = [bytes((lead, trail)) for lead in (*range(0x81, 0xa0), *range(0xe0, 0xfd)) for trail in (*range(0x40, 0x7f), *range(0x80, 0xfd))]
    found = []
    for pair in octets:
        try:
            character = pair.decode("cp932")
        except UnicodeDecodeError:
            continue
        lead, trail = pair
        row = (lead - (0x81 if lead < 0xa0 else 0xc1)) * 2 + (2 if trail >= 0x9f else 1)
        found.append((pair, row, trail - 0x9e if trail >= 0x9f else trail - (0x40 if trail > 0x7f else 0x3f), character))
    return found


# What JIS's own mapping makes of cells that Microsoft maps otherwise: row and cell, Microsoft's, JIS's, nkf's besides.
TWINS = dict(zip("～∥－￠￡￢", "〜‖−¢£¬"))
TWINS_OF_NKF = {**TWINS, "￣": "‾", "―": "—", "￥": "¥", "￤": "¦"}


def lines(all_cells, form):
    return b"".join(form(*one) + b"\n" for one in all_cells)


def test_each_cell_of_cp932_against_iconv_nkf_and_python(lab):
    peers.needed("nkf")
    known = cells()
    octets = lines(known, lambda pair, row, cell, character: pair + b".")
    wanted = "".join(character + ".\n" for *_, character in known)
    assert ours_in(lab, "cp932", octets) == wanted
    assert peers.iconv(octets, "CP932", "UTF-8").decode() == wanted
    told = peers.nkf(octets, "-S", "-w", "-x", "-m0").decode()
    assert told == "".join(TWINS_OF_NKF.get(character, character) + ".\n" for *_, character in known)
    back = mime(lab, wanted.encode(), "encode", "--encoding", "base64", "--charset", "cp932")
    assert base64.b64decode(back) == peers.iconv(wanted.encode(), "UTF-8", "CP932")


def test_each_cell_of_jis_and_euc_against_iconv_and_nkf(lab):
    peers.needed("nkf")
    known = [one for one in cells() if one[1] <= 94]
    standard = [one for one in known if one[1] <= 8 or 16 <= one[1] <= 84]
    for label, form, charset, option in (("iso-2022-jp", lambda pair, row, cell, character: b"\x1b$B" + bytes((row + 32, cell + 32)) + b"\x1b(B.", "ISO-2022-JP", "-J"),
                                         ("euc-jp", lambda pair, row, cell, character: bytes((row + 160, cell + 160)) + b".", "EUC-JP", "-E")):
        wanted = "".join(character + ".\n" for *_, character in known)
        assert ours_in(lab, label, lines(known, form)) == wanted
        mapped = "".join(TWINS.get(character, character) + ".\n" for *_, character in standard)
        assert peers.iconv(lines(standard, form), charset, "UTF-8").decode() == mapped
        told = peers.nkf(lines(known, form), option, "-w", "-x", "-m0").decode()
        # Of the two cells that have the not sign nkf maps the second, NEC's selection, as Microsoft does.
        mapped = "".join((character if (row, cell) == (92, 91) else TWINS_OF_NKF.get(character, character)) + ".\n" for _, row, cell, character in known)
        assert told == mapped


def test_short_texts_are_guessed_where_others_go_wrong(lab):
    peers.needed("nkf")
    package = peers.EncodingJapanese()
    wrong = {}
    for codec, (of_nkf, of_package) in GUESS_NAMES.items():
        octets = [text.encode(codec) for text in GUESSED]
        ours = mime(lab, b"".join(b"Subject: " + one + b"\r\n" for one in octets), "decode", "--header").decode().splitlines()
        missed = [text for text, line in zip(GUESSED, ours, strict=True) if line != "Subject: " + text]
        assert missed == differences.GUESSED_WRONG_BY_US[codec], missed
        guesses = package.answers(f"guesses in {codec}", questions())
        wrong["encoding-japanese", codec] = sum(guess != of_package for guess in guesses)
        wrong["nkf", codec] = sum(not peers.nkf(one, "--guess=1").decode().startswith((of_nkf, "CP")) for one in octets)
    assert wrong == differences.GUESSES, wrong


def test_header_encoded_here_is_read_by_python_and_nkf(lab):
    """RFC 2047 as others understand it: each word complete in itself, no line too long."""
    peers.needed("nkf")
    text = "見積書の件について、日本語の長い件名を書きます。ご確認のほど、よろしくお願いいたします。"
    for charset in ("utf-8", "iso-2022-jp"):
        out = mime(lab, f"Subject: {text}\n".encode(), "encode", "--header", "--charset", charset)
        assert all(len(line) <= 76 for line in out.splitlines()) and out.isascii(), out
        value = out[len(b"Subject: "):].strip()
        assert peers.python_header(value) == text == peers.python_message(value)
        assert "".join(peers.nkf(value, "-w", "-x").decode().split()) == text
        assert mime(lab, out, "decode", "--header").decode() == f"Subject: {text}\n"
