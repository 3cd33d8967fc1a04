#!/usr/bin/env bash
# `make check-deep`: what takes minutes. Miri runs where the nightly toolchain has it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_rust
need_c
need valgrind valgrind
need_sip_stacks
need_python

loom() {
    RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom \
        cargo test --locked --quiet -p msrp --release --lib --no-default-features --features net loom
}

# A model check that ran no model proves nothing.
loom_ran() {
    local output
    output=$(loom 2>&1) || { printf '%s\n' "$output"; return 1; }
    printf '%s\n' "$output"
    grep -Eq 'test result: ok\. [1-9]' <<<"$output"
}

long_property_tests() {
    PROPTEST_CASES=${PROPTEST_CASES:-20000} cargo test --locked --quiet --release -p msrp
}

# A message of 1 GiB to a slow receiver beside a hundred sessions that chat, by itself: it compares times. The log has
# the figures.
long_bulk() {
    cargo test --locked --quiet --release -p msrp --test relay_net_bulk -- --ignored --nocapture \
        --test-threads 1
}

# The pure layers only: Miri knows no sockets. Property tests are left to the other steps, and what counts the cost of
# large numbers; the rest takes smaller ones.
miri() {
    PROPTEST_CASES=8 MIRIFLAGS="-Zmiri-disable-isolation" CARGO_TARGET_DIR=target/miri \
        cargo "+$NIGHTLY" miri test --locked --quiet -p msrp --no-default-features --lib
}

# Both sides of the C ABI under ThreadSanitizer: the standard library has to be built for it, too.
threads() {
    RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer" CARGO_TARGET_DIR=target/threads \
        cargo +nightly build --locked --quiet -Zbuild-std --target x86_64-unknown-linux-gnu -p libmsrp &&
        python scripts/c_tests.py run threads
}

step "mutants" python scripts/mutants.py
step "libmsrp" build_library
step "C tests under valgrind" python scripts/c_tests.py run valgrind
step "C tests with SIP stacks" python scripts/c_tests.py stacks valgrind
step "C calls in random orders" env LIBMSRP_CALLS_SECONDS=200 python scripts/c_tests.py run sanitized
step "loom models" loom_ran
step "long property tests" long_property_tests
step "1 GiB beside 100 chats" long_bulk
step "python module" build_module dev
step "interpreter exit, 1000 runs" python python-tests/stress_exit.py --runs 1000
step "interpreter exit over TLS, 200 runs" python python-tests/stress_exit.py --runs 200 --tls
step "TLS by ring" cargo test --locked --quiet -p msrp --no-default-features --features net,ring
if need_nightly miri rust-src >/dev/null 2>&1; then
    step "miri" miri
else
    echo "--    miri: not run; rustup component add miri rust-src --toolchain $NIGHTLY failed"
fi

if [ -d "$(rustc +nightly --print sysroot 2>/dev/null)/lib/rustlib/src/rust" ]; then
    step "C tests under ThreadSanitizer" threads
else
    echo "--    ThreadSanitizer: not run, the nightly toolchain has no rust-src"
fi

finish check-deep
