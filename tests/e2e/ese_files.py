"""Writes databases, logs and checkpoints of the JET (ESE) engine that hold nothing: a second writer beside
src/ese/synthetic_files.h, bit by bit from the description of the format, so that both can't err the same way."""
import functools
import struct

SECTOR = 4096


def xor_checksum(header) -> int:
    return functools.reduce(lambda a, b: a ^ b, struct.unpack(f"<{len(header) // 4}I", header)[1:], 0x89ABCDEF)


def ecc_checksum(block, number, skipped=8) -> int:
    words, low, bits = number, 0, 0
    for at in range(skipped, len(block)):
        for bit in range(8):
            if block[at] >> bit & 1:
                low ^= at * 8 + bit
                words ^= 1 << (at * 8 + bit) % 32
                bits += 1
    high = low ^ (8 * len(block) - 1 if bits % 2 else 0)
    return high << 48 | low << 32 | words


def sealed(header: bytearray) -> bytes:
    struct.pack_into("<I", header, 0, xor_checksum(header))
    return bytes(header)


def time(second) -> bytes:
    """2026-11-24 20:21:`second` UTC"""
    return bytes([second % 60, 21, 20, 24, 11, 126, 1, 0])


def signature(random) -> bytes:
    return struct.pack("<I", random) + time(3) + b"MAIL\x1b1".ljust(16, b"\0")


def position(generation, sector=0, octet=0) -> bytes:
    return struct.pack("<HHi", octet, sector, generation)


def page(number, size=4096) -> bytes:
    out = bytearray(size)
    out[40:60] = b"contents of the page"
    struct.pack_into("<I", out, 36, 0x2000)
    struct.pack_into("<Q", out, 0, ecc_checksum(out, number))
    return bytes(out)


def database(state=2, required=(10, 12), committed=12, log_signature=77, pages=3, size=4096) -> bytes:
    header = bytearray(size)
    struct.pack_into("<III", header, 4, 0x89ABCDEF, 0x620, 0)
    header[24:52] = signature(1)
    struct.pack_into("<I", header, 52, state)
    header[56:64], header[64:72] = position(required[0], 3, 27), time(5)
    header[108:136] = signature(log_signature)
    struct.pack_into("<II", header, 232, 0x14, size)
    struct.pack_into("<ii", header, 296, *required)
    struct.pack_into("<i", header, 416, committed)
    struct.pack_into("<I", header, 667, 1)
    return sealed(header) * 2 + b"".join(page(number + 1, size) for number in range(pages))


def sector(generation, number) -> bytes:
    out = bytearray(SECTOR)
    out[8:16] = position(generation, number)
    struct.pack_into("<I", out, 36, 0x2000)
    out[100:120] = b"twenty octets of log"
    struct.pack_into("<Q", out, 0, ecc_checksum(out, number))
    return bytes(out)


def accumulated(log) -> int:
    """What the log after this one records of it."""
    written = [log[at:at + SECTOR] for at in range(SECTOR, len(log), SECTOR)]
    good = [s for number, s in enumerate(written, 1) if struct.unpack_from("<H", s, 10)[0] == number]
    return functools.reduce(lambda a, s: a ^ struct.unpack_from("<Q", s)[0], good, 0)


def log(generation, before=None, written=4, sectors=8, log_signature=77, major=8) -> bytes:
    header = bytearray(SECTOR)
    struct.pack_into("<iHHHH", header, 4, generation, SECTOR, 1, sectors, 32768)
    header[16:24], header[24:32] = time(generation), time(generation - 1)
    struct.pack_into("<III", header, 32, major, 4, 5)
    header[44:72] = signature(log_signature)
    struct.pack_into("<Q", header, 653, accumulated(before) if before else 0)
    struct.pack_into("<I", header, 667, 3)
    body = b"".join(sector(generation, number) for number in range(1, written + 1))
    if written:
        body += sector(generation, written)  # its shadow
    return sealed(header) + body.ljust((sectors - 1) * SECTOR, b"\0")


def checkpoint(generation, log_signature=77) -> bytes:
    copy = bytearray(SECTOR)
    copy[12:20] = position(generation, 0x27, 0x1D2)
    copy[20:48] = signature(log_signature)
    copy[48:57] = b"D:\\Queue\\"
    struct.pack_into("<I", copy, 667, 4)
    return sealed(copy) * 2


def three_logs(folder):
    """Generations 10, 11 and 12 of base E00, the last one current, and a checkpoint at 10."""
    folder.mkdir()
    first = log(10)
    second = log(11, first)
    for name, contents in (("E000000000A.log", first), ("E000000000B.log", second), ("E00.log", log(12, second, written=2)),
                           ("E00tmp.log", b"being made"), ("E00.chk", checkpoint(10))):
        (folder / name).write_bytes(contents)
    return folder
