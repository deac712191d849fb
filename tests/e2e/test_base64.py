"""hikyaku base64: byte-exact both ways, by the options of GNU and of BSD, and never cut short in silence."""
import base64
import hashlib
import io
import os
import random
import subprocess
import sys
import zipfile

from marks import long

COREUTILS = "/usr/bin/base64"
USAGE, DATA, NO_INPUT, CANT_CREATE, IO = 64, 65, 66, 73, 74
LARGE = (5 << 20) + 12345  # several windows of a mapped file, and a rest


def run(lab, *arguments, stdin=b"", want=0, **options):
    """What it wrote, and what it told."""
    done = subprocess.run([lab.binary, "base64", *map(str, arguments)], input=stdin, capture_output=True, timeout=60, **options)
    assert done.returncode == want, f"base64 {arguments} ended with {done.returncode}, not {want}: {done.stderr.decode()}"
    return done.stdout, done.stderr.decode()


def encoded(lab, *arguments, stdin):
    out, told = run(lab, *arguments, stdin=stdin)
    assert not told, told
    return out


def coreutils(*arguments, stdin):
    return subprocess.run([COREUTILS, *arguments], input=stdin, capture_output=True, check=True, timeout=60).stdout


def some_octets(size, seed=1) -> bytes:
    return random.Random(seed).randbytes(size)


def some_zip(folder):
    path = folder / "1.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("読んで.txt", "日本語の本文\r\n" * 1000)
        made.writestr("noise", some_octets(100000))
    return path


def md5sum(path) -> str:
    return subprocess.run(["md5sum", path], capture_output=True, text=True, check=True).stdout.split()[0]


def test_a_zip_comes_back_as_it_was_by_the_options_of_macos(lab):
    original, text, back = some_zip(lab.folder), lab.folder / "1.b64", lab.folder / "2.zip"
    with open(original, "rb") as source, open(text, "wb") as out:
        subprocess.run([lab.binary, "base64", "-b", "72"], stdin=source, stdout=out, check=True)
    assert text.read_bytes() == coreutils("-w", "72", stdin=original.read_bytes())
    with open(back, "wb") as out:
        subprocess.run([lab.binary, "base64", "-D", text], stdout=out, check=True)
    assert md5sum(original) == md5sum(back) == hashlib.md5(original.read_bytes()).hexdigest()
    assert zipfile.ZipFile(io.BytesIO(back.read_bytes())).testzip() is None


@long
def test_coreutils_reads_what_we_write_and_the_other_way_round(lab):
    for size in (0, 1, 2, 3, 56, 57, 58, 1000, 300000, LARGE):
        octets = some_octets(size, size)
        text = encoded(lab, stdin=octets)
        assert text == coreutils(stdin=octets) and coreutils("-d", stdin=text) == octets, size
        assert encoded(lab, "-d", stdin=text) == octets, size
        path = lab.folder / "octets"
        path.write_bytes(octets)
        assert run(lab, path)[0] == text, size
        path.write_bytes(text)
        assert run(lab, "-d", path)[0] == octets, size


@long
def test_every_line_length(lab):
    octets = some_octets(5000)
    for length in (0, 1, 2, 3, 4, 5, 63, 64, 72, 75, 76, 77, 1000, 100000):
        want = coreutils("-w", str(length), stdin=octets)
        for flags in ([f"-w{length}"], ["-w", length], [f"--wrap={length}"], ["-b", length], [f"-b{length}"], [f"--break={length}"]):
            assert encoded(lab, *flags, stdin=octets) == want, flags
        assert encoded(lab, "-d", stdin=want) == octets, length
    path, octets = lab.folder / "octets", some_octets(LARGE)  # mapped, and shared out to two threads
    path.write_bytes(octets)
    for length in (0, 4, 64, 75, 76, 100000, 4 << 20):
        assert run(lab, "-w", length, path)[0] == coreutils("-w", str(length), stdin=octets), length
    assert encoded(lab, "-A", stdin=octets) == coreutils("-w0", stdin=octets)
    assert encoded(lab, "--crlf", stdin=octets) == coreutils(stdin=octets).replace(b"\n", b"\r\n")


