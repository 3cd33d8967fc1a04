"""``msrp chat``: as a script, and at a terminal."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

#: Generous: reached only when something hangs.
DEADLINE = 60.0

COMMAND = [sys.executable, "-m", "msrp"]


def start(*arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.Popen(
        command, **{"stdin": pipe, "stdout": pipe, "stderr": pipe, "text": True, **options}
    )


def finish(process: subprocess.Popen[str], text: str | None = None) -> tuple[int, str, str]:
    try:
        out, err = process.communicate(text, timeout=DEADLINE)
    finally:
        process.kill()
    return process.returncode, out, err


@contextlib.contextmanager
def echoing(folder: Path, *arguments: str) -> Iterator[list[str | Path]]:
    """An echo that answers; gives what the chat needs to meet it."""
    offer, answer = folder / "offer.sdp", folder / "answer.sdp"
    echo = start("--quiet", "echo", "--offer-in", offer, "--answer-out", answer, *arguments)
    try:
        yield ["--offer-out", offer, "--answer-in", answer]
        code, _, err = finish(echo)
        assert (code, err) == (0, "")
    finally:
        echo.kill()
        echo.wait()


def events(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_a_script_against_echo(tmp_path: Path) -> None:
    with echoing(tmp_path) as meeting:
        chat = start("--json", "chat", "--count", "3", *meeting)
        code, out, err = finish(chat, "Hello\n//info is a command\n\nGrüße\n")
    assert (code, err) == (0, "")
    told = events(out)
    texts = [event["text"] for event in told if event["event"] == "message"]
    assert texts == ["Hello", "/info is a command", "Grüße"]
    sent = [event for event in told if event["event"] == "sent"]
    assert [event["delivered"] for event in sent] == [True] * 3
    assert told[-1]["event"] == "closed"


def test_a_script_of_people(tmp_path: Path) -> None:
    with echoing(tmp_path) as meeting:
        chat = start("chat", "--count", "2", *meeting)
        code, out, err = finish(chat, "one\n/nonsense\n/info\ntwo \x1b[2J\n/help\n")
    assert code == 0
    # What the peer writes cannot move the cursor.
    assert out == "one\ntwo \ufffd[2J\n"
    for line in ("me: one ✓✓", "no such command: /nonsense; /help lists them", "session: open"):
        assert line in err
    assert "/file PATH" in err


def test_quit_ends_at_once(tmp_path: Path) -> None:
    with echoing(tmp_path) as meeting:
        chat = start("--json", "chat", "--count", "99", *meeting)
        code, out, _ = finish(chat, "one\n/quit\nnever\n")
    assert code == 0
    assert "never" not in out


def test_files_both_ways(tmp_path: Path) -> None:
    data = os.urandom(300_000)
    photo = tmp_path / "my photo.jpg"
    photo.write_bytes(data)
    inbox = tmp_path / "in"
    offer, answer = tmp_path / "offer", tmp_path / "answer"
    other = start(
        "--json", "chat", "--offer-in", offer, "--answer-out", answer, "--inbox", inbox,
        "--accept-files", "--count", "2",
    )  # fmt: skip
    chat = start("--json", "chat", "--offer-out", offer, "--answer-in", answer)
    code, out, _ = finish(chat, f"/file {photo}\n/file {photo}\n/file {tmp_path}/nothing\n")
    other_code, other_out, _ = finish(other, "")
    assert (code, other_code) == (4, 0)
    told = {event["event"] for event in events(out)}
    assert {"file_sent", "file_not_sent"} <= told
    stored = [event for event in events(other_out) if event["event"] == "file"]
    names = sorted(Path(event["file"]).name for event in stored)
    assert len(names) == 2
    assert "my photo.jpg" in names
    assert all(Path(event["file"]).read_bytes() == data for event in stored)


def test_a_script_refuses_files_it_was_not_told_to_take(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(bytes(5_000_000))
    offer, answer = tmp_path / "offer", tmp_path / "answer"
    other = start(
        "--json", "chat", "--offer-in", offer, "--answer-out", answer, "--count", "1",
        "--inbox", tmp_path / "in",
    )  # fmt: skip
    chat = start("--json", "chat", "--offer-out", offer, "--answer-in", answer)
    code, out, _ = finish(chat, f"/file {photo}\n")
    _, other_out, _ = finish(other, "")
    assert code == 4
    refused = [event for event in events(out) if event["event"] == "file_not_sent"]
    assert "413" in refused[0]["error"]
    offered = [event for event in events(other_out) if event["event"] == "file_offered"]
    assert (offered[0]["name"], offered[0]["total"]) == ("photo.jpg", 5_000_000)
    assert not (tmp_path / "in").exists()


def test_a_script_needs_another_rendezvous() -> None:
    code, _, err = finish(start("chat"), "hello\n")
    assert code == 2
    assert "--answer-in or --offer-in" in err


# At a terminal.


class Terminal:
    """A chat on a pseudo-terminal."""

    def __init__(self, *arguments: str | Path) -> None:
        self.master, slave = pty.openpty()
        self.process = start(
            *arguments,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            text=False,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm"},
        )
        os.close(slave)
        self.seen = b""

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def wait_for(self, pattern: str) -> str:
        """Waits until the screen has shown a match, and gives what came up to its end."""
        deadline = time.monotonic() + DEADLINE
        while True:
            plain = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", self.seen).decode("utf-8", "replace")
            if found := re.search(pattern, plain):
                return plain[: found.end()]
            assert time.monotonic() < deadline, f"no {pattern!r} in {plain!r}"
            self.read(1.0)

    def read(self, timeout: float) -> bool:
        ready, _, _ = select.select([self.master], [], [], timeout)
        if ready:
            try:
                octets = os.read(self.master, 65536)
            except OSError as error:
                # So Linux says that nobody has the other end any more.
                if error.errno != errno.EIO:
                    raise
                return False
            self.seen += octets
            return bool(octets)
        return True

    def close(self) -> int:
        deadline = time.monotonic() + DEADLINE
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read(0.05)
        return self.process.wait(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)


def test_two_terminals(tmp_path: Path) -> None:
    offer, answer = tmp_path / "offer", tmp_path / "answer"
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(os.urandom(100_000))
    inbox = tmp_path / "in"
    with (
        Terminal("chat", "--offer-out", offer, "--answer-in", answer) as alice,
        Terminal("chat", "--offer-in", offer, "--answer-out", answer, "--inbox", inbox) as bob,
    ):
        for each in (alice, bob):
            each.wait_for(r"/help lists what else there is\.")
        # A line that is being typed stays whole while another comes.
        bob.type("half a li")
        bob.wait_for("half a li")
        alice.type("Hello, Bob\r")
        alice.wait_for("me: Hello, Bob (… )?✓")
        bob.wait_for(r"peer: Hello, Bob\r?\n> half a li")
        bob.type("ne\r")
        bob.wait_for("me: half a line (… )?✓")
        alice.wait_for("peer: half a line")
        # History and editing.
        alice.type("\x1b[A\x1b[D\x1b[D\x1b[D")
        alice.wait_for("> Hello, Bob")
        alice.type("\x15Dear ")
        alice.type("\r")
        bob.wait_for("peer: Dear Bob")
        # A file waits for consent.
        alice.type(f"/file {photo}\r")
        bob.wait_for(r"peer sends photo\.jpg \(image/jpeg, 97\.66 KiB\): /accept or /decline\?")
        assert not inbox.exists()
        bob.type("/info\r")
        bob.wait_for("waiting for /accept or /decline: photo.jpg")
        bob.type("/accept\r")
        bob.wait_for("peer: stored .*photo.jpg")
        alice.wait_for(r"me: photo\.jpg \(97\.66 KiB\) ✓")
        alice.wait_for("me: photo.jpg ✓✓")
        assert (inbox / "photo.jpg").read_bytes() == photo.read_bytes()
        alice.type(f"/file {photo}\r")
        bob.wait_for(r"(?s)/decline\?.*/decline\?")
        # All of it is there: what comes is a REPORT, not the end of the transfer.
        alice.wait_for(r"(?s)(me: photo\.jpg \(97\.66 KiB\) ✓.*){2}")
        bob.type("/decline\r")
        alice.wait_for("me: photo.jpg ✗ .*413")
        bob.type("/decline\r")
        bob.wait_for("no file waits for that")
        # The peer's end is ours.
        alice.type("\x04")
        assert alice.close() == 0
        assert bob.close() == 0
    assert [path.name for path in inbox.iterdir()] == ["photo.jpg"]


def test_who_quits_need_not_wait_for_a_file(tmp_path: Path) -> None:
    offer, answer = tmp_path / "offer", tmp_path / "answer"
    film = tmp_path / "film.mp4"
    film.write_bytes(bytes(20_000_000))
    with (
        Terminal("chat", "--offer-out", offer, "--answer-in", answer) as alice,
        Terminal("chat", "--offer-in", offer, "--answer-out", answer) as bob,
    ):
        alice.wait_for(r"/help lists what else there is\.")
        alice.type(f"/file {film}\r")
        # He never says.
        bob.wait_for(r"/accept or /decline\?")
        alice.type("/quit\r")
        alice.wait_for("what is under way goes on to its end; Ctrl-C ends it")
        alice.type("\x03")
        assert alice.close() == 0


@pytest.mark.parametrize("how", ["\x03", "\x04", "/quit\r", "signal"])
def test_ends_at_a_terminal(how: str, tmp_path: Path) -> None:
    with echoing(tmp_path) as meeting, Terminal("chat", *meeting) as chat:
        chat.wait_for(r"/help lists what else there is\.")
        chat.type("x\r")
        chat.wait_for("peer: x")
        if how == "signal":
            chat.process.send_signal(signal.SIGTERM)
        else:
            chat.type(how)
        assert chat.close() == 0
