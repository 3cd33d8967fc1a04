"""Switches on faults of the engine one by one, and sees whether the tests find them.

    mutants.py            all mutants of msrp-rs/src/mutant.rs
    mutants.py NAME...    only these

Each mutant breaks one line of the conformance catalogue. The tests of msrp-rs that mark this line
are run with the mutant switched on, and one of them has to fail by an assertion of its own. Without
a mutant all of them have to pass; the marks of that run say which tests are asked. The last line
printed is `N mutants, N caught`; the exit status is 0 when all are.

    caught   a test failed by its own assertion
    lives    all tests passed: a test sees less than its mark says
    panics   tests failed, but only because the engine itself panicked
    hang     no test failed, and some had no end within the deadline
    crash    the test program died, and told of no test that failed
    unseen   no test of msrp-rs marks the line
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "msrp-rs"
SOURCE = PACKAGE / "src" / "mutant.rs"
TARGET = ROOT / "target" / "mutants"
MUTANT = re.compile(r"/// ([A-Z]-\d{2,3}): (.+)\n\s+(\w+),")
RESULT = re.compile(r"^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED)$", re.MULTILINE)
PANIC = re.compile(r"panicked at ([^\n:]+):(\d+):\d+:")
TEST_FILE = re.compile(r"(?:^|/)(?:tests|\w+_tests)(?:/|\.rs$)")
# Far beyond what the tests of one line take.
DEADLINE = 240.0
# What a fault may make a test program take.
MEMORY = 16 << 30
# Panics are told when they happen; result lines are whole when there are several threads.
AT_ONCE = ["--nocapture", "--test-threads=2", "--exact"]
# Pure and quick ones first: the first that fails decides.
ORDER = ["msrp", "wire_", "proto_", "rfc4975_", "sdp_", "api_", "engine_", "net_"]


@dataclass(frozen=True)
class Mutant:
    name: str
    line: str
    text: str


@dataclass(frozen=True)
class Program:
    """A test program that cargo has built."""

    name: str
    path: Path


@dataclass
class Tests:
    """The tests that mark lines, by line and program."""

    of: defaultdict[str, defaultdict[Program, set[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(set))
    )


@dataclass(frozen=True)
class Run:
    output: str
    status: int | None  # None: killed at the deadline

    @property
    def failed(self) -> list[str]:
        return [name for name, result in RESULT.findall(self.output) if result == "FAILED"]


def read_mutants() -> list[Mutant]:
    found = [Mutant(name, line, text) for line, text, name in MUTANT.findall(SOURCE.read_text())]
    if len({mutant.name for mutant in found}) != len(found) or not found:
        sys.exit(f"{SOURCE}: no mutants, or two of one name")
    return found


def build() -> list[Program]:
    """The test programs, with the mutants compiled in."""
    flags = f"{os.environ.get('RUSTFLAGS', '')} --cfg msrp_mutants".strip()
    done = subprocess.run(
        [
            *("cargo", "test", "--locked", "--quiet", "--package", "msrp", "--lib", "--tests"),
            *("--no-run", "--message-format", "json-render-diagnostics"),
        ],
        cwd=ROOT,
        env={**os.environ, "RUSTFLAGS": flags, "CARGO_TARGET_DIR": str(TARGET)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    programs = [
        Program(message["target"]["name"], Path(message["executable"]))
        for message in messages
        if message.get("executable") and message["profile"]["test"]
    ]
    return sorted(programs, key=lambda program: (order(program), program.name))


def order(program: Program) -> int:
    found = (nth for nth, start in enumerate(ORDER) if program.name.startswith(start))
    return next(found, len(ORDER))


def run(program: Program, arguments: list[str], **extra_env: str) -> Run:
    """Runs a test program as cargo does, with an end."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    quiet = {"PROPTEST_DISABLE_FAILURE_PERSISTENCE": "1", "RUST_BACKTRACE": "0"}
    if "MSRP_MUTANT" in extra_env:
        # What fails is enough; the smallest case is of no interest.
        quiet |= {"PROPTEST_MAX_SHRINK_ITERS": "0"}
    with tempfile.NamedTemporaryFile() as output:
        child = subprocess.Popen(
            [program.path, *arguments],
            cwd=PACKAGE,
            env={**os.environ, **quiet, **extra_env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=limit,
        )
        try:
            status, text = wait(child, Path(output.name), until_failed="MSRP_MUTANT" in extra_env)
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
    return Run(text, status)


def wait(
    child: subprocess.Popen[bytes], output: Path, until_failed: bool
) -> tuple[int | None, str]:
    """Its status, if it ends, and what it said. With `until_failed` one failed test is enough."""
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            status = child.wait(0.2)
        except subprocess.TimeoutExpired:
            status = None
        text = output.read_text(errors="replace")
        if status is not None or time.monotonic() > deadline:
            return status, text
        if until_failed and any(result == "FAILED" for _, result in RESULT.findall(text)):
            return status, text


def names_of(program: Program) -> list[str]:
    """The paths of its tests."""
    listed = run(program, ["--list"]).output.splitlines()
    return [line.removesuffix(": test") for line in listed if line.endswith(": test")]


def marks_of(program: Program, arguments: list[str]) -> set[tuple[str, str]]:
    """The lines and functions that it marks when it runs without a mutant. It has to pass."""
    with tempfile.TemporaryDirectory() as folder:
        marks = Path(folder) / "marks"
        done = run(program, arguments, MSRP_MARKS=str(marks))
        if done.status != 0:
            sys.exit(f"{program.name} does not pass without a mutant:\n{done.output}")
        text = marks.read_text() if marks.exists() else ""
    return {(line, test) for line, _, test in (row.split("\t") for row in text.splitlines())}


def tests_of(programs: list[Program], lines: set[str]) -> Tests:
    """Runs everything that could mark one of the lines."""
    tests = Tests()
    for program in programs:
        source = PACKAGE / "tests" / f"{program.name}.rs"
        if source.exists() and not any(f'"{line}"' in source.read_text() for line in lines):
            continue
        names = names_of(program)
        for line, function in marks_of(program, []):
            if line not in lines:
                continue
            found = [name for name in names if name.split("::")[-1] == function]
            if len(found) > 1:
                # Tests of one name in several modules: who leaves the mark when it is alone?
                mark = (line, function)
                found = [name for name in found if mark in marks_of(program, ["--exact", name])]
            tests.of[line][program].update(found)
    return tests


def is_of_test(file: str, number: int) -> bool:
    """Whether a place in the sources belongs to a test."""
    if TEST_FILE.search(file):
        return True
    text = (ROOT / file).read_text() if (ROOT / file).is_file() else ""
    tests = text.find("#[cfg(test)]\nmod tests {")
    return tests >= 0 and number > text.count("\n", 0, tests)


def judge(done: Run) -> str:
    if done.failed:
        places = PANIC.findall(done.output)
        asserted = any(is_of_test(file, int(number)) for file, number in places)
        return "caught" if asserted or not places else "panics"
    if done.status is None:
        return "hang"
    return "lives" if done.status == 0 else "crash"


def attack(mutant: Mutant, tests: Tests) -> tuple[str, str]:
    """How it went, and the tests that tell."""
    asked = tests.of.get(mutant.line)
    if not asked:
        return "unseen", ""
    worst, told = "lives", sum(map(len, asked.values()))
    for program, names in asked.items():
        done = run(program, [*AT_ONCE, *sorted(names)], MSRP_MUTANT=mutant.name)
        verdict = judge(done)
        if verdict == "caught":
            return verdict, f"{program.name}: {done.failed[0].split('::')[-1]}"
        worst = verdict if verdict != "lives" else worst
    return worst, f"{told} tests asked"


def main(arguments: list[str]) -> int:
    mutants = read_mutants()
    if unknown := set(arguments) - {mutant.name for mutant in mutants}:
        sys.exit(f"no mutants: {', '.join(sorted(unknown))}\n\n{__doc__}")
    chosen = [mutant for mutant in mutants if not arguments or mutant.name in arguments]
    tests = tests_of(build(), {mutant.line for mutant in chosen})
    caught = 0
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        attacks = {pool.submit(attack, mutant, tests): mutant for mutant in chosen}
        for done in as_completed(attacks):
            mutant, (verdict, who) = attacks[done], done.result()
            caught += verdict == "caught"
            print(f"{verdict:8} {mutant.line:6} {mutant.name:26} {mutant.text}", flush=True)
            print(f"{'':8} {'':6} {'':26} {who}", flush=True)
    print(f"{len(chosen)} mutants, {caught} caught")
    return 0 if caught == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
