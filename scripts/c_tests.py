"""Builds and runs what is written in C against libmsrp.

    c_tests.py warnings            compile headers, tests and examples as C11 and as C++17
    c_tests.py run VARIANT...      build and run bindings-c/tests/*.c; variants:
        c11        gcc as C11, static library
        cxx17      g++ as C++17, shared library
        sanitized  C11, shared library, AddressSanitizer and UndefinedBehaviorSanitizer
        valgrind   the c11 programs under valgrind's memcheck
        threads    the programs that have threads, and the library that scripts/check_deep.sh builds
                   for it, under ThreadSanitizer
    c_tests.py stacks VARIANT...   the same for bindings-c/tests/stacks/*.c, which need other SIP
                                   stacks than ours
    c_tests.py example SOURCE...   build programs as build/c/example/NAME (C11, shared library);
                                   says nothing but what fails

Each test is one program: exit status 0 is a pass. libmsrp itself must have been built (`cargo
build`). The last line printed is `c_tests: N passed, N failed`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
BUILD = ROOT / "build" / "c"
INCLUDE = ROOT / "include"

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
C11 = [os.environ.get("CC", "cc"), "-std=c11", "-D_GNU_SOURCE", *WARNINGS]
CXX17 = [os.environ.get("CXX", "c++"), "-std=c++17", "-D_GNU_SOURCE", *WARNINGS]
# What `rustc --print native-static-libs` names for libmsrp.a.
NATIVE_LIBS = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
VALGRIND = [
    "valgrind",
    "--quiet",
    "--error-exitcode=99",
    "--leak-check=full",
    "--errors-for-leak-kinds=definite",
    "--show-leak-kinds=definite",
]
DEADLINE = 300.0
# What ThreadSanitizer has something to say about, and where the library that was built for it is.
THREADED = {"calls", "dial", "places", "races", "shutdown", "thread"}
THREADS_TARGET = ROOT / "target" / "threads" / "x86_64-unknown-linux-gnu" / "debug"
# What other libraries a source needs, by the name of pkg-config.
PACKAGES = {
    "sofia": "sofia-sip-ua",
    "sofia_sdp": "sofia-sip-ua",
    "libre": "libre",
    "libre_sdp": "libre",
}


@dataclass(frozen=True)
class Outcome:
    name: str
    text: str | None  # None: passed

    @property
    def passed(self) -> bool:
        return self.text is None


def run(command: list[str], name: str, **extra_env: str) -> Outcome:
    """Runs one command; its output becomes the outcome's text when it fails."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **extra_env},
            timeout=DEADLINE,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        output = (expired.stdout or b"").decode(errors="replace")
        return Outcome(name, f"{output}\nno end within {DEADLINE:.0f} s: {' '.join(command)}")
    if done.returncode == 0:
        return Outcome(name, None)
    output = done.stdout.decode(errors="replace")
    return Outcome(name, f"{output}\nexit status {done.returncode}: {' '.join(command)}")


@cache
def package(stem: str, what: str) -> list[str]:
    """What a source of this name needs to be compiled ("cflags") or linked ("libs")."""
    name = PACKAGES.get(stem)
    if name is None:
        return []
    told = subprocess.run(
        ["pkg-config", f"--{what}", name], capture_output=True, text=True, check=False
    )
    if told.returncode != 0:
        sys.exit(f"pkg-config does not know {name}, which {stem} needs: {told.stderr.strip()}")
    # Warnings are for our own headers.
    return told.stdout.replace("-I", "-isystem ").split()


@cache
def library_folder() -> Path:
    """A folder with the shared library under its link name and its soname."""
    shared = TARGET / "libmsrp.so"
    if not shared.exists():
        sys.exit(f"{shared} is missing: run `cargo build`")
    dynamic = subprocess.run(
        ["readelf", "-d", shared], capture_output=True, text=True, check=True
    ).stdout
    soname = re.search(r"SONAME.*\[(.+)\]", dynamic)
    folder = BUILD / "lib"
    folder.mkdir(parents=True, exist_ok=True)
    for name in {"libmsrp.so", soname[1] if soname else "libmsrp.so"}:
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(shared)
    return folder


def compile_command(variant: str, sources: list[Path], program: Path) -> list[str]:
    folder = library_folder()
    shared = [f"-L{folder}", "-lmsrp", f"-Wl,-rpath,{folder}"]
    static = [str(TARGET / "libmsrp.a"), *NATIVE_LIBS]
    stem = sources[0].stem
    flags = package(stem, "cflags")
    common = ["-g", "-O1", f"-I{INCLUDE}", *flags, *map(str, sources)]
    out = ["-o", str(program), *package(stem, "libs"), "-lpthread"]
    match variant:
        case "c11" | "valgrind":
            return [*C11, *common, *static, *out]
        case "example":
            return [*C11, *common, *shared, *out]
        case "cxx17":
            return [*CXX17, "-x", "c++", *common, "-x", "none", *shared, *out]
        case "sanitized":
            return [*C11, *SANITIZERS, "-fno-omit-frame-pointer", *common, *shared, *out]
        case "threads":
            library = [str(THREADS_TARGET / "libmsrp.a"), *NATIVE_LIBS]
            return [
                *C11,
                "-fno-builtin",
                "-fsanitize=thread",
                *common,
                str(tsan_names()),
                *library,
                *out,
            ]
    sys.exit(f"unknown variant {variant}")


