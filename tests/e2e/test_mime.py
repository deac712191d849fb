"""hikyaku mime: messages taken apart, put together and repaired; beside nkf and Python's email package."""
import email
import email.base64mime
import email.policy
import hashlib
import io
import json
import os
import random
import re
import shutil
import subprocess
import threading
import zipfile
import zlib
from email.header import decode_header, make_header
from email.message import EmailMessage
from pathlib import Path

from marks import Skip, long


def mime(lab, *arguments, stdin=b"", code=0):
    """Its stdout, octets, and its stderr. Without a code: it may find what it likes."""
    done = subprocess.run([lab.binary, "mime", *map(str, arguments)], input=stdin, capture_output=True, timeout=120)
    assert code is None or done.returncode == code, (arguments, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout, done.stderr.decode()


def rows(lab, *arguments, **options):
    return [json.loads(line) for line in mime(lab, *arguments, "--json", **options)[0].splitlines()]


def written(lab, name, octets):
    path = lab.folder / name
    path.write_bytes(octets)
    return path


def folder(lab, name="out"):
    path = lab.folder / name
    path.mkdir()
    return path


def a_zip():
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.bin", random.Random(7).randbytes(50_000))
        archive.writestr("2.txt", "見積\r\n" * 500)
    return octets.getvalue()


# nkf

def test_a_zip_comes_back_from_nkf_MB_and_mB(lab):
    octets = a_zip()
    encoded, _ = mime(lab, "nkf", "-MB", stdin=octets)
    assert set(encoded) <= set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\n"), encoded[:100]
    assert max(map(len, encoded.splitlines())) == 72
    back, told = mime(lab, "nkf", "-mB", stdin=encoded)
    assert hashlib.md5(back).digest() == hashlib.md5(octets).digest() and not told, told
    # base64 of others reads ours, and ours theirs.
    assert subprocess.run(["base64", "-d"], input=encoded, capture_output=True, check=True).stdout == octets
    theirs = subprocess.run(["base64", "-w", "72"], input=octets, capture_output=True, check=True).stdout
    assert mime(lab, "nkf", "-mB", stdin=theirs)[0] == octets
    quoted, _ = mime(lab, "nkf", "-MQ", stdin=octets)
    assert mime(lab, "nkf", "-mQ", stdin=quoted)[0] == octets
    assert max(quoted) < 127 and max(map(len, quoted.splitlines())) <= 76


def test_a_charset_that_is_asked_for_does_not_harm_a_zip(lab):
    octets = a_zip()
    for option in ("-w", "-j", "-s", "-e", "-wLu", "-wZ", "-wMB"):
        out, told = mime(lab, "nkf", option, stdin=octets)
        assert "no text" in told, told
        assert (mime(lab, "nkf", "-mB", stdin=out)[0] if "MB" in option else out) == octets, option


def test_nkf_itself_destroys_the_zip(lab):
    if not shutil.which("nkf"):
        raise Skip("nkf is not installed")
    octets = a_zip()
    encoded = subprocess.run(["nkf", "-MB"], input=octets, capture_output=True, check=True).stdout
    assert subprocess.run(["nkf", "-mB"], input=encoded, capture_output=True, check=True).stdout != octets


TEXTS = {
    "plain": "abc\ndef\n", "japanese": "荷物は明日届きます。\n印を押してください。ABC xyz\n", "signs": "①②Ⅰ㈱髙﨑～−‖\n", "half": "ｱｲｳﾊﾟｶﾞｯｰ｡ 漢字\n",
    "wide": "ＡＢｃ１２３！？　＠＃ＺＹ\n", "kana": "あいうアイウヴガぱパ゛ー\n", "returns": "あ\r\nい\nう\r\n",
    "words": "\n\nhello wonderful world, " * 5 + "\n\n\n" + "荷物は明日届きます。印を押してください（朝）。" * 4 + "\tabc  def　x\n",
}


def test_conversions_are_those_of_nkf(lab):
    if not shutil.which("nkf"):
        raise Skip("nkf is not installed")
    options = [[o] for o in ("-w", "-j", "-s", "-e", "-jx", "-sx", "-ex", "-wx", "-wZ", "-wZ1", "-wZ2", "-wZ3", "-wh1", "-wh2", "-wh3", "-wLu", "-wLw", "-sLw",
                             "-wd", "-wc", "-w8", "-w16", "-w16B0", "-w16L", "-w16L0", "-wm0", "-t", "-wf", "-wf20", "-wf30-4", "-wf20-0", "-wF", "-wF20-6", "-xwf24")] + [["--ic=utf-8", "--oc=shift_jis"]]
    text = "".join(TEXTS.values())
    octets = text.encode()
    for option in options:
        # What nkf makes of an input that it was told the charset of: its guesses are not what is compared.
        theirs = subprocess.run(["nkf", "-W", *option], input=octets, capture_output=True, check=True).stdout
        assert mime(lab, "nkf", "-W", *option, stdin=octets)[0] == theirs, (option, theirs)
    for flag, charset in (("-S", "cp932"), ("-E", "euc_jp"), ("-J", "iso2022_jp_ext")):
        octets = text.encode(charset, errors="ignore")
        theirs = subprocess.run(["nkf", flag, "-wx"], input=octets, capture_output=True, check=True).stdout.decode()
        # nkf reads some cells by the mapping of JIS, ours all by Microsoft's (docs/japanese-mail.md).
        theirs = theirs.translate(str.maketrans("〜‖−", "～∥－"))
        assert mime(lab, "nkf", flag, "-wx", stdin=octets)[0].decode() == theirs, (flag, octets, theirs)


def test_words_of_nkf_are_read_and_ours_by_nkf(lab):
    if not shutil.which("nkf"):
        raise Skip("nkf is not installed")
    text = "Subject: 見積の件についてご連絡いたしますのでよろしくお願いします\n".encode()
    for option in ("-wM", "-jM", "-sM", "-eM"):
        theirs = subprocess.run(["nkf", "-W", option], input=text, capture_output=True, check=True).stdout
        ours, _ = mime(lab, "nkf", "-W", option, stdin=text)
        assert max(ours) < 127 and b"=?" in ours, ours
        assert mime(lab, "nkf", "-w", stdin=theirs)[0] == text, (option, theirs)
        assert subprocess.run(["nkf", "-w"], input=ours, capture_output=True, check=True).stdout == text, (option, ours)


def test_guesses_of_nkf(lab):
    text = TEXTS["japanese"]
    for charset, name in (("utf-8", "UTF-8"), ("iso2022_jp", "ISO-2022-JP"), ("cp932", "Shift_JIS"), ("euc_jp", "EUC-JP")):
        octets = text.encode(charset)
        assert mime(lab, "nkf", "-g", stdin=octets)[0].decode() == name + "\n"
        assert mime(lab, "nkf", "--guess", stdin=octets)[0].decode() == name + " (LF)\n"
    assert mime(lab, "nkf", "-g", stdin=b"abc\r\n")[0] == b"ASCII\n"
    assert mime(lab, "nkf", "--guess", stdin=b"abc\r\n")[0] == b"ASCII (CRLF)\n"
    assert mime(lab, "nkf", "-g", stdin=a_zip())[0] == b"BINARY\n"
    one, other = written(lab, "a", b"abc"), written(lab, "b", text.encode())
    assert mime(lab, "nkf", "-g", one, other)[0].decode() == f"{one}: ASCII\n{other}: UTF-8\n"


def test_options_of_nkf_that_are_not_supported_are_refused_by_name(lab):
    for option in ("-l", "-r", "-T", "-I", "-O", "-Z4", "--in-place", "--overwrite=.bak", "--url-input", "--cap-input", "--fb-html", "--prefix=a",
                   "--nothing", "-y", "-L"):
        out, told = mime(lab, "nkf", option, stdin=b"abc", code=64)
        assert not out and option[:2] in told and len(told) < 120, (option, out, told)


# Python's email package

def random_message(seed):
    """A tree of parts, with the content of its leaves."""
    chance = random.Random(seed)
    texts = ["hello\n", "荷物は明日届きます。\n" * 3, "naïve café\n", "", "a line of \"quotes\" = and =3D\n.\nFrom me\n", "x" * 2000 + "\n"]

    def leaf(message):
        if chance.random() < 0.5:
            text = chance.choice(texts)
            charset = chance.choice(["utf-8", "iso-2022-jp" if all(ord(c) < 128 or ord(c) > 255 for c in text) else "iso-8859-1"])
            message.set_content(text, charset=charset, cte=chance.choice([None, "base64", "quoted-printable"]), subtype=chance.choice(["plain", "html"]))
        else:
            name = chance.choice(["a.bin", "見積 書.pdf", "x" * 90 + ".zip", "a\"b;c.txt", "é.png"])
            message.set_content(chance.randbytes(chance.randrange(5000)), maintype="application", subtype="octet-stream", filename=name)
        return message

    def tree(depth):
        message = EmailMessage()
        if depth == 0 or chance.random() < 0.3:
            return leaf(message)
        message["Content-Type"] = "multipart/" + chance.choice(["mixed", "alternative", "related"])
        for _ in range(chance.randrange(1, 4)):
            inner = tree(depth - 1)
            if chance.random() < 0.15:
                holder = EmailMessage()
                holder.set_content(inner)
                inner = holder
            message.attach(inner)
        message.preamble, message.epilogue = chance.choice([(None, None), ("before\n", "after\n")])
        return message

    message = tree(3)
    message["Subject"] = chance.choice(["hello", "見積の件", "a" * 200])
    return message


def leaves(message):
    if message.get_content_maintype() == "multipart":
        for part in message.iter_parts():
            yield from leaves(part)
    elif message.get_content_type() == "message/rfc822":
        yield from leaves(message.get_content())
    else:
        yield message


@long
def test_what_pythons_email_package_makes_is_read_the_same(lab):
    for seed in range(20):
        policy = email.policy.default.clone(linesep=random.Random(seed).choice(["\n", "\r\n"]))
        octets = random_message(seed).as_bytes(policy=policy)
        path = written(lab, f"{seed}.eml", octets)
        expected = list(leaves(email.message_from_bytes(octets, policy=email.policy.default)))
        found = [row for row in rows(lab, "show", path) if row.get("kind") == "leaf"]
        assert [row["type"] for row in found] == [part.get_content_type() for part in expected], (seed, found)
        for row, part in zip(found, expected):
            content = part.get_payload(decode=True)
            assert row["size"] == len(content) and row.get("name") == part.get_filename(), (seed, row, len(content), part.get_filename())
            assert mime(lab, "extract", "--part", row["part"], path)[0] == content, (seed, row)
            if part.get_content_maintype() == "text":
                assert mime(lab, "decode", "--part", row["part"], path)[0].decode() == part.get_content().replace("\r\n", "\n"), (seed, row)


def test_headers_are_those_of_pythons_email_package(lab):
    for text in ("見積の件", "naïve café and more " * 6, "plain", "髙い棚①", "a" * 60 + " 見積", "=?looks?like?a word", "emoji 😀"):
        for charset in ("utf-8", "iso-2022-jp"):
            if charset != "utf-8" and any(c in text for c in "ïé😀髙①"):
                continue
            for word in ("B", "Q"):
                encoded, _ = mime(lab, "encode", "--header", "--charset", charset, "--word", word, stdin=f"Subject: {text}\n".encode())
                assert max(encoded) < 127 and max(map(len, encoded.splitlines())) <= 78, encoded
                value = encoded.decode().removeprefix("Subject: ").rstrip("\n")
                assert str(make_header(decode_header(value))) == text.rstrip(), (encoded, text)
                assert mime(lab, "decode", "--header", stdin=encoded)[0].decode() == f"Subject: {text.rstrip()}\n", encoded
        message = EmailMessage()
        message["Subject"] = text
        octets = message.as_bytes().split(b"\n\n")[0] + b"\n"
        # It puts a blank more in front of some folds.
        assert mime(lab, "decode", "--header", stdin=octets)[0].decode().split() == f"Subject: {text}".split(), octets


# attach and extract

def test_what_is_attached_comes_out_the_same(lab):
    chance = random.Random(3)
    contents = {"empty": b"", "one": b"x", "binary.zip": a_zip(), "計画 書.pdf": chance.randbytes(10_000), "lines.txt": b"a\r\nb\n\rc", "x" * 120 + ".dat": b"--b\n" * 90,
                "mail.eml": b"Subject: x\n\n--b--\n"}
    sources = folder(lab, "sources")
    for name, octets in contents.items():
        (sources / name).write_bytes(octets)
    messages = {"plain": b"Subject: a\r\n\r\nhello\r\n", "unix": b"Subject: a\nContent-Type: text/html\n\nhello\n", "mixed": random_message(5).as_bytes(),
                "open": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n", "nothing": b""}
    for kind, octets in messages.items():
        before = [part.get_payload(decode=True) for part in leaves(email.message_from_bytes(octets, policy=email.policy.default))]
        for extra in ([], ["--old-readers"]):
            grown, _ = mime(lab, "attach", *extra, *[sources / name for name in contents], stdin=octets)
            out = folder(lab, f"{kind}{len(extra)}")
            mime(lab, "extract", "-C", out, written(lab, f"{kind}.eml", grown))
            for name, content in contents.items():
                assert (out / name).read_bytes() == content, (kind, name)
            parsed = list(leaves(email.message_from_bytes(grown, policy=email.policy.default)))
            theirs = {part.get_filename(): part.get_payload(decode=True) for part in parsed}
            for name, content in contents.items():
                assert theirs[name] == content, (kind, name)
            # What was there is still there, but for the line end that a boundary needs.
            assert [c.strip() for c in before] == [part.get_payload(decode=True).strip() for part in parsed][:len(before)], kind


def test_a_new_message(lab):
    path = written(lab, "計画.txt", "計画\n".encode())
    octets, _ = mime(lab, "attach", "--new", "--from", "営業 <a@example.org>", "--to", "b@example.net", "--to", "c@example.net", "--subject", "見積", path,
                     stdin="よろしく\n".encode())
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert (message["subject"], message["from"], message["to"]) == ("見積", "営業 <a@example.org>", "b@example.net, c@example.net"), octets
    text, attached = message.iter_parts()
    assert text.get_content() == "よろしく\r\n" and attached.get_filename() == "計画.txt" and attached.get_content() == "計画\n", octets
    assert message["date"] and message["message-id"], octets


HOSTILE = ["../../etc/passwd", "/etc/passwd", "a\x00b.txt", "invoice\u202efdp.exe", "CON", "nul.txt", "x" * 300 + ".txt", "twice.txt", "twice.txt", "..", ".", "", ".bashrc",
           "a\r\nb.txt", "\x1b[2Jclear", "C:\\Windows\\x.dll", "link", "トラ" * 100, "a/../../b", "-rf"]


def test_hostile_names_stay_in_the_folder(lab):
    out = folder(lab)
    outside = written(lab, "outside", b"untouched")
    os.symlink(outside, out / "link")
    written(lab, "out/b", b"was there")
    octets = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    for number, name in enumerate(HOSTILE):
        quoted = "".join(f"%{octet:02X}" for octet in name.encode())
        octets += f"--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename*=utf-8''{quoted}\r\n\r\ncontent {number}\r\n".encode()
    found = rows(lab, "extract", "-C", out, written(lab, "m.eml", octets + b"--b--\r\n"))
    assert len(found) == len(HOSTILE), found
    assert outside.read_bytes() == b"untouched" and (out / "b").read_bytes() == b"was there"
    assert sorted(p.name for p in lab.folder.iterdir()) == ["m.eml", "out", "outside"]
    made = {p.name: p for p in out.iterdir()}
    assert set(made) == {row["file"] for row in found} | {"link", "b"}, made
    for number, row in enumerate(found):
        name = row["file"]
        assert made[name].read_bytes() == b"content %d" % number and not made[name].is_symlink()
        assert "/" not in name and not name.startswith(".") and len(name.encode()) <= 204 and name.isprintable() and "\u202e" not in name, row
    names = [row["file"] for row in found]
    assert names[:9] == ["passwd", "passwd-1", "ab.txt", "invoicefdp.exe", "_CON", "_nul.txt", "x" * 196 + ".txt", "twice.txt", "twice-1.txt"], names
    assert names[9] == "part-10.bin" and names[12] == "bashrc" and names[15] == "x.dll" and names[16] == "link-1" and names[18] == "b-1", names


def test_limits_of_extract_are_told(lab):
    octets = b"Content-Type: multipart/mixed; boundary=b\n\n" + b"".join(
        b"--b\nContent-Disposition: attachment; filename=%d\n\n%s\n" % (n, b"y" * 100) for n in range(5)) + b"--b--\n"
    path = written(lab, "m.eml", octets)
    out = folder(lab)
    _, told = mime(lab, "extract", "-C", out, "--largest", 60, path, code=65)
    assert "larger than 60" in told and {p.stat().st_size for p in out.iterdir()} == {60}, told
    few = folder(lab, "few")
    _, told = mime(lab, "extract", "-C", few, "--most", 2, path, code=65)
    assert "more than 2 files" in told and len(list(few.iterdir())) == 2, told
    mime(lab, "extract", "-C", lab.folder / "none", path, code=66)


def test_messages_within_are_opened_or_kept(lab):
    inner = b"Subject: inner\n\n" + b"begin 644 a.txt\n#0V%T\n`\nend\n"
    path = written(lab, "m.eml", b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822; name=fwd.eml\n\n" + inner + b"\n--b--\n")
    opened, kept = folder(lab, "opened"), folder(lab, "kept")
    mime(lab, "extract", "-C", opened, path)
    mime(lab, "extract", "-C", kept, "--messages", path)
    assert {p.name: p.read_bytes() for p in opened.iterdir()} == {"a.txt": b"Cat"}
    assert {p.name: p.read_bytes() for p in kept.iterdir()} == {"fwd.eml": inner}
    assert mime(lab, "extract", "--messages", "--part", "1", path)[0] == inner


def yenc(octets, begin=None, total=None, size=None, checksum=None):
    data = b""
    for octet in octets:
        octet = (octet + 42) % 256
        data += b"=" + bytes([(octet + 64) % 256]) if octet in (0, 10, 13, 61) else bytes([octet])
    lines = b"\r\n".join(data[at:at + 128] for at in range(0, len(data), 128))
    # An escape is never cut by a line end.
    lines = lines.replace(b"=\r\n", b"=") if b"=\r\n" in lines else lines
    crc = checksum if checksum is not None else zlib.crc32(octets)
    if begin is None:
        return b"=ybegin line=128 size=%d name=file 1.bin\r\n%s\r\n=yend size=%d crc32=%08x\r\n" % (len(octets), lines, len(octets), crc)
    return (b"=ybegin part=%d total=%d line=128 size=%d name=file 2.bin\r\n=ypart begin=%d end=%d\r\n%s\r\n=yend size=%d part=%d pcrc32=%08x\r\n"
            % (begin[0], total, size, begin[1] + 1, begin[1] + len(octets), lines, len(octets), begin[0], crc))


def test_files_within_texts(lab):
    chance = random.Random(5)
    one, two = chance.randbytes(3000), chance.randbytes(5000)
    if shutil.which("uuencode"):
        uu = subprocess.run(["uuencode", "photo.jpg"], input=one, capture_output=True, check=True).stdout
    else:
        import binascii
        uu = b"begin 644 photo.jpg\n" + b"".join(binascii.b2a_uu(one[at:at + 45]) for at in range(0, len(one), 45)) + b"`\nend\n"
    first = written(lab, "1.eml", b"Subject: a\r\n\r\nhi\r\nbegin 644 is what I said\r\n" + uu.replace(b"\n", b"\r\n") + b"between\r\n" + yenc(one) + b"bye\r\n")
    parts = [written(lab, f"{n + 2}.eml", b"Subject: part\r\n\r\n" + yenc(two[n * 2000:][:2000], (n + 1, n * 2000), 3, len(two))) for n in range(3)]
    out = folder(lab)
    mime(lab, "extract", "-C", out, first, parts[2], parts[0], parts[1])
    assert (out / "photo.jpg").read_bytes() == one and (out / "file 1.bin").read_bytes() == one
    assert (out / "file 2.bin").read_bytes() == two and len(list(out.iterdir())) == 3
    text, _ = mime(lab, "decode", first)
    assert b"begin 644 is what I said\n" in text and b"between\n" in text and b"bye\n" in text and b"photo.jpg\", 3000 octets" in text, text
    _, told = mime(lab, "extract", "-C", folder(lab, "missing"), parts[0], parts[2], code=65)
    assert "other parts are missing" in told, told
    damaged = written(lab, "damaged.eml", b"\r\n" + yenc(one, checksum=1))
    _, told = mime(lab, "extract", "-C", folder(lab, "damaged"), damaged, code=65)
    assert "CRC-32" in told, told


# decode, show and doctor

WILD = (b"From: =?ISO-2022-JP?B?GyRCMUQ2SBsoQg==?= <a@example.org>\r\nSubject: =?iso-2022-jp?B?GyRCRnwbKEI=?= =?iso-2022-jp?B?GyRCS1wbKEI=?=\r\n"
        b"Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\npreamble\r\n--b\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n\r\n"
        + "こんにちは、世界。".encode("cp932") + b"\r\n--b\r\nContent-Type: application/octet-stream; name=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        b"QUJD!RA\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=e6=97=A5=XY\r\n")


def test_a_message_of_the_wild_is_read_told_and_repaired(lab):
    path = written(lab, "wild.eml", WILD)
    text, told = mime(lab, "decode", path)
    text = text.decode()
    for line in ("From: 営業 <a@example.org>", "Subject: 日本", "こんにちは、世界。", "[part 2: application/octet-stream, \"a.bin\", 4 octets]", "日=XY"):
        assert line in text.splitlines(), (line, text)
    for line in ("part 1 is not in the charset that its label says; read as shift_jis", "part 2, offset 4 of its body: octets that are no base64", "closing boundary"):
        assert line in told, (line, told)
    found = {row["problem"]: row for row in rows(lab, "doctor", path, code=65)}
    for problem in ("wrong_charset", "eight_bit_in_7bit", "garbage_in_base64", "padding_missing", "broken_escape", "lower_case_hex", "closing_missing"):
        assert found[problem]["repairable"] and found[problem]["what"], (problem, found)
    assert WILD[found["garbage_in_base64"]["offset"]:][:1] == b"!" and WILD[found["broken_escape"]["offset"]:][:3] == b"=XY", found
    mended, report = mime(lab, "doctor", "--repair", path)
    assert report.count("; repaired") == len(found), report
    assert mime(lab, "doctor", stdin=mended)[0] == b"nothing is wrong\n"
    one, two, three = email.message_from_bytes(mended, policy=email.policy.default).iter_parts()
    assert one.get_content() == "こんにちは、世界。" and two.get_content() == b"ABCD" and three.get_content() == "日=XY\r\n", mended
    assert not any(part.defects for part in (one, two, three))
    mime(lab, "doctor", "--repair", stdin=WILD, code=64)


def test_good_messages_need_no_doctor(lab):
    for seed in range(15):
        octets = random_message(seed).as_bytes()
        path = written(lab, "m.eml", octets)
        mended, told = mime(lab, "doctor", "--repair", path, code=None)
        before, after = (list(leaves(email.message_from_bytes(o, policy=email.policy.default))) for o in (octets, mended))
        assert [p.get_payload(decode=True) for p in before] == [p.get_payload(decode=True) for p in after], (seed, told)


def test_one_octet_at_a_time(lab):
    """A pipe that gives little at once changes nothing."""
    whole, _ = mime(lab, "decode", stdin=WILD)
    child = subprocess.Popen([lab.binary, "mime", "decode", "-q"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    for at in range(len(WILD)):
        child.stdin.write(WILD[at:at + 1])
    child.stdin.close()
    assert child.stdout.read() == whole
    assert child.wait() == 0


def test_terminal_escapes_are_not_passed_on(lab):
    octets = b"Subject: a\x1b[2Jb\r\nContent-Type: text/x-\x1b[2J; name=\"\x1b[2J\"\r\n\r\nhi\r\n"
    out, told = mime(lab, "show", stdin=octets)
    assert b"\x1b" not in out and "\x1b" not in told, (out, told)
    out, told = mime(lab, "doctor", stdin=octets, code=None)
    assert b"\x1b" not in out and "\x1b" not in told


@long
def test_a_large_message_is_decoded_in_little_memory(lab):
    attachment = random.Random(1).randbytes(57 * 1000)
    lines = email.base64mime.body_encode(attachment, eol="\r\n").encode()
    path = lab.folder / "large.eml"
    with open(path, "wb") as out:
        out.write(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n\r\n")
        out.write("荷物は明日届きます。\r\n".encode("iso-2022-jp") * 300_000)
        out.write(b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n")
        for _ in range(600):
            out.write(lines)
        out.write(b"\r\n--b--\r\n")
    peak = [0]
    child = subprocess.Popen([lab.binary, "mime", "decode", "--binary", path], stdout=subprocess.PIPE)
    done = threading.Event()

    def watch():
        while not done.wait(0.002):
            found = re.search(r"RssAnon:\s*(\d+)", Path(f"/proc/{child.pid}/status").read_text())
            peak[0] = max(peak[0], int(found[1]) if found else 0)  # a process that has ended has none

    watcher = threading.Thread(target=watch)
    watcher.start()
    size = 0
    while piece := child.stdout.read(1 << 20):
        size += len(piece)
    done.set()
    watcher.join()
    assert child.wait() == 0 and size > 600 * len(attachment), size
    assert 0 < peak[0] < 16 * 1024, f"{peak[0]} KiB"


def test_a_file_is_not_written_onto_itself(lab):
    path = written(lab, "itself.eml", b"Subject: a\r\n\r\nbody\r\n")
    for command in (["decode", path], ["decode"], ["doctor", path], ["nkf", "-w", path]):
        with open(path, "ab") as out, open(path, "rb") as source:
            done = subprocess.run([lab.binary, "mime", *map(str, command)], stdin=source, stdout=out, stderr=subprocess.PIPE, timeout=60)
        assert done.returncode == 69 and b"is the file that is read" in done.stderr, (command, done)
    assert path.read_bytes() == b"Subject: a\r\n\r\nbody\r\n"
