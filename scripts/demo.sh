#!/usr/bin/env bash
# `make demo`: two sessions exchange messages and a file on this machine. TLS=1 runs them over TLS.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_rust
need_c
need_python
[ "${TLS:-0}" = 1 ] && need openssl openssl
build_module dev
say "building libmsrp and the C party"
build_library
python scripts/c_tests.py example examples/c/party.c

say "Rust: two sessions in one process"
cargo run --locked --quiet -p msrp --example in_process </dev/null

say "Python and C"
arguments=()
[ "${TLS:-0}" = 1 ] && arguments+=(--tls)
mkdir -p build/log
python examples/python/demo.py "${arguments[@]}" </dev/null | tee build/log/demo.txt
[ "$(tail -n 1 build/log/demo.txt)" = "demo: ok" ] || die "the demo did not end with 'demo: ok'"
