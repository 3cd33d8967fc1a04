"""Collects the `covers:` comments of the tests into docs/conformance/coverage.md.

    conformance.py            write the table
    conformance.py --check    fail when the committed table is out of date

A test names the catalogue lines it sees in a comment directly above it, among its attributes, or
inside it: `// covers: C-006, T-17` (Rust, C) or `# covers: ...` (Python). A list that ends with a
comma goes on in the next comment line. An ID that no catalogue file has is an error, and so is a
comment that belongs to no function.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "docs" / "conformance"
TABLE = CATALOGUE / "coverage.md"

# In reading order.
FILES = {
    "core.md": "C",
    "sdp.md": "S",
    "relay.md": "R",
    "filetransfer.md": "F",
    "chatroom.md": "M",
    "websocket.md": "W",
    "datachannel.md": "D",
    "cpim.md": "P",
    "traps.md": "T",
}
TEST_FOLDERS = ["msrp-rs", "msrp-cli", "bindings-c", "bindings-py", "python-tests", "examples"]

DEFINITION = re.compile(r"^(?:\| ([A-Z]-\d{3}) \||\*\*(T-\d{2,3}) )")
MARK = re.compile(r"(?://|/\*|\*|#)\s*covers:\s*(.*)")
COMMENT = re.compile(r"^\s*(?://+!?|/\*+|\*|#)\s?(.*?)(?:\*/)?\s*$")
IDENTIFIER = re.compile(r"[A-Z]-\d{2,3}")
FUNCTION = {
    ".rs": re.compile(r"^\s*(?:pub(?:\([a-z]+\))?\s+)?(?:async\s+|const\s+)*fn\s+(\w+)"),
    ".py": re.compile(r"^\s*(?:async\s+)?def\s+(\w+)"),
    ".c": re.compile(r"^(?:static\s+)?(?:const\s+)?\w[\w\s]*[\s*](\w+)\s*\([^;]*$"),
}
# Between a comment above a test and the test: other comments, attributes, decorators.
BETWEEN = re.compile(r"^\s*(?:$|//|/\*|\*|#|@|\)|.*\]$)")


@dataclass(frozen=True)
class Mark:
    place: str  # file:line, for messages
    test: str  # file::function, for the table; empty when it belongs to none
    ids: tuple[str, ...]


def catalogue() -> dict[str, list[str]]:
    """The IDs of each file, in its order. An ID defined twice is an error."""
    ids: dict[str, list[str]] = {}
    seen: dict[str, str] = {}
    for name, letter in FILES.items():
        ids[name] = []
        for line in (CATALOGUE / name).read_text().splitlines():
            if found := DEFINITION.match(line):
                identifier = found[1] or found[2]
                if not identifier.startswith(letter):
                    sys.exit(f"{name}: {identifier} belongs into another file")
                if identifier in seen:
                    sys.exit(f"{identifier} stands in {seen[identifier]} and again in {name}")
                seen[identifier] = name
                ids[name].append(identifier)
        if not ids[name]:
            sys.exit(f"{name} defines no ID")
    return ids


def sources() -> Iterator[Path]:
    for folder in TEST_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in FUNCTION and path.is_file():
                yield path


def marks(path: Path) -> Iterator[Mark]:
    lines = path.read_text().splitlines()
    name = path.relative_to(ROOT).as_posix()
    for number, line in enumerate(lines):
        if not (found := MARK.search(line)):
            continue
        text, last = found[1], number
        while text.rstrip(" */").endswith(",") and last + 1 < len(lines):
            more = COMMENT.match(lines[last + 1])
            if not more:
                break
            text, last = text + more[1], last + 1
        function = owner(lines, number, last, FUNCTION[path.suffix])
        yield Mark(
            place=f"{name}:{number + 1}",
            test=f"{name}::{function}" if function else "",
            ids=tuple(IDENTIFIER.findall(text)),
        )


def owner(lines: list[str], first: int, last: int, function: re.Pattern[str]) -> str | None:
    """The function below the comment, when only attributes are between; else the one around it."""
    for line in lines[last + 1 :]:
        if found := function.match(line):
            return found[1]
        if not BETWEEN.match(line):
            break
    for line in reversed(lines[:first]):
        if found := function.match(line):
            return found[1]
    return None


def collect(known: set[str]) -> dict[str, set[str]]:
    covered: defaultdict[str, set[str]] = defaultdict(set)
    faults = []
    for path in sources():
        for mark in marks(path):
            if not mark.test:
                faults.append(f"{mark.place}: belongs to no function")
            if not mark.ids:
                faults.append(f"{mark.place}: names no ID")
            for identifier in mark.ids:
                if identifier not in known:
                    faults.append(f"{mark.place}: {identifier} is in no catalogue file")
                covered[identifier].add(mark.test)
    if faults:
        sys.exit("\n".join(faults))
    return covered


def table() -> str:
    ids = catalogue()
    covered = collect({identifier for file in ids.values() for identifier in file})
    out = [
        "# Coverage",
        "",
        "Which tests name which lines of the catalogue. Collected from the tests by",
        "`make generate`; do not edit.",
        "",
        "| File | Lines | Covered |",
        "|---|---|---|",
    ]
    for name, file_ids in ids.items():
        count = sum(identifier in covered for identifier in file_ids)
        out.append(f"| [{name}]({name}) | {len(file_ids)} | {count} |")
    for name, file_ids in ids.items():
        met = [identifier for identifier in file_ids if identifier in covered]
        unmet = [identifier for identifier in file_ids if identifier not in covered]
        out += ["", f"## {name}", ""]
        if met:
            out += ["| ID | Tests |", "|---|---|"]
            for identifier in met:
                tests = "<br>".join(f"`{test}`" for test in sorted(covered[identifier]))
                out.append(f"| {identifier} | {tests} |")
            out.append("")
        out.append(f"Not covered: {', '.join(unmet) if unmet else 'nothing'}.")
    return "\n".join(out) + "\n"


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    text = table()
    if TABLE.exists() and TABLE.read_text() == text:
        print(f"{TABLE.relative_to(ROOT)} is up to date")
    elif arguments:
        print(f"{TABLE.relative_to(ROOT)} is not what the tests say; run `make generate`")
        return 1
    else:
        TABLE.write_text(text)
        print(f"{TABLE.relative_to(ROOT)} written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
