#!/usr/bin/env python3
"""Asks encoding-japanese (tools/fetch_node_packages.sh) all that tests/e2e/test_mime_charsets.py wants to know, and records it."""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import japanese_peers  # noqa: E402
import test_mime_charsets  # noqa: E402

package = japanese_peers.EncodingJapanese()
if not package.here:
    sys.exit("node or encoding-japanese is not here: run tools/fetch_node_packages.sh")
answers = {name: package.ask(asked) for name, asked in test_mime_charsets.questions().items()}
japanese_peers.RECORDED.write_text(json.dumps(answers, indent=0) + "\n")
