"""What the documents say is true: snippets run, commands exist, paths and links lead somewhere, the
limits are those of the code."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(
    path
    for pattern in (
        "*.md",
        "docs/*.md",
        "docs/conformance/*.md",
        "benches/*.md",
        "examples/**/*.md",
    )
    for path in ROOT.glob(pattern)
)
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
# What a fence may say; anything else would go unchecked.
RUN = {"python", "c", "rust", "sh"}
NOT_RUN = {"text", "python signature", "c signature"}


@dataclass(frozen=True)
class Block:
    document: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def blocks() -> list[Block]:
    found = []
    for path in DOCUMENTS:
        text = path.read_text()
        for fence in FENCE.finditer(text):
            found.append(
                Block(
                    document=path.relative_to(ROOT).as_posix(),
                    line=text.count("\n", 0, fence.start()) + 1,
                    language=fence[1].strip(),
                    text=fence[2],
                )
            )
    return found


BLOCKS = blocks()


def of(language: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "block", [block for block in BLOCKS if block.language == language], ids=str
    )


def run(command: list[str], *, cwd: Path = ROOT, text: str | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, input=text, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_every_fence_says_what_it_is() -> None:
    assert BLOCKS
    unknown = [str(block) for block in BLOCKS if block.language not in RUN | NOT_RUN]
    assert unknown == []


@of("python")
def test_python_block_runs(block: Block, tmp_path: Path) -> None:
    run([sys.executable, "-X", "dev", "-W", "error", "-c", block.text], cwd=tmp_path)


@of("c")
def test_c_block_compiles_and_runs(block: Block) -> None:
    folder = ROOT / "build" / "docs"
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / f"{block.document.replace('/', '_').replace('.', '_')}_{block.line}.c"
    source.write_text(block.text)
    run([sys.executable, "scripts/c_tests.py", "example", str(source)])
    run([str(ROOT / "build" / "c" / "example" / source.stem)])


@of("rust")
def test_rust_block_is_a_doctest(block: Block) -> None:
    """Cargo runs it: the crate includes the document as documentation of a doctest item."""
    library = (ROOT / "msrp-rs" / "src" / "lib.rs").read_text()
    assert f'include_str!("../../{block.document}")' in library


@of("sh")
def test_sh_block_names_commands_that_exist(block: Block) -> None:
    """CI runs the make targets themselves; everything else is run here."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    rest = []
    for line in block.text.splitlines():
        if made := re.fullmatch(r"(?:[A-Z]+=\S+ )?make ([a-z-]+)", line.strip()):
            assert made[1] in targets, f"{block}: no target {made[1]}"
        else:
            rest.append(line)
    if any(line.strip() for line in rest):
        run(["bash", "-euo", "pipefail"], text="\n".join(rest) + "\n")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(path: Path) -> None:
    links = [link for link in LINK.findall(path.read_text()) if "://" not in link]
    missing = [link for link in links if not (path.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("document", ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/dependencies.md"])
def test_paths_exist(document: str) -> None:
    named = re.findall(r"`([\w.-]+(?:/[\w.-]+)*/?)`", (ROOT / document).read_text())
    paths = [name for name in named if "/" in name]
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def octets_or_seconds(text: str) -> float | None:
    """`256 KiB` and `256 * 1024`, `30 s` and `Duration::from_secs(30)`, in one unit."""
    if number := re.fullmatch(r"(\d+) (KiB|MiB|s|min)", text):
        return int(number[1]) * {"KiB": 1024, "MiB": 1024**2, "s": 1, "min": 60}[number[2]]
    if duration := re.fullmatch(r"(?:Some\()?Duration::from_secs\((\d+)\)\)?", text):
        return int(duration[1])
    if re.fullmatch(r"\d+( \* \d+)*", text):
        product = 1
        for factor in text.split(" * "):
            product *= int(factor)
        return product
    return None


def test_limits_are_those_of_the_code() -> None:
    source = (ROOT / "msrp-rs" / "src" / "limits.rs").read_text()
    fields = re.findall(r"^    pub (\w+):", source, re.MULTILINE)
    defaults = dict(re.findall(r"^            (\w+): ([^\n]+),$", source, re.MULTILINE))
    rows = re.findall(
        r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|", (ROOT / "docs/limits.md").read_text(), re.MULTILINE
    )
    assert sorted(name for name, _ in rows) == sorted(fields)
    for name, documented in rows:
        expected = octets_or_seconds(defaults[name])
        assert expected is not None, f"{name}: {defaults[name]}"
        assert octets_or_seconds(documented.strip()) == expected, name
