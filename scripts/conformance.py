"""Says which lines of the conformance catalogue the tests have seen hold, and why others are not.

    conformance.py MARKS            write docs/conformance/coverage.md from the marks of a run
    conformance.py --check MARKS    fail when the committed table is not what the marks say
    conformance.py --static         without a run: the IDs in the tests and in the reasons exist,
                                    and each line has either a test that names it or a reason

MARKS is the file that the tests append to when `MSRP_MARKS` names it: a line `ID, file, test`,
with tabs between, for each mark that was reached. It has to come from a run of all tests without
a failure (scripts/test.sh). The reasons are in docs/conformance/reasons.toml.

Each of these is an error: an ID that no catalogue file has, a line with neither mark nor reason,
a line with both, and in core.md a reason for a line of an RFC's MUST, MUST NOT, SHOULD,
SHOULD NOT or grammar that does not say outside what scope the line is.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TABLE = Path("docs/conformance/coverage.md")
REASONS = Path("docs/conformance/reasons.toml")

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
# A trap has no level of its own.
LEVELS = ["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "RECOMMENDED", "ABNF", "POLICY", "MAY", "—"]
# In core.md, a line of these levels is either seen by a test or outside the scope.
BINDING = {"MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "RECOMMENDED", "ABNF"}
SCOPES = ["TLS", "DNS", "pooling", "CPIM", "S/MIME", "role not offered"]

TEST_FOLDERS = ["msrp-rs", "msrp-cli", "bindings-c", "bindings-py", "python-tests", "examples"]
DEFINITION = re.compile(r"^(?:\| ([A-Z]-\d{3}) \| ([^|]+) \||\*\*(T-\d{2,3}) )")
IDENTIFIER = re.compile(r"[A-Z]-\d{2,3}")
LITERALS = re.compile(r"\b(?:covers!|covers|COVERS)\(((?:\s*\"[A-Z]-\d+\"\s*,?)+)\s*\)")


class ConformanceError(Exception):
    """What is wrong, one fault a line."""


@dataclass(frozen=True)
class Line:
    """One requirement of the catalogue."""

    id: str
    level: str
    file: str


@dataclass(frozen=True)
class Reason:
    """Why lines are not covered."""

    text: str
    scope: str | None
    ids: tuple[str, ...]


Catalogue = dict[str, Line]
Marks = Mapping[str, set[str]]
Reasons = Mapping[str, Reason]


def catalogue(root: Path) -> Catalogue:
    """The lines in their order."""
    lines: Catalogue = {}
    for name, letter in FILES.items():
        before = len(lines)
        for text in (root / TABLE).with_name(name).read_text().splitlines():
            if not (found := DEFINITION.match(text)):
                continue
            line = Line(found[1] or found[3], (found[2] or "—").strip(), name)
            if not line.id.startswith(letter):
                raise ConformanceError(f"{name}: {line.id} belongs into another file")
            if line.id in lines:
                raise ConformanceError(
                    f"{line.id} stands in {lines[line.id].file} and again in {name}"
                )
            if line.level not in LEVELS:
                raise ConformanceError(f"{name}: {line.id} has the unknown level {line.level}")
            lines[line.id] = line
        if len(lines) == before:
            raise ConformanceError(f"{name} defines no ID")
    return lines


def expand(text: str, lines: Catalogue) -> list[str]:
    """`C-001` is one line, `C-001 to C-009` all that exist between the two."""
    first, _, last = text.partition(" to ")
    last = last or first
    for identifier in (first, last):
        if identifier not in lines:
            raise ConformanceError(f"{REASONS.name}: {identifier} is in no catalogue file")
    if first[0] != last[0] or number(first) > number(last):
        raise ConformanceError(f"{REASONS.name}: `{text}` is no range")
    return [
        identifier
        for identifier in lines
        if identifier[0] == first[0] and number(first) <= number(identifier) <= number(last)
    ]


def number(identifier: str) -> int:
    return int(identifier[2:])


def reasons(root: Path, lines: Catalogue) -> Reasons:
    """Reads reasons.toml. What is wrong with it by itself is a fault."""
    document = tomllib.loads((root / REASONS).read_text())
    result: dict[str, Reason] = {}
    faults = [f"{REASONS.name}: unknown key `{key}`" for key in document.keys() - {"reason"}]
    named: set[str] = set()

    def ids_of(entry: dict[str, Any]) -> Iterator[str]:
        for text in entry.get("lines", []):
            try:
                for identifier in expand(text, lines):
                    if identifier in named:
                        faults.append(f"{REASONS.name}: {identifier} stands there twice")
                    named.add(identifier)
                    yield identifier
            except ConformanceError as fault:
                faults.append(str(fault))

    for entry in document.get("reason", []):
        reason = Reason(entry.get("why", ""), entry.get("out_of_scope"), tuple(ids_of(entry)))
        place = f"{REASONS.name}: `{reason.text}`"
        if entry.keys() - {"lines", "why", "out_of_scope"} or not reason.ids or not reason.text:
            faults.append(f"{place}: an entry has `lines`, `why` and perhaps `out_of_scope`")
        if reason.scope is not None and reason.scope not in SCOPES:
            faults.append(f"{place}: out_of_scope is one of {', '.join(SCOPES)}")
        for identifier in reason.ids:
            line = lines[identifier]
            if line.file == "core.md" and line.level in BINDING and reason.scope is None:
                faults.append(f"{place}: {identifier} is a {line.level}, a test has to see it")
            result[identifier] = reason
    if faults:
        raise ConformanceError("\n".join(faults))
    return result


def read_marks(path: Path, root: Path, lines: Catalogue) -> Marks:
    """The tests that left a mark, by ID."""
    covered: defaultdict[str, set[str]] = defaultdict(set)
    faults = set()
    for text in path.read_text().splitlines():
        match text.split("\t"):
            case [identifier, file, test]:
                if identifier not in lines:
                    faults.add(f"{file}: {test}: {identifier} is in no catalogue file")
                if not file.startswith(tuple(TEST_FOLDERS)) or not (root / file).is_file():
                    faults.add(f"{file}: {test}: marks {identifier}, and is no test")
                covered[identifier].add(f"{file}::{test}")
            case _:
                faults.add(f"{path.name}: `{text}` is no mark")
    if not covered:
        faults.add(f"{path} has no marks")
    if faults:
        raise ConformanceError("\n".join(sorted(faults)))
    return covered


def literals(root: Path, lines: Catalogue) -> Marks:
    """The IDs that stand in marks of the sources, reached or not, with their files."""
    named: defaultdict[str, set[str]] = defaultdict(set)
    faults = []
    for folder in TEST_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in {".rs", ".py", ".c"} or not path.is_file():
                continue
            file = path.relative_to(root).as_posix()
            for found in LITERALS.finditer(path.read_text()):
                for identifier in IDENTIFIER.findall(found[1]):
                    if identifier not in lines:
                        faults.append(f"{file}: {identifier} is in no catalogue file")
                    named[identifier].add(file)
    if faults:
        raise ConformanceError("\n".join(faults))
    return named


def compare(lines: Catalogue, covered: Marks, why: Reasons) -> None:
    """Each line has a mark or a reason, not both."""
    faults = []
    for identifier, line in lines.items():
        if identifier in covered and identifier in why:
            test = min(covered[identifier])
            faults.append(
                f"{identifier}: {REASONS.name} says why it is not covered, {test} sees it"
            )
        elif identifier not in covered and identifier not in why:
            faults.append(
                f"{identifier} ({line.level}): no test sees it, {REASONS.name} has no reason"
            )
    if faults:
        raise ConformanceError("\n".join(faults))


def ranges(ids: Iterable[str]) -> str:
    """`C-001, C-003 to C-005`: adjacent in the catalogue's count."""
    runs: list[list[str]] = []
    for identifier in ids:
        if runs and number(identifier) == number(runs[-1][-1]) + 1:
            runs[-1].append(identifier)
        else:
            runs.append([identifier])
    return ", ".join(
        " to ".join([run[0], run[-1]]) if len(run) > 2 else ", ".join(run) for run in runs
    )


