#!/usr/bin/env bash
# `make conformance-mutants`: see scripts/mutants.py.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_rust
need_python
python scripts/mutants.py "$@"
