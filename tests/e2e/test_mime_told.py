"""hikyaku mime tells what it lost, and refuses options that it would not obey."""
from test_mime import folder, mime, rows, written, yenc

BROKEN = b"Subject: =?utf-8?B?44H/gg==?=\r\n"  # no UTF-8, and nothing else either


def test_headers_that_can_not_be_decoded_are_told(lab):
    path = written(lab, "m.eml", BROKEN + b"\r\nhello\r\n")
    for arguments in (["decode", path], ["decode", "--header", written(lab, "header", BROKEN)], ["show", path]):
        out, told = mime(lab, *arguments, code=65)
        assert "\ufffd" in out.decode() and "Subject" in told, (arguments, out, told)
    out, told = mime(lab, "decode", "-q", path, code=65)
    assert not told, told
    [part] = rows(lab, "show", path, code=65)
    assert part["headers"][0]["undecodable"], part
    bare, told = mime(lab, "decode", "--header", stdin=BROKEN.split(b" ", 1)[1], code=65)
    assert "\ufffd" in bare.decode() and "U+FFFD" in told, (bare, told)
    assert not mime(lab, "decode", stdin=b"Subject: =?utf-8?B?44GC?=\r\n\r\n")[1]


def test_names_that_can_not_be_decoded_are_told(lab):
    path = written(lab, "m.eml", b"Content-Type: application/x; name*=utf-8''%E3%81%FF%82\r\n\r\nhello\r\n")
    out = folder(lab)
    for arguments in (["decode", path], ["show", path], ["extract", "-C", out, path]):
        _, told = mime(lab, *arguments, code=65)
        assert "U+FFFD" in told, (arguments, told)


def test_show_tells_by_its_code_that_content_is_lost(lab):
    octets = b"Content-Transfer-Encoding: base64\r\n\r\nQUJDR\r\n"
    _, told = mime(lab, "show", stdin=octets, code=65)
    assert "base64 was cut" in told, told
    mime(lab, "show", "--json", stdin=octets, code=65)


def test_options_that_would_not_be_obeyed_are_refused(lab):
    one, two = written(lab, "1.eml", b"Subject: a\r\n\r\nhi\r\n"), written(lab, "2.eml", b"Subject: b\r\n\r\nhi\r\n")
    out = folder(lab)
    for wrong, arguments in (
            ("FILE", ["extract", "--part", "1", one, two]), ("--folder", ["extract", "--part", "1", "-C", out, one]),
            ("--all", ["extract", "--part", "1", "--all", one]), ("--json", ["extract", "--part", "1", "--json", one]),
            ("--largest", ["extract", "--part", "1", "--largest", 3, one]), ("--most", ["extract", "--part", "1", "--most", 3, one]),
            ("--from", ["attach", "--from", "a@example.org", "-m", one, two]), ("--to", ["attach", "--to", "a@example.org", "-m", one, two]),
            ("--subject", ["attach", "--subject", "a", "-m", one, two]), ("--text", ["attach", "--text", "a", "-m", one, two]),
            ("--message", ["attach", "--new", "--text", "a", "-m", one, two]),
            ("--charset", ["decode", "--charset", "utf-8", one]), ("--charset", ["decode", "--part", "1", "--charset", "utf-8", one]),
            ("--part", ["decode", "--header", "--part", "1", one]), ("--binary", ["decode", "--header", "--binary", one]),
            ("--raw", ["decode", "--header", "--raw", one]), ("--charset", ["decode", "--header", "--charset", "utf-8", one]),
            ("--body", ["decode", "--header", "--body", one]), ("--encoding", ["decode", "--header", "--encoding", "qp", one]),
            ("--part", ["decode", "--body", "--part", "1", one]), ("--binary", ["decode", "--body", "--binary", one]),
            ("--part", ["decode", "--encoding", "qp", "--part", "1", one]), ("--charset", ["decode", "--body", "--raw", "--charset", "utf-8", one]),
            ("--encoding", ["encode", "--header", "--encoding", "qp", one]), ("--binary", ["encode", "--header", "--binary", one]),
            ("--word", ["encode", "--word", "B", one]), ("--binary", ["encode", "--binary", one]),
            ("--binary", ["encode", "--encoding", "base64", "--binary", one])):
        octets, told = mime(lab, *arguments, code=64)
        assert not octets and wrong in told, (arguments, octets, told)
    assert not list(out.iterdir())
    # What goes together still does.
    assert mime(lab, "decode", "--body", "--encoding", "qp", "--charset", "utf-8", stdin=b"=41")[0] == b"A"
    assert mime(lab, "decode", "--encoding", "qp", "--raw", stdin=b"=41")[0] == b"A"
    assert mime(lab, "encode", "--encoding", "qp", "--binary", stdin=b"a\n")[0].startswith(b"a=0A")
    assert mime(lab, "extract", "--part", "1", "--messages", one)[0] == b"hi\r\n"