def summary(lines: Catalogue, covered: Marks, why: Reasons) -> Iterator[str]:
    def row(head: str, of: list[Line]) -> str:
        unmet = [line for line in of if line.id not in covered]
        outside = sum(why[line.id].scope is not None for line in unmet)
        counts = [len(of), len(of) - len(unmet), outside, len(unmet) - outside]
        return f"| {head} | " + " | ".join(str(count) if count else "" for count in counts) + " |"

    yield "| File | Level | Lines | Covered | Out of scope | Other reason |"
    yield "|---|---|---|---|---|---|"
    for file in FILES:
        of_file = [line for line in lines.values() if line.file == file]
        levels = [level for level in LEVELS if any(line.level == level for line in of_file)]
        yield row(f"[{file}]({file}) | {'all' if len(levels) > 1 else levels[0]}", of_file)
        if len(levels) > 1:
            for level in levels:
                yield row(f" | {level}", [line for line in of_file if line.level == level])


def section(file: str, lines: Catalogue, covered: Marks, why: Reasons) -> Iterator[str]:
    of_file = [line for line in lines.values() if line.file == file]
    if any(line.id in covered for line in of_file):
        yield from ["| Line | Level | Tests |", "|---|---|---|"]
        for line in of_file:
            if line.id in covered:
                tests = "<br>".join(f"`{test}`" for test in sorted(covered[line.id]))
                yield f"| {line.id} | {line.level} | {tests} |"
    groups: defaultdict[Reason, list[str]] = defaultdict(list)
    for line in of_file:
        if line.id not in covered:
            groups[why[line.id]].append(line.id)
    if groups:
        yield from ["", "Not covered:", "", "| Lines | Out of scope | Why |", "|---|---|---|"]
        for reason, ids in groups.items():
            yield f"| {ranges(sorted(ids, key=number))} | {reason.scope or ''} | {reason.text} |"