def test_decode_by_every_name(lab):
    for flag in ("-d", "-D", "--decode"):
        assert encoded(lab, flag, stdin=b"Zm9v\n") == b"foo", flag
    assert encoded(lab, "-e", stdin=b"foo") == encoded(lab, "--encode", stdin=b"foo") == b"Zm9v\n"


def test_url_alphabet_and_padding(lab):
    octets = b"\xfb\xff\xbff"
    assert encoded(lab, "-u", stdin=octets) == base64.urlsafe_b64encode(octets) + b"\n" == b"-_-_Zg==\n"
    assert encoded(lab, "--url", "--no-padding", stdin=octets) == b"-_-_Zg\n"
    assert encoded(lab, "-u", "-d", stdin=b"-_-_Zg\n") == octets
    _, told = run(lab, "-d", stdin=b"Zm9v-_-_", want=DATA)
    assert "offset 4" in told and "-u" in told, told


def test_files_are_named_as_gnu_bsd_and_openssl_name_them(lab):
    source, text, back = lab.folder / "in put", lab.folder / "text", lab.folder / "back"
    source.write_bytes(b"foobar")
    for names in (["-i", source, "-o", text], ["--input", source, "--output", text], [f"--input={source}", f"--output={text}"], [source, "-o", text],
                  ["-in", source, "-out", text], ["-i", source, "-o", text, "-b", 4]):
        text.unlink(missing_ok=True)
        assert run(lab, *names) == (b"", "")
        assert text.read_bytes() == (b"Zm9v\nYmFy\n" if "-b" in names else b"Zm9vYmFy\n"), names
        back.write_bytes(b"longer than what comes back")
        assert run(lab, "-D", "-i", text, "-o", back) == (b"", "")
        assert back.read_bytes() == b"foobar", names
    assert encoded(lab, "-", stdin=b"foobar") == encoded(lab, "-i", "-", stdin=b"foobar") == b"Zm9vYmFy\n"
    assert not (lab.folder / "ut").exists()
    dashed = lab.folder / "-x"
    dashed.write_bytes(b"foo")
    assert run(lab, "--", "-x", cwd=lab.folder)[0] == b"Zm9v\n"


def test_all_that_is_said_to_be_taken_is_decoded(lab):
    for text, octets in ((b"Zm9v\r\nYmFy\r\n", b"foobar"), (b"Zm9vYg", b"foob"), (b"Zm9vYmE\n", b"fooba"), (b"Zg==\nZm8=\nZm9v\nZg==\n", b"ffofoof"),
                         (b"Zg==\r\nZg", b"ff"), (b"Zg==Zg==", b"ff"), (b"\n\nZ\nm\n9\nv\n", b"foo"), (b"", b"")):
        assert encoded(lab, "-d", stdin=text) == octets, text