@cache
def tsan_names() -> Path:
    """What LLVM's ThreadSanitizer has and gcc's has not, by what that one intercepts."""
    source = BUILD / "tsan_names.c"
    source.write_text(
        "#include <string.h>\n"
        "void *__tsan_memcpy(void *, const void *, size_t);\n"
        "void *__tsan_memmove(void *, const void *, size_t);\n"
        "void *__tsan_memset(void *, int, size_t);\n"
        "void *__tsan_memcpy(void *to, const void *from, size_t len) "
        "{ return memcpy(to, from, len); }\n"
        "void *__tsan_memmove(void *to, const void *from, size_t len) "
        "{ return memmove(to, from, len); }\n"
        "void *__tsan_memset(void *to, int octet, size_t len) "
        "{ return memset(to, octet, len); }\n"
    )
    # tokio hands this object from the thread that registers a socket to the one that waits for
    # it through the kernel (epoll's user data), which ThreadSanitizer does not see.
    (BUILD / "tsan_suppressions").write_text("race:ScheduledIo\n")
    return source


def test_sources(variant: str) -> list[Path]:
    sources = sorted((ROOT / "bindings-c" / "tests").glob("*.c"))
    return [one for one in sources if variant != "threads" or one.stem in THREADED]


def stack_sources() -> list[Path]:
    return sorted((ROOT / "bindings-c" / "tests" / "stacks").glob("*.c"))


def program_path(variant: str, source: Path) -> Path:
    return BUILD / variant / source.stem


def build(variant: str, source: Path) -> Outcome:
    program = program_path(variant, source)
    program.parent.mkdir(parents=True, exist_ok=True)
    return run(compile_command(variant, [source], program), f"{variant:9} {source.stem}")


def run_test(variant: str, source: Path) -> Outcome:
    built = build(variant, source)
    if not built.passed:
        return built
    prefix = VALGRIND if variant == "valgrind" else []
    return run(
        [*prefix, str(program_path(variant, source))],
        built.name,
        ASAN_OPTIONS="detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
        UBSAN_OPTIONS="print_stacktrace=1",
        TSAN_OPTIONS=f"halt_on_error=1:suppressions={BUILD / 'tsan_suppressions'}",
    )


def compile_only(source: Path, compiler: list[str], language: str) -> Outcome:
    standard = "C11" if language == "c" else "C++17"
    name = f"{standard:5} {source.relative_to(ROOT)}"
    flags = [f"-I{INCLUDE}", *package(source.stem, "cflags")]
    return run([*compiler, "-x", language, *flags, "-fsyntax-only", str(source)], name)


def warnings() -> list[Callable[[], Outcome]]:
    """Every C file in both languages; each header by a file that includes it twice."""
    sources: list[Path] = []
    BUILD.mkdir(parents=True, exist_ok=True)
    for header in sorted(INCLUDE.glob("*.h*")):
        twice = BUILD / f"include_{header.name.replace('.', '_')}.c"
        twice.write_text(
            f'#include "{header.name}"\n#include "{header.name}"\nint main(void) {{ return 0; }}\n'
        )
        sources.append(twice)
    sources += test_sources("c11")
    sources += sorted((ROOT / "examples" / "c").glob("*.c"))
    return [
        partial(compile_only, source, compiler, language)
        for source in sources
        for compiler, language in ((C11, "c"), (CXX17, "c++"))
        if not (language == "c" and source.stem.endswith("_hpp"))
    ]


def main(arguments: list[str]) -> int:
    work: list[Callable[[], Outcome]]
    match arguments:
        case ["warnings"]:
            work = warnings()
        case ["run", *variants] if variants:
            library_folder()  # before the threads, which only read it
            if "threads" in variants:
                tsan_names()
            work = [partial(run_test, v, s) for v in variants for s in test_sources(v)]
        case ["stacks", *variants] if variants:
            library_folder()
            work = [partial(run_test, v, s) for v in variants for s in stack_sources()]
        case ["example", *paths] if paths:
            library_folder()
            work = [partial(build, "example", Path(path).resolve()) for path in paths]
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    quiet = arguments[0] == "example"
    passed = failed = 0
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for outcome in pool.map(lambda job: job(), work):
            if outcome.passed:
                passed += 1
                if not quiet:
                    print(f"ok    {outcome.name}", flush=True)
            else:
                failed += 1
                print(f"FAIL  {outcome.name}\n{outcome.text}", flush=True)
    if not quiet:
        print(f"c_tests: {passed} passed, {failed} failed")
    if not work:
        print("error: there is nothing to run", file=sys.stderr)
    return 0 if work and failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
