#!/usr/bin/env bash
# `make soak`: sessions and messages come and go for MINUTES minutes (10); nothing may be lost, and nothing left.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_rust
# Not a release build: overflows and debug assertions are part of what is tried.
cargo run --locked --quiet -p msrp-bench --bin msrp-soak -- "$@" </dev/null
