"""What Japanese text is compared with: nkf, iconv, Python, and encoding-japanese (npm)."""
import email
import email.header
import email.policy
import json
import shutil
import subprocess
from pathlib import Path

from marks import Skip

TOP = Path(__file__).resolve().parents[2]
RECORDED = TOP / "tests/vectors/japanese/encoding_japanese.json"


def run(command, octets):
    return subprocess.run(command, input=octets, capture_output=True, timeout=60, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})


def needed(program):
    if not shutil.which(program):
        raise Skip(f"{program} is not here: Debian's package {program}")


def nkf(octets, *options):
    return run(["nkf", *options], octets).stdout


def iconv(octets, source, target):
    """None where it refuses."""
    done = run(["iconv", "-f", source, "-t", target], octets)
    return done.stdout if done.returncode == 0 else None


def python_decode(octets, codec):
    try:
        return octets.decode(codec)
    except UnicodeDecodeError:
        return None


def python_encode(text, codec):
    try:
        return text.encode(codec)
    except UnicodeEncodeError:
        return None


def python_header(value):
    """Of email.header, as programs have used it for long; the name of what it raises."""
    try:
        return str(email.header.make_header(email.header.decode_header(value.decode("ascii", "surrogateescape"))))
    except (UnicodeError, LookupError, email.errors.MessageError) as problem:
        return type(problem).__name__


def python_message(value):
    """Of the newer email.policy.default."""
    return email.message_from_bytes(b"Subject: " + value + b"\n\n", policy=email.policy.default)["subject"]


class EncodingJapanese:
    """Asks the package where it is (tools/fetch_node_packages.sh), and its recorded answers elsewhere."""

    def __init__(self):
        self.node = shutil.which("node")
        self.modules = TOP / "build/node/node_modules"
        self.here = bool(self.node) and (self.modules / "encoding-japanese").is_dir()

    def ask(self, questions):
        """Answers of the package itself."""
        done = subprocess.run([self.node, TOP / "tests/node/encoding_japanese.cjs"], input=json.dumps(questions), capture_output=True, text=True,
                              timeout=120, env={"PATH": "/usr/bin:/bin", "NODE_PATH": str(self.modules)})
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def answers(self, name, questions):
        """To questions[name]; with the package its own answers, which must be the recorded ones."""
        recorded = json.loads(RECORDED.read_text())[name]
        if not self.here:
            return recorded
        answers = self.ask(questions[name])
        other = [row for row in zip(questions[name], answers, recorded, strict=True) if row[1] != row[2]]
        assert not other, f"{RECORDED} has other answers under {name} (tests/node/record.py makes it anew): {other[:5]}"
        return answers