def test_whatever_else_is_refused_with_its_offset(lab):
    for text, offset, before in ((b"Zm9v YmFy", 4, b"foo"), (b"Zm9v\n\nYm*y", 8, b"foo"), (b"Zm9v\rYmFy", 4, b"foo"), (b"Zm9v\xff", 4, b"foo"), (b"Zm9vZ", 5, b"foo"),
                                 (b"Zg=", 3, b"f"), (b"Zg===", 4, b"f"), (b"=", 0, b""), (b"Zm9vZh==", 5, b"foo"), (b"Zm9vZm9", 6, b"foo"), (b"Zg\nZg==", 5, b"f\x06\x60")):
        out, told = run(lab, "-d", stdin=text, want=DATA)
        assert f"offset {offset} " in told and out == before, (text, told, out)
        assert "\xff" not in told
    # Far into a file, and in the last octet of a window.
    text = bytearray(coreutils("-w0", stdin=some_octets(LARGE)))
    path = lab.folder / "text"
    for offset in (0, (2 << 20) - 1, 2 << 20, (4 << 20) + 5, len(text) - 3):
        damaged = bytearray(text)
        damaged[offset] = ord("*")
        path.write_bytes(damaged)
        out, told = run(lab, "-d", path, want=DATA)
        assert f"'*' (0x2a) at offset {offset} " in told and str(path) in told, told
        assert out == base64.b64decode(text[:offset // 4 * 4]), offset


def test_ignored_garbage_is_told(lab):
    text = b"Zm9v \t*\r\nYm\xffFy"
    for flags in (["-d", "-i"], ["-di"], ["-d", "--ignore-garbage"], ["-D", "--ignore-garbage"], ["-D", "-i"]):
        out, told = run(lab, *flags, stdin=text)
        assert out == b"foobar" and "ignored 4 octets" in told and "offset 4" in told, (flags, told)
    assert encoded(lab, "-di", stdin=b"Zm9v\r\n") == b"foo"
    path = lab.folder / "text"
    path.write_bytes(text)
    # Behind -i: GNU's -di FILE ignores, BSD's -D -i FILE names the file.
    assert run(lab, "-di", path)[0] == run(lab, "-d", "-i", path)[0] == b"foobar"
    assert "offset 4" in run(lab, "-D", "-i", path, want=DATA)[1]
    assert run(lab, "-D", "--ignore-garbage", "--input", path)[0] == b"foobar"
    assert "offset 4" in run(lab, "-d", "--input", path, want=DATA)[1]
    assert run(lab, "-di", stdin=b"Zm9vZ", want=DATA)[0] == b"foo"


def test_whatever_ignoring_drops_is_told(lab):
    for text, octets, told in ((b"Zh", b"f", [("1 last digits", 1)]), (b"Zg=", b"f", [("1 pieces", 3)]), (b"Zg=Zg", b"ff", [("1 pieces", 3)]),
                               (b"Zh==Zm9=", b"ffo", [("2 last digits", 1)]), (b"Zh=*", b"f", [("1 octets", 3), ("1 last digits", 1), ("1 pieces", 4)])):
        out, lines = run(lab, "-di", stdin=text)
        assert out == octets and len(lines.splitlines()) == len(told), (text, out, lines)
        for (what, offset), line in zip(told, lines.splitlines()):
            assert f"ignored {what}" in line and line.endswith(f"at offset {offset}"), (text, line)


def test_spellings_of_openssl_and_bsd_are_read_as_they_are_or_refused(lab):
    (lab.folder / "1.b64").write_bytes(b"Zm9v\n")
    for flags, written in ((["-o", "-in"], "-in"), (["--output", "-out"], "-out"), (["-do", "-in"], "-in"), (["-w", "4", "-out", "-in"], "-in")):
        octets = b"foo" if "-do" in flags else b"Wm05dgo=\n" if "-w" not in flags else b"Wm05\ndgo=\n"
        run(lab, *flags, "1.b64", cwd=lab.folder)
        assert (lab.folder / written).read_bytes() == octets, flags
        (lab.folder / written).unlink()
    for flags, advice in ((["-out=x"], "-out FILE"), (["-in=1.b64"], "-in FILE"), (["-i1.b64"], "-i FILE"), (["-Di1.b64"], "-i FILE"), (["-D", "-input"], "-i FILE")):
        assert advice in run(lab, *flags, cwd=lab.folder, want=USAGE)[1], flags
    assert [path.name for path in lab.folder.iterdir()] == ["1.b64"], list(lab.folder.iterdir())
    assert run(lab, "-id", "1.b64", cwd=lab.folder)[0] == run(lab, "-iDo-", "1.b64", cwd=lab.folder)[0] == b"foo"


def test_usage_that_contradicts_itself_is_refused_before_anything_is_written(lab):
    one, other = lab.folder / "one", lab.folder / "other"
    one.write_bytes(b"foo")
    other.write_bytes(b"bar")
    for flags in (["-e", "-d"], ["-w", "-1"], ["-w", "x"], ["-w", "4x"], ["-b", ""], ["-w", 4, "-b", 5], ["-A", "-w", 4], ["-b", 4, "-A"], ["-d", "--crlf"], ["-D", "--no-padding"], ["--no-such"], ["--input", one, other], [one, other], ["-i", one, other]):
        assert run(lab, *flags, want=USAGE)[0] == b"", flags
    run(lab, "--input", lab.folder / "none", "-o", other, want=NO_INPUT)
    run(lab, lab.folder, want=IO)
    run(lab, one, "-o", lab.folder / "none/x", want=CANT_CREATE)
    assert one.read_bytes() == b"foo" and other.read_bytes() == b"bar"


def test_a_file_is_not_written_over_itself(lab):
    path = lab.folder / "file"
    path.write_bytes(b"foo")
    os.link(path, lab.folder / "same")
    for output in (path, lab.folder / "same"):
        assert "is the file that is read" in run(lab, path, "-o", output, want=CANT_CREATE)[1]
    with open(path, "ab") as out:
        done = subprocess.run([lab.binary, "base64", path], stdout=out, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == CANT_CREATE and path.read_bytes() == b"foo", done


def test_what_can_not_be_written_is_told(lab):
    for flags, size in (([], 100), ([], LARGE), (["-d"], LARGE)):
        octets = some_octets(size)
        with open("/dev/full", "wb") as full:
            done = subprocess.run([lab.binary, "base64", *flags], input=coreutils(stdin=octets) if flags else octets, stdout=full, stderr=subprocess.PIPE, timeout=60)
        assert done.returncode == IO and b"No space left" in done.stderr, (flags, done.stderr)
    assert "No space left" in run(lab, "-o", "/dev/full", stdin=b"foo", want=IO)[1]
    # A reader that went, where nobody ends us by a signal.
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(["sh", "-c", 'trap "" PIPE; exec "$0" base64', lab.binary], input=b"foo", stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)
    assert done.returncode == IO and b"Broken pipe" in done.stderr, done


def test_a_file_that_is_cut_while_it_is_read_is_told(lab):
    path = lab.folder / "file"
    path.write_bytes(bytes(64 << 20))
    reader, writer = os.pipe()
    process = subprocess.Popen([lab.binary, "base64", path], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    os.read(reader, 1)  # it is at work, and waits for us to read
    os.truncate(path, 4096)
    while os.read(reader, 1 << 20):
        pass
    os.close(reader)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == IO and b"was cut" in told, (process.returncode, told)


def test_pieces_of_a_pipe_come_out_at_once_and_a_begun_file_goes_on_where_it_stands(lab):
    process = subprocess.Popen([lab.binary, "base64", "-w", "4"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdin.write(b"foob")
    process.stdin.flush()
    assert os.read(process.stdout.fileno(), 100) == b"Zm9v\n"
    process.stdin.close()
    assert process.stdout.read() == b"Yg==\n" and process.wait(60) == 0
    path, octets = lab.folder / "file", some_octets(LARGE)
    path.write_bytes(octets)
    with open(path, "rb") as source:
        os.lseek(source.fileno(), 1001, os.SEEK_SET)
        done = subprocess.run([lab.binary, "base64"], stdin=source, capture_output=True, check=True, timeout=60)
        assert os.lseek(source.fileno(), 0, os.SEEK_CUR) == LARGE
    assert done.stdout == coreutils(stdin=octets[1001:])


# Its own interpreter, since what a process had at most counts from the fork on, when it still was its parent's: a small one.
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_file(lab):
    peaks = []
    for size in (1 << 20, 96 << 20):
        path = lab.folder / "file"
        with open(path, "wb") as out:
            out.truncate(size)
        told = subprocess.run([sys.executable, "-c", PEAK, lab.binary, "base64", path], capture_output=True, check=True, timeout=120)
        peaks.append(int(told.stdout))
    assert peaks[1] < peaks[0] + 8192, peaks
