#!/usr/bin/env bash
# Takes what the fuzzers have learnt (fuzz/corpus) into the committed corpus, minimized: inputs that cover nothing that
# a smaller one covers are left out. Those that were found to fail once (found-*) always stay.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_rust
need_cargo_fuzz

MOST=300
for target in $(cargo "+$NIGHTLY" fuzz list); do
    committed=msrp-rs/tests/corpus/fuzz/$target
    merged=$(mktemp -d)
    mkdir -p "fuzz/corpus/$target"
    cp "fuzz/corpus/$target"/* "$committed"/* "$merged" 2>/dev/null || true
    cargo "+$NIGHTLY" fuzz cmin --sanitizer none --no-trace-compares "$target" "$merged" -- -max_len=1024 </dev/null
    find "$committed" -type f ! -name 'found-*' -delete
    # Of all sizes, and no more than are tried in a moment.
    found=$(find "$merged" -type f ! -name 'found-*' | wc -l)
    find "$merged" -type f ! -name 'found-*' -printf '%s %p\n' | sort -n |
        awk -v step=$((found / MOST + 1)) 'NR % step == 0 { print $2 }' | xargs -r cp -t "$committed"
    rm -rf "$merged"
    say "$target: $(find "$committed" -type f | wc -l) inputs, $(du -bs "$committed" | cut -f 1) octets"
done
