"""What the documents say is true: snippets run and print what stands below them, commands, paths
and links exist, limits, signatures and the table of errors are those of the code."""

from __future__ import annotations

import ast
import asyncio
import builtins
import dataclasses
import importlib
import inspect
import itertools
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import msrp
import msrp.sdp

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
#: Compared with the code below.
SIGNATURES = {"signature python", "signature python msrp.sdp", "signature rust"}
#: Configurations of `msrp relay`, checked by the tests of the command.
CONFIGURATION = "toml"
#: What the block before it prints.
OUTPUT = "text output"


@dataclass(frozen=True)
class Block:
    document: str
    line: int
    language: str
    text: str
    output: str | None  # as the document has it

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def blocks() -> list[Block]:
    found = []
    for path in DOCUMENTS:
        text = path.read_text()
        fences = list(FENCE.finditer(text))
        for fence, after in itertools.zip_longest(fences, fences[1:]):
            found.append(
                Block(
                    document=path.relative_to(ROOT).as_posix(),
                    line=text.count("\n", 0, fence.start()) + 1,
                    language=fence[1].strip(),
                    text=fence[2],
                    output=after[2] if after and after[1].strip() == OUTPUT else None,
                )
            )
    return found


BLOCKS = blocks()


def of(language: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "block", [block for block in BLOCKS if block.language == language], ids=str
    )


def run(command: list[str], *, cwd: Path = ROOT, text: str | None = None) -> str:
    # The `msrp` command is beside the interpreter.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=cwd,
        input=text,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "PATH": path},
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def check_output(block: Block, output: str) -> None:
    if block.output is not None:
        assert output == block.output, f"{block} prints something else"


def text_of(name: str) -> str:
    return (ROOT / name).read_text()


def section(document: str, title: str) -> str:
    """What stands below a heading of the second level."""
    found = re.search(rf"^## {title}.*?\n(.*?)(?=^## |\Z)", text_of(document), re.M | re.S)
    assert found, f"{document} has no {title!r}"
    return found[1]


def test_every_fence_says_what_it_is() -> None:
    assert BLOCKS
    allowed = RUN | SIGNATURES | {CONFIGURATION, "text", OUTPUT}
    assert [str(block) for block in BLOCKS if block.language not in allowed] == []
    before = [
        other.language for other, block in itertools.pairwise(BLOCKS) if block.language == OUTPUT
    ]
    assert set(before) <= RUN - {"rust"}


@of("python")
def test_python_block_runs(block: Block, tmp_path: Path) -> None:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", block.text]
    check_output(block, run(command, cwd=tmp_path))


@of("c")
def test_c_block_compiles_and_runs(block: Block) -> None:
    folder = ROOT / "build" / "docs"
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / f"{block.document.replace('/', '_').replace('.', '_')}_{block.line}.c"
    source.write_text(block.text)
    run([sys.executable, "scripts/c_tests.py", "example", str(source)])
    check_output(block, run([str(ROOT / "build" / "c" / "example" / source.stem)]))


@of("rust")
def test_rust_block_is_a_doctest(block: Block) -> None:
    """Cargo runs it: the crate includes the document as documentation of a doctest item."""
    pages = text_of("msrp-rs/src/pages.rs")
    assert f'include_str!("../../{block.document}")' in pages


