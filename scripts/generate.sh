#!/usr/bin/env bash
# `make generate`: rewrites what is generated and committed.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_rust
cargo run --quiet -p xtask -- header
