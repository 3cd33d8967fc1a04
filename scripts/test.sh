#!/usr/bin/env bash
# `make test`: all tests. Each runner prints its own closing line. Arguments are pytest's, to run some of its tests only.
# `make conformance` (--write-coverage) writes the table of what the tests have seen; without it, the committed table has
# to be what they have seen now.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

COVERAGE=(--check)
if [ "${1:-}" = --write-coverage ]; then
    COVERAGE=()
    shift
fi

need_rust
need_c
need_python
need tshark tshark
need_sip_stacks
need_kamailio
need openssl openssl

export MSRP_MARKS=$ROOT/build/marks.tsv
mkdir -p build
rm -f "$MSRP_MARKS"

FAILED=()
suite() {
    local name=$1
    shift
    say "$name"
    "$@" </dev/null || FAILED+=("$name")
}

suite "Rust" cargo test --locked --quiet --no-fail-fast --workspace --exclude msrp-py
suite "libmsrp" build_library
suite "C" python scripts/c_tests.py run c11 cxx17
suite "C with SIP stacks" python scripts/c_tests.py stacks c11 sanitized
suite "Python module" build_module dev
suite "Python" python -m pytest --quiet "$@"
suite "Python on uvloop" python -m pytest --quiet --loop=uvloop "$@"
suite "demo" scripts/demo.sh
suite "demo over TLS" env TLS=fingerprint scripts/demo.sh
suite "demo through a relay" env RELAY=1 scripts/demo.sh

[ ${#FAILED[@]} = 0 ] || die "failed: ${FAILED[*]}"
if [ $# != 0 ]; then
    say "passed; the conformance table needs a run of all tests"
    exit
fi
say "conformance"
python scripts/conformance.py "${COVERAGE[@]}" "$MSRP_MARKS"
say "all tests passed"