def table(lines: Catalogue, covered: Marks, why: Reasons) -> str:
    out = [
        "# Coverage",
        "",
        "Which tests have seen which lines of the catalogue hold, in a run without a failure.",
        "Written by `make conformance`; do not edit. [README.md](README.md) says how a line comes",
        "to stand here.",
        "",
        *summary(lines, covered, why),
    ]
    for file in FILES:
        out += ["", f"## {file}", ""]
        out += "\n".join(section(file, lines, covered, why)).strip("\n").split("\n")
    return "\n".join(out) + "\n"


def run(arguments: list[str], root: Path = ROOT) -> str:
    """Does what the command line says; what it returns is to be printed."""
    lines = catalogue(root)
    why = reasons(root, lines)
    match arguments:
        case ["--static"]:
            compare(lines, literals(root, lines), why)
            return f"{len(lines)} lines, each with a test that names it or a reason"
        case ["--check", marks] | [marks] if not marks.startswith("-"):
            covered = read_marks(Path(marks), root, lines)
            compare(lines, covered, why)
        case _:
            raise ConformanceError((__doc__ or "").strip())
    text = table(lines, covered, why)
    path = root / TABLE
    counts = f"{len(covered)} of {len(lines)} lines covered"
    if path.exists() and path.read_text() == text:
        return f"{TABLE} is up to date: {counts}"
    if arguments[0] == "--check":
        raise ConformanceError(f"{TABLE} is not what the tests say: run `make conformance`")
    path.write_text(text)
    return f"{TABLE} written: {counts}"


def main(arguments: list[str]) -> int:
    try:
        print(run(arguments))
    except ConformanceError as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
