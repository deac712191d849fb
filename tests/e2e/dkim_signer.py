"""Signs messages as RFC 6376 and RFC 8463 say, with openssl's keys: a second opinion beside the library that verifies."""
import base64
import hashlib
import re
import subprocess
import tempfile
from pathlib import Path


class Key:
    """A key of its own; `record` is what stands in the DNS."""

    def __init__(self, folder, kind="rsa", name="key"):
        self.kind, self.file = kind, Path(folder) / f"{name}.pem"
        options = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"] if kind == "rsa" else ["-algorithm", "ED25519"]
        subprocess.run(["openssl", "genpkey", *options, "-out", self.file], check=True, capture_output=True)
        public = subprocess.run(["openssl", "pkey", "-in", self.file, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
        # RFC 8463 s. 4.2: the key alone, without the twelve octets that say what it is.
        self.record = f"v=DKIM1; k={kind}; p={base64.b64encode(public if kind == 'rsa' else public[12:]).decode()}"

    def sign(self, octets):
        with tempfile.NamedTemporaryFile() as given:
            given.write(octets if self.kind == "rsa" else hashlib.sha256(octets).digest())
            given.flush()
            how = ["dgst", "-sha256", "-sign", self.file, given.name] if self.kind == "rsa" else ["pkeyutl", "-sign", "-inkey", self.file, "-rawin", "-in", given.name]
            return subprocess.run(["openssl", *how], check=True, capture_output=True).stdout


def strings(record):
    """A record as the DNS has it: in strings of at most 255 octets."""
    return [record[at:at + 255] for at in range(0, len(record), 255)]


def relaxed_field(field):
    name, value = field.split(b":", 1)
    return name.strip().lower() + b":" + re.sub(rb"[ \t\r\n]+", b" ", value).strip() + b"\r\n"


def relaxed_body(body):
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    body = b"\r\n".join(lines).rstrip(b"\r\n")
    return body + b"\r\n" if body else b""


def simple_body(body):
    return body.rstrip(b"\r\n") + b"\r\n"


def signed(key, message, way="relaxed/relaxed", fields=("from", "subject"), domain="a.example", selector="sel"):
    """`message` with a DKIM-Signature in front."""
    header, body = message.split(b"\r\n\r\n", 1)
    all_fields = re.findall(rb"[^\r\n][^\r\n]*(?:\r\n[ \t][^\r\n]*)*\r\n", header + b"\r\n")
    header_way, body_way = way.split("/")
    canonical = relaxed_field if header_way == "relaxed" else lambda field: field
    digest = hashlib.sha256((relaxed_body if body_way == "relaxed" else simple_body)(body)).digest()
    mark = (f"DKIM-Signature: v=1; a={key.kind}-sha256; c={way}; d={domain}; s={selector};\r\n\th={':'.join(fields)};"
            f" bh={base64.b64encode(digest).decode()};\r\n\tb=").encode()
    chosen = [next(field for field in reversed(all_fields) if field.split(b":")[0].strip().lower() == name.encode()) for name in fields]
    what = b"".join(canonical(field) for field in chosen) + canonical(mark + b"\r\n").removesuffix(b"\r\n")
    return mark + base64.b64encode(key.sign(what)) + b"\r\n" + message