@of("sh")
def test_sh_block_names_commands_that_exist(block: Block, tmp_path: Path) -> None:
    """CI runs the make targets themselves; everything else is run here."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    rest = []
    for line in block.text.splitlines():
        if made := re.fullmatch(r"(?:[A-Z]+=\S+ )?make ([a-z-]+)", line.strip()):
            assert made[1] in targets, f"{block}: no target {made[1]}"
        else:
            rest.append(line)
    if any(line.strip() for line in rest):
        script = "\n".join(rest) + "\n"
        check_output(block, run(["bash", "-euo", "pipefail"], cwd=tmp_path, text=script))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(path: Path) -> None:
    links = [link for link in LINK.findall(path.read_text()) if "://" not in link]
    missing = [link for link in links if not (path.parent / link).exists()]
    assert missing == []


#: What is made there is not in the tree.
MADE = ("target/", "build/")


@pytest.mark.parametrize(
    "document",
    ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"]
    + [path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/*.md")],
)
def test_paths_exist(document: str) -> None:
    named = re.findall(r"`([\w.-]+(?:/[\w.-]+)+/?|[\w.-]+/)`", text_of(document))
    # Media types and protocols look like paths, and are none.
    other = re.compile(r"(?:text|message|image|application|multipart|TCP)/")
    paths = [name for name in named if not other.match(name)]
    missing = [name for name in paths if not (ROOT / name).exists()]
    assert [name for name in missing if not name.startswith(MADE)] == []


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
    for name in re.findall(r"^\| `(\w+)` \|", text_of("docs/limits.md"), re.MULTILINE):
        assert name in {field.name for field in dataclasses.fields(msrp.Limits)}


def test_limits_of_c_are_those_of_the_header() -> None:
    struct = re.search(
        r"struct libmsrp_limits \{(.*?)^\}", text_of("include/libmsrp.h"), re.M | re.S
    )
    assert struct
    members = set(re.findall(r"^    \w+ (\w+);", struct[1], re.MULTILINE)) - {"struct_size"}
    in_c = {"early_len": "early_bytes"}
    rows = re.findall(r"^\| `(\w+)` \|", text_of("docs/limits.md"), re.MULTILINE)
    missing = [
        name
        for name in rows
        if not members & {name, f"{name}_bytes", f"{name}_ms", in_c.get(name, name)}
    ]
    assert missing == []
    assert len(members) == len(rows)


# The public API.


def signature(block: Block) -> list[ast.ClassDef]:
    return [node for node in ast.parse(block.text).body if isinstance(node, ast.ClassDef)]


PYTHON_CLASSES = [
    pytest.param(module, node, id=node.name)
    for block in BLOCKS
    if block.language.startswith("signature python")
    for module in [block.language.removeprefix("signature python").strip() or "msrp"]
    for node in signature(block)
]


@pytest.mark.parametrize(("module", "documented"), PYTHON_CLASSES)
def test_python_signatures_are_those_of_the_package(module: str, documented: ast.ClassDef) -> None:
    real = getattr(importlib.import_module(module), documented.name)
    names = set()
    for node in documented.body:
        if isinstance(node, ast.AnnAssign):
            assert isinstance(node.target, ast.Name)
            names.add(node.target.id)
            assert hasattr(real, node.target.id)
            getter = inspect.getattr_static(real, node.target.id)
            if isinstance(getter, property):
                assert getter.fget
                assert getter.fget.__annotations__["return"] == ast.unparse(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
            function = getattr(real, node.name)
            is_coroutine = inspect.iscoroutinefunction(function)
            assert is_coroutine == isinstance(node, ast.AsyncFunctionDef), node.name
            assert described(function) == ast.unparse(node.args), node.name
            if node.name != "__init__":
                assert node.returns
                assert function.__annotations__["return"] == ast.unparse(node.returns), node.name
    missing = {name for name in vars(real) if not name.startswith("_")} - names
    assert missing == set() or dataclasses.is_dataclass(real)


def test_functions_of_msrp_sdp_are_those_of_the_module() -> None:
    (block,) = (block for block in BLOCKS if block.language == "signature python msrp.sdp")
    functions = [node for node in ast.parse(block.text).body if isinstance(node, ast.FunctionDef)]
    for node in functions:
        function = getattr(msrp.sdp, node.name)
        assert described(function) == ast.unparse(node.args), node.name
        assert node.returns
        assert function.__annotations__["return"] == ast.unparse(node.returns), node.name
    real = [name for name in msrp.sdp.__all__ if inspect.isfunction(getattr(msrp.sdp, name))]
    assert sorted(node.name for node in functions) == sorted(real)


def described(function: Callable[..., object]) -> str:
    """The parameters of a function, written as `ast.unparse` writes them."""
    # Of a class method with its first parameter, too.
    whole = getattr(function, "__func__", function)
    plain = inspect.signature(whole).replace(return_annotation=inspect.Signature.empty)
    node = ast.parse(f"def f{plain}: ...").body[0]
    assert isinstance(node, ast.FunctionDef)
    beside = [argument for argument in (node.args.vararg, node.args.kwarg) if argument]
    for argument in (*node.args.args, *node.args.kwonlyargs, *beside):
        # Annotations are texts until somebody asks for more.
        if isinstance(argument.annotation, ast.Constant):
            text = argument.annotation.value
            assert isinstance(text, str)
            argument.annotation = ast.parse(text, mode="eval").body
    return ast.unparse(node.args)


def test_every_name_of_the_python_package_is_documented() -> None:
    text = text_of("docs/api.md")
    assert [name for name in msrp.__all__ if name != "__version__" and name not in text] == []


def test_c_functions_are_those_of_the_header() -> None:
    header = text_of("include/libmsrp.h")
    functions = set(re.findall(r"^[\w ]+[ *](libmsrp_\w+)\(", header, re.MULTILINE))
    named = set(re.findall(r"`(libmsrp_\w+)`", section("docs/api.md", "C:")))
    assert functions == {name for name in named if f"{name}(" in header}
    callbacks = re.search(r"struct libmsrp_session_callbacks \{.*?^\}", header, re.M | re.S)
    assert callbacks
    called = set(re.findall(r"\(\*(on_\w+)\)", callbacks[0]))
    assert called - set(re.findall(r"`(on_\w+)`", section("docs/api.md", "C:"))) == set()
    promised = re.findall(r"`(libmsrp_\w+)", section("docs/api.md", "Not built yet"))
    assert [name for name in promised if name in functions] == []


def test_rust_signatures_are_those_of_the_crate() -> None:
    folder = ROOT / "msrp-rs" / "src" / "api"
    source = "".join(path.read_text() for path in sorted(folder.glob("*.rs")))

    def plain(text: str) -> str:
        return re.sub(r"\s+", "", text).replace(",)", ")")

    found = {
        plain(function)
        for function in re.findall(r"^    (pub (?:async )?fn [^{]*?)(?: \{|;)", source, re.M)
    }
    (block,) = (block for block in BLOCKS if block.language == "signature rust")
    documented = {plain(line.rstrip(";")) for line in block.text.splitlines() if "fn " in line}
    assert documented == found


def test_errors_are_those_of_the_table() -> None:
    table = re.findall(
        r"^    (\w+) = (-\d+), \"(\w+)\", \"(\w+)\";$",
        text_of("msrp-rs/src/engine/error.rs"),
        re.MULTILINE,
    )
    rows = re.findall(
        r"^\| `(\w+)` \| `(\w+)` \| (-\d+) \| `(\w+)` \| (?:`([\w.]+)`)? ?\|$",
        section("docs/api.md", "Errors"),
        re.MULTILINE,
    )
    assert [(kind, number, c, python) for kind, c, number, python, _ in rows] == table
    names = {**vars(builtins), **vars(msrp), "asyncio.QueueFull": asyncio.QueueFull}
    for _, _, _, python, also in rows:
        assert issubclass(names[python], names[also or python])


# The command.


def command_help(*arguments: str) -> str:
    return run([sys.executable, "-m", "msrp", *arguments, "--help"])


def commands_in(text: str) -> set[str]:
    listed = text.partition("Commands:")[2].partition("Options:")[0]
    return set(re.findall(r"^  (\w[\w-]*) ", listed, re.MULTILINE)) - {"help"}


def options_of(*command: str) -> set[str]:
    text = command_help(*command)
    options = set(re.findall(r"^ +(?:-\w, )?(--[\w-]+)", text, re.MULTILINE))
    for below in commands_in(text):
        options |= options_of(*command, below)
    return options


def test_command_options_are_those_of_the_help() -> None:
    commands = commands_in(command_help())
    document = text_of("docs/command.md")
    titles = set(re.findall(r"^## (.*)$", document, re.MULTILINE))
    assert {word for title in titles for word in title.split(" and ")} == commands
    options = {"--help"}
    for command in commands:
        options |= options_of(command)
    assert set(re.findall(r"(?<![-\w])(--[a-z][\w-]+)", document)) - {"--release"} == options
    codes = re.findall(r"^  (\d+)  +(.*)$", command_help().partition("EXIT CODES")[2], re.M)
    assert re.findall(r"^\| (\d+) \| (.*) \|$", document.replace("`", ""), re.M) == codes


# Dependencies.


def test_every_direct_dependency_is_named() -> None:
    names = set()
    for path in ROOT.glob("*/Cargo.toml"):
        manifest = tomllib.loads(path.read_text())
        tables = [manifest, *manifest.get("target", {}).values()]
        for table in tables:
            for kind in ("dependencies", "dev-dependencies", "build-dependencies"):
                for name, given in table.get(kind, {}).items():
                    is_ours = name == "msrp" or name.startswith("msrp-")
                    if not (isinstance(given, dict) and "path" in given) and not is_ours:
                        names.add(name)
    for line in text_of("scripts/requirements.txt").splitlines():
        if line and not line.startswith("#"):
            names.add(line.partition("==")[0])
    assert len(names) > 20
    cells = re.findall(r"^\| ([^|]+) \|", text_of("docs/dependencies.md"), re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"[\w-]+", cell)}
    assert sorted(names - named) == []


def test_deviations_name_lines_of_the_catalogue() -> None:
    catalogue = "".join(path.read_text() for path in (ROOT / "docs/conformance").glob("*.md"))
    rows = re.findall(
        r"^\| ([CSRFMWDPT]-\d{2,3}[^|]*) \|", text_of("docs/conformance/deviations.md"), re.M
    )
    assert rows
    for name in re.findall(r"[A-Z]-\d{2,3}", " ".join(rows)):
        assert re.search(rf"^(?:\| {name} \||\*\*{name} )", catalogue, re.M), name
