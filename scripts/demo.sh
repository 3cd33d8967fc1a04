#!/usr/bin/env bash
# `make demo`: two sessions exchange messages and a file on this machine. TLS=1 runs them over TLS
# with certificates of a CA, TLS=fingerprint with certificates that each side makes and the SDP names. RELAY=1 runs the
# parties in Python and C through a relay, over TLS.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_rust
need_c
need_python
security=() pinned=()
case "${TLS:-0}" in
0) ;;
1)
    need openssl openssl
    security=(--tls)
    ;;
fingerprint)
    security=(--fingerprint)
    pinned=(-- --fingerprint)
    ;;
*) die "TLS is 1 or fingerprint, not $TLS" ;;
esac
case "${RELAY:-0}" in
0) ;;
1)
    [ "${TLS:-0}" != fingerprint ] || die "RELAY=1 is over TLS with a CA: a relay is known by its name, not by a fingerprint"
    need openssl openssl
    security=(--relay)
    ;;
*) die "RELAY is 1, not $RELAY" ;;
esac
build_module dev
say "building libmsrp and the C party"
build_library
python scripts/c_tests.py example examples/c/party.c

say "Rust: two sessions in one process"
cargo run --locked --quiet -p msrp --example in_process "${pinned[@]}" </dev/null

say "Python and C"
mkdir -p build/log
python examples/python/demo.py "${security[@]}" </dev/null | tee build/log/demo.txt
[ "$(tail -n 1 build/log/demo.txt)" = "demo: ok" ] || die "the demo did not end with 'demo: ok'"
