#!/usr/bin/env bash
# `make format`: formats the sources.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_rust
need_component fmt rustfmt
need_python
cargo fmt --all
ruff format .
ruff check --fix .
