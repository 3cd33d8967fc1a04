#!/usr/bin/env bash
# `make check`: everything that can be said without running the program for long.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_rust
need_component fmt rustfmt
need_component clippy clippy
need_c
need_python
need_cargo_deny

pure_layers() {
    cargo check --locked -p msrp --no-default-features || return
    local tree
    tree=$(cargo tree --locked -p msrp --no-default-features --edges normal,build) || return
    if grep -E '\b(tokio|socket2|mio|rustls) v' <<<"$tree"; then
        echo "the pure layers depend on what is printed above"
        return 1
    fi
}

rust_docs() {
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --workspace \
        --exclude msrp-py --exclude libmsrp --exclude xtask
}

step "rustfmt" cargo fmt --all --check
step "clippy" cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
step "pure layers without tokio" pure_layers
step "rust docs" rust_docs
step "dependencies" cargo deny --locked --log-level error check bans licenses sources
step "header drift" cargo run --locked --quiet -p xtask -- header --check
step "conformance table" python scripts/conformance.py --static
step "ruff format" ruff format --check .
step "ruff" ruff check .
step "python module" build_module dev
step "mypy" python -m mypy
step "stub drift" python -m mypy.stubtest msrp --ignore-disjoint-bases
step "libmsrp" build_library
step "C and C++ warnings" python scripts/c_tests.py warnings
step "C tests, sanitized" python scripts/c_tests.py run sanitized

finish check
