"""hikyaku ese: real databases, where there are some, and synthetic ones with their logs (ese_files.py)."""
import gzip
import json
import os
import subprocess
from pathlib import Path

import ese_files
from marks import Skip

# basic.edb.gz, Current.mdb.gz, SRUDB.dat.gz and large.edb.gz of the test data of dissect.esedb, which is not ours to hand on.
SAMPLES = Path(os.environ.get("HIKYAKU_ESE_SAMPLES", Path(__file__).resolve().parents[3] / "shared/vectors/ese"))


def ese(lab, *arguments, code=0):
    """Its stdout and stderr."""
    done = subprocess.run([lab.binary, "ese", *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, (arguments, done.returncode, done.stdout[-2000:], done.stderr)
    return done.stdout, done.stderr


def rows(lab, *arguments, code=0):
    return [json.loads(line) for line in ese(lab, *arguments, "--json", code=code)[0].splitlines()]


def sample(lab, name):
    if not (SAMPLES / f"{name}.gz").exists():
        raise Skip(f"no {name}.gz in {SAMPLES} (HIKYAKU_ESE_SAMPLES)")
    path = lab.folder / name
    path.write_bytes(gzip.decompress((SAMPLES / f"{name}.gz").read_bytes()))
    return path


def written(lab, name, contents):
    path = lab.folder / name
    path.write_bytes(contents)
    return path


def test_headers_of_real_databases(lab):
    for name, page_size, windows in (("basic.edb", 4096, [6, 2, 9200, 0]), ("SRUDB.dat", 4096, [10, 0, 17763, 0]), ("large.edb", 32768, [6, 2, 9200, 0])):
        [row] = rows(lab, "header", sample(lab, name))
        assert (row["page_size"], row["windows_version"], row["state"], row["from_shadow"]) == (page_size, windows, "Clean Shutdown", False), row
        assert row["required_low"] == row["required_high"] == 0 and row["primary"]["intact"] and row["shadow"]["intact"], row
    told, _ = ese(lab, "header", lab.folder / "SRUDB.dat")
    for line in ("            State: Clean Shutdown", "     Log Required: 0-0 (0x0-0x0)", "         cbDbPage: 4096",
                 "  Last Consistent: (0x5,9,E5C)  11/16/2021 20:21:00.069 UTC", "Expected Checksum: 0x4dacb44a", "  Actual Checksum: 0x4dacb44a"):
        assert line in told.splitlines(), (line, told)


def test_pages_of_real_databases(lab):
    for name, good, zero in (("basic.edb", 23, 231), ("Current.mdb", 102, 152), ("large.edb", 381, 385)):
        [row] = rows(lab, "pages", sample(lab, name))
        assert row["summary"] == {"pages": good + zero, "good": good, "uninitialized": zero, "corrected": 0, "misplaced": 0, "bad": 0, "unreadable": 0,
                                  "old_format": 0, "octets_over": 0, "damaged": False}, row


def test_text_where_pages_should_be_is_told_page_by_page(lab):
    *bad, last = rows(lab, "pages", sample(lab, "SRUDB.dat"), code=65)
    assert [row["page"] for row in bad] == list(range(143, 159)) and all(row["state"] == "bad" and row["offset"] == (row["page"] + 1) * 4096 for row in bad), bad
    assert (last["summary"]["good"], last["summary"]["uninitialized"], last["summary"]["bad"]) == (79, 63, 16), last
    told, progress = ese(lab, "pages", lab.folder / "SRUDB.dat", code=65)
    assert "page 143, offset 589824: bad, checksum expected 0xffffff88, actual 0xf474b619" in told and not progress, (told, progress)


def test_every_flipped_bit_of_a_real_page_is_mended_or_told(lab):
    whole = bytearray(sample(lab, "large.edb").read_bytes())
    for octet, state in ((100, "corrected"), (8191, "corrected"), (8192, "corrected"), (20000, "corrected"), (32767, "corrected"), (3, "bad")):
        changed = bytearray(whole)
        changed[2 * 32768 + octet] ^= 1 << octet % 8
        found, last = rows(lab, "pages", written(lab, "changed.edb", changed), code=65 if state == "bad" else 0)
        assert (found["page"], found["offset"], found["state"]) == (1, 65536, state), found
        if state == "corrected":
            assert found["wrong_bits"] == [octet * 8 + octet % 8], found


def test_tables_of_real_databases(lab):
    tables = {row["table"]: row for row in rows(lab, "tables", sample(lab, "Current.mdb"), "--columns")}
    assert "MSysObjects" in tables and "CLIENTS" in tables, tables.keys()
    assert tables["CLIENTS"]["column_names"][:3] == ["RoleGuid", "TenantId", "TotalAccesses"], tables["CLIENTS"]
    assert len(rows(lab, "tables", sample(lab, "SRUDB.dat"))) == 12
    told, _ = ese(lab, "tables", lab.folder / "Current.mdb")
    assert told.splitlines()[0] == "columns  indexes  table" and "CLIENTS" in told, told


def test_damaged_header_is_read_from_its_shadow(lab):
    contents = bytearray(ese_files.database())
    contents[300] ^= 1
    path = written(lab, "db.edb", contents)
    told, note = ese(lab, "header", path)
    assert "DATABASE HEADER (of its shadow copy):" in told and "Log Required: 10-12 (0xa-0xc)" in told, told
    assert f"{path}: the header at offset 0 is damaged" in note and "its shadow copy at offset 4096 is used" in note, note
    contents[4096 + 300] ^= 1
    told, note = ese(lab, "header", written(lab, "db.edb", contents), code=65)
    assert not told and "the header at offset 0 is damaged (checksum stored 0x" in note and "so is its shadow copy at offset 4096" in note, note
    [last] = rows(lab, "pages", path, "--page-size", 4096)
    assert last["summary"]["good"] == 3, last


def test_other_files_are_refused_with_file_and_offset(lab):
    log = written(lab, "E00.log", ese_files.log(10))
    chk = written(lab, "E00.chk", ese_files.checkpoint(10))
    text = written(lab, "text", b"no database at all\n" * 1000)
    cut = written(lab, "cut", ese_files.database()[:500])
    for arguments, code, said in ((("header", log), 65, f"{log} is a log file, not a database: use hikyaku ese logs"),
                                  (("header", chk), 65, f"{chk} is a checkpoint file, not a database: use hikyaku ese checkpoint"),
                                  (("header", text), 65, f"{text} is not an ESE database: offset 4 holds 61 74 61 62, expected ef cd ab 89"),
                                  (("pages", cut), 65, f"{cut}: the file ends at offset 500, in the middle of a database header of 748 octets"),
                                  (("tables", text), 65, "expected ef cd ab 89"),
                                  (("checkpoint", log), 65, f"{log} is a log file, not a checkpoint file"),
                                  (("header", lab.folder / "none"), 66, f"{lab.folder}/none: No such file or directory"),
                                  (("header", lab.folder), 66, "not a file"),
                                  (("logs", lab.folder / "none", "E00"), 66, "none"),
                                  (("logs", lab.folder, "E07"), 66, "no log of the base name 'E07'"),
                                  (("header",), 64, "FILE"),
                                  (("verdict", text, lab.folder), 64, "E00"),
                                  ((), 64, "")):
        told, note = ese(lab, *arguments, code=code)
        assert said in note, (arguments, note)


def test_names_out_of_files_cant_command_a_terminal(lab):
    told, _ = ese(lab, "header", written(lab, "db.edb", ese_files.database()))
    assert "Computer:MAIL\\x1b1" in told and "\x1b" not in told, told
    folder = lab.folder / "logs"
    folder.mkdir()
    (folder / "E00.log").write_bytes(ese_files.log(3))
    (folder / "E000000000\x1b.log").write_bytes(b"")
    assert "\x1b" not in ese(lab, "logs", folder, "E00")[0]


def test_logs_in_order(lab):
    folder = ese_files.three_logs(lab.folder / "logs")
    *logs, last = rows(lab, "logs", folder, "E00")
    assert [(log["file"], log["generation"], log["state"], log["sectors"]) for log in logs] == [
        ("E000000000A.log", 10, "ok", 4), ("E000000000B.log", 11, "ok", 4), ("E00.log", 12, "ok", 2)], logs
    assert logs[1]["previous_accumulated_checksum"] == logs[0]["accumulated_checksum"] != "0x0000000000000000", logs
    assert last["summary"] == {"logs": 3, "bad": 0, "missing": 0, "first_bad": ""}, last
    assert "3 logs, 0 bad, 0 missing" in ese(lab, "logs", folder, "e00")[0]


def test_bad_logs_are_told_with_error_and_offset(lab):
    folder = ese_files.three_logs(lab.folder / "logs")
    middle = folder / "E000000000B.log"
    whole = middle.read_bytes()

    def second(contents, code=65):
        middle.write_bytes(contents)
        return rows(lab, "logs", folder, "E00", code=code)[1]

    found = second(whole[:2 * 4096 + 50] + b"text" + whole[2 * 4096 + 54:])
    assert (found["state"], found["error"], found["error_name"], found["offset"]) == ("corrupt", -501, "JET_errLogFileCorrupt", 8192), found
    assert "sector 2 is damaged (checksum stored 0x" in found["reason"], found
    found = second(whole[:4 * 4096 + 50] + b"text" + whole[4 * 4096 + 54:], code=0)
    assert found["state"] == "torn" and found["offset"] == 4 * 4096, found
    found = second(ese_files.log(11, log_signature=5))
    assert (found["error"], found["offset"]) == (-530, 44), found
    found = second(whole[:-1])
    assert found["error"] == -501 and "32767 octets, expected 32768" in found["reason"], found
    assert second(ese_files.log(11, major=7), code=0)["state"] == "header_only"
    middle.unlink()
    *logs, last = rows(lab, "logs", folder, "E00", code=65)
    assert (logs[1]["state"], logs[1]["file"], logs[1]["error"]) == ("missing", "E000000000B.log", -528), logs
    assert last["summary"] == {"logs": 2, "bad": 0, "missing": 1, "first_bad": "E000000000B.log"}, last


def test_checkpoint(lab):
    path = written(lab, "E00.chk", ese_files.checkpoint(31))
    [row] = rows(lab, "checkpoint", path)
    assert row["checkpoint"] == {"generation": 31, "sector": 0x27, "octet": 0x1D2} and row["engine"]["system_path"] == "D:\\Queue\\", row
    told, note = ese(lab, "checkpoint", path)
    assert "       Checkpoint: (0x1F,27,1D2)" in told and "System path: D:\\Queue\\" in told and not note, told
    path.write_bytes(b"x" + path.read_bytes()[1:])
    told, note = ese(lab, "checkpoint", path)
    assert "(0x1F,27,1D2)" in told and "the copy at offset 0 is damaged" in note, (told, note)
    ese(lab, "checkpoint", written(lab, "E00.chk", bytes(8192)), code=65)


def test_clean_database_mounts_without_its_logs(lab):
    folder = ese_files.three_logs(lab.folder / "logs")
    path = written(lab, "db.edb", ese_files.database(state=3, required=(0, 0), committed=0))
    told, _ = ese(lab, "verdict", path)
    assert told.startswith(f"{path}: Clean Shutdown. Safe to mount, also after moving its log files away"), told
    [row] = rows(lab, "verdict", path, folder, "E00")
    assert row["outcome"] == "mounts" and row["movable"] == ["E000000000A.log", "E000000000B.log", "E00.log"] and row["required"] is None, row


def test_dirty_database_needs_its_logs(lab):
    folder = ese_files.three_logs(lab.folder / "logs")
    path = written(lab, "db.edb", ese_files.database())
    told, _ = ese(lab, "verdict", path, code=65)
    assert "Dirty Shutdown. Needs logs 10 (0xa) to 12 (0xc): do not remove them." in told and "-550 JET_errDatabaseDirtyShutdown" in told, told
    [row] = rows(lab, "verdict", path, folder, "E00", code=65)
    assert row["outcome"] == "mounts_replaying" and row["required"] == {"low": 10, "high": 12} and not row["movable"], row
    (folder / "E000000000B.log").rename(lab.folder / "moved")
    told, _ = ese(lab, "verdict", path, folder, "E00", code=65)
    for said in ("it will not mount, not even by force", "E000000000B.log: log 11 (0xb), E000000000B.log is not there", "error -543 JET_errRequiredLogFilesMissing"):
        assert said in told, (said, told)
    [row] = rows(lab, "verdict", written(lab, "db.edb", ese_files.database(committed=14, required=(10, 10))), folder, "E00", code=65)
    assert row["outcome"] == "mounts_with_loss" and [p["error"] for p in row["problems"]] == [-582, -582], row
    empty = lab.folder / "empty"
    empty.mkdir()
    [row] = rows(lab, "verdict", path, empty, "E00", code=65)
    assert row["outcome"] == "blocked" and row["problems"][0]["text"].endswith("are not there" if row["required"]["high"] > row["required"]["low"] else "is not there"), row


def test_a_log_of_another_server_does_not_fit(lab):
    folder = lab.folder / "logs"
    folder.mkdir()
    (folder / "E00.log").write_bytes(ese_files.log(12, log_signature=5))
    [row] = rows(lab, "verdict", written(lab, "db.edb", ese_files.database(required=(12, 12))), folder, "E00", code=65)
    assert row["outcome"] == "blocked" and row["problems"][0]["error"] == -530, row


def test_help_has_examples(lab):
    told, _ = ese(lab, "--help")
    for said in ("eseutil /mh", "hikyaku ese verdict priv1.edb /srv/logs E00", "Exit code 65"):
        assert said in told, (said, told)
