#!/usr/bin/env bash
# `make fuzz`: every fuzz target for SECONDS seconds (60), one after the other. What is new and covers more goes to
# fuzz/corpus, which is not committed; what fails goes to fuzz/artifacts. TARGET=name runs one of them.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Bash counts in SECONDS itself; the one of the caller is read before.
LENGTH=${1:-60}
need_rust
need_cargo_fuzz

FUZZ=(cargo "+$NIGHTLY" fuzz)
# No line of what is fuzzed is unsafe, so an address sanitizer would only make it slow: SANITIZER=address asks for one.
# To look at every comparison costs four fifths of the speed, and dictionaries and corpus do what it is for.
BUILD=(--sanitizer "${SANITIZER:-none}" --no-trace-compares)
read -r -a TARGETS <<<"${TARGET:-$("${FUZZ[@]}" list | tr '\n' ' ')}"

say "building the fuzz targets"
"${FUZZ[@]}" build "${BUILD[@]}" </dev/null

COUNTS=()
FAILED=()
for target in "${TARGETS[@]}"; do
    say "$target, $LENGTH s"
    mkdir -p "fuzz/corpus/$target" build/log
    log=build/log/fuzz-$target.txt
    dictionary=fuzz/dictionaries/msrp.dict
    [ "$target" != sdp ] || dictionary=fuzz/dictionaries/sdp.dict
    # The first folder is the one that is written to.
    if ! "${FUZZ[@]}" run "${BUILD[@]}" "$target" "fuzz/corpus/$target" "msrp-rs/tests/corpus/fuzz/$target" -- \
        -max_total_time="$LENGTH" -max_len=1024 -timeout=25 -rss_limit_mb=2048 -dict="$dictionary" \
        -print_final_stats=1 >"$log" 2>&1 </dev/null; then
        FAILED+=("$target")
        grep -A 40 'panicked at\|ERROR: libFuzzer\|^error' "$log" || tail -n 40 "$log"
    fi
    count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    COUNTS+=("$target ${count:-0}")
done

for count in "${COUNTS[@]}"; do
    printf '%-12s %12s executions\n' $count
done
[ ${#FAILED[@]} = 0 ] || die "failed: ${FAILED[*]}; the inputs are in fuzz/artifacts"
say "no target failed"