def test_the_type_of_what_is_attached_is_one(lab):
    path = written(lab, "a.bin", b"x")
    for kind in ("text/plain\r\nBcc: b@example.net", "text", "text/", "/plain", "text/plain; charset=x", "a b/c", "message/rfc822", "Message/RFC822", "multipart/mixed", ""):
        out, told = mime(lab, "attach", "--type", kind, path, stdin=b"Subject: a\r\n\r\nhi\r\n", code=64)
        assert not out and "--type" in told, (kind, out, told)
    out, _ = mime(lab, "attach", "--type", "application/x-a+b", path, stdin=b"Subject: a\r\n\r\nhi\r\n")
    assert b"Content-Type: application/x-a+b" in out, out


def test_a_part_that_came_twice_fills_no_hole(lab):
    octets = bytes(range(100)) * 60
    first, second, third = (written(lab, f"{n}.eml", b"\r\n" + yenc(octets[n * 2000:][:2000], (n + 1, n * 2000), 3, 6000)) for n in range(3))
    out = folder(lab)
    _, told = mime(lab, "extract", "-C", out, first, first, third, code=65)
    assert "only 4000 of 6000 octets" in told, told
    mime(lab, "extract", "-C", folder(lab, "whole"), first, third, first, second)


def test_a_part_that_lies_far_out_is_left_out(lab):
    far = b"\r\n=ybegin part=1 total=2 line=128 size=%d name=a\r\n=ypart begin=%d end=%d\r\n" + bytes([97 + 42 - 64]) * 100 + b"\r\n=yend size=100 part=1\r\n"
    wraps = written(lab, "wraps.eml", far % (6000, 2 ** 64 - 16, 2 ** 64 - 2))
    out = folder(lab)
    _, told = mime(lab, "extract", "-C", out, wraps, code=65)
    assert "more octets than its lines tell" in told and not any(p.stat().st_size for p in out.iterdir()), told
    sparse = written(lab, "sparse.eml", far % (1 << 40, (1 << 39) + 1, (1 << 39) + 100))
    few = folder(lab, "few")
    _, told = mime(lab, "extract", "-C", few, "--largest", 1000, sparse, code=65)
    assert "--largest" in told and not any(p.stat().st_size for p in few.iterdir()), told
    # It is the file that may not be larger, and not each of its parts.
    parts = [written(lab, f"{n}.eml", b"\r\n" + yenc(b"x" * 600, (n + 1, n * 600), 2, 1200)) for n in range(2)]
    two = folder(lab, "two")
    mime(lab, "extract", "-C", two, "--largest", 1000, *parts, code=65)
    assert [p.stat().st_size for p in two.iterdir()] == [1000]


def test_a_body_that_holds_two_files_is_told(lab):
    uu = b"begin 644 a\n#0V%T\n`\nend\n"
    path = written(lab, "m.eml", b"Content-Type: application/x\nContent-Transfer-Encoding: x-uuencode\n\nhi\n" + uu + uu)
    out, told = mime(lab, "extract", "--part", "1", path, code=65)
    assert out == b"Cat" and "more than one file" in told and "text around" in told, (out, told)
