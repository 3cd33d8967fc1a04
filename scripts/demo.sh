#!/usr/bin/env bash
# `make demo`: two sessions exchange messages and a file on this machine. TLS=1 runs them over TLS.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_rust
need_c
need_python
build_module dev

# shows COMMAND...: runs it and shows its output; its last line has to be `demo: ok`.
shows() {
    local log=build/log/demo.txt
    mkdir -p build/log
    "$@" </dev/null | tee "$log"
    [ "$(tail -n 1 "$log")" = "demo: ok" ] || die "the demo did not end with 'demo: ok'"
}

say "building libmsrp and the C party"
build_library
python scripts/c_tests.py example examples/c/party.c

say "Python and C"
if [ "${TLS:-0}" = 1 ]; then
    shows python examples/python/demo.py --tls
else
    shows python examples/python/demo.py
fi

say "Rust, two sessions in one process"
cargo run --locked --quiet -p msrp --example in_process </dev/null

say "demo passed"
