#!/usr/bin/env bash
# `make test`: all tests. Each runner prints its own closing line.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_rust
need_c
need_python

FAILED=()
suite() {
    local name=$1
    shift
    say "$name"
    "$@" </dev/null || FAILED+=("$name")
}

suite "Rust" cargo test --locked --quiet --workspace --exclude msrp-py
suite "libmsrp" build_library
suite "C" python scripts/c_tests.py run c11 cxx17
suite "Python module" build_module dev
suite "Python" python -m pytest --quiet "$@"
suite "Python on uvloop" python -m pytest --quiet --loop=uvloop "$@"
suite "demo" scripts/demo.sh

[ ${#FAILED[@]} = 0 ] || die "failed: ${FAILED[*]}"
say "all tests passed"
