"""The `msrp` command by way of the package."""

from __future__ import annotations

import json
import subprocess
import sys

import msrp


def run(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "msrp", *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["msrp", msrp.__version__]


def test_decode() -> None:
    frame = (
        "MSRP a786hjs2 SEND\r\n"
        "To-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n"
        "From-Path: msrp://alice.example.com:7777/iau39soe2843z;tcp\r\n"
        "Message-ID: 87652491\r\n"
        "Byte-Range: 1-5/5\r\n"
        "Content-Type: text/plain\r\n"
        "\r\n"
        "hello\r\n"
        "-------a786hjs2$\r\n"
    )
    done = run("decode", "--json", "--messages", "-", text=frame)
    assert (done.returncode, done.stderr) == (0, "")
    message = json.loads(done.stdout)
    assert message["message_id"] == "87652491"
    assert message["length"] == 5
    assert message["complete"] is True


def test_wrong_arguments() -> None:
    done = run("nonsense")
    assert done.returncode == 2
    assert "nonsense" in done.stderr
