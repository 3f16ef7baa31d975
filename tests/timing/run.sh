#!/usr/bin/env bash
# Constant time, counted: every check of the secure channel (cryptograms, C-MAC, R-MAC, padding) takes
# equally many instructions wherever the error is. Fails when it does not, or when the two controls,
# which leak on purpose, are not caught. Then instructions for each APDU, and a dudect-style t value;
# both are printed, not judged.
#
#   tests/timing/run.sh [ROUNDS]      ROUNDS of the t value, 100000 unless said otherwise
#
# Needs valgrind. It has no AVX-512 and no VAES, so AES runs on the plain AES instructions there.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-100000}

command -v valgrind >/dev/null || { echo "tests/timing/run.sh: please install valgrind" >&2; exit 1; }
cargo build --release --locked -p scp03 --example timing
timing=${CARGO_TARGET_DIR:-target}/release/examples/timing
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# One line for each call in $work/NAME.counts: instructions, group, case.
count() {
    local name=$1
    # A file of counts before each of the two functions: the even ones hold a measured call alone.
    valgrind --quiet --tool=callgrind --callgrind-out-file="$work/$name" \
        --dump-before='*measured_call*' --dump-before='*after_the_call*' \
        "$timing" "$name" >"$work/$name.labels" 2>"$work/$name.log" ||
        { cat "$work/$name.log" >&2; exit 1; }
    local calls
    calls=$(wc -l <"$work/$name.labels")
    for ((i = 1; i <= calls; i++)); do
        awk '/^(summary|totals):/ { print $2; exit }' "$work/$name.$((2 * i))"
    done | paste - "$work/$name.labels" >"$work/$name.counts"
    awk -F'\t' -v calls="$calls" '$1 == 0 || $1 == "" { bad = 1 }
        END { if (bad || NR != calls || NR == 0) { print "callgrind missed calls" > "/dev/stderr"; exit 1 } }' \
        "$work/$name.counts"
}

echo "== Instructions of each check, over all positions of the error"
count calls
awk -F'\t' '
    { n[$2]++; if (!($2 in low) || $1 < low[$2]) low[$2] = $1; if ($1 > high[$2]) high[$2] = $1
      if (!($2 in seen)) { seen[$2] = 1; order[++groups] = $2 } }
    END {
        for (g = 1; g <= groups; g++) {
            name = order[g]; control = name ~ /^control/; equal = low[name] == high[name]
            good = control ? !equal : equal && n[name] > 1
            failed += !good
            printf "%-46s %4d cases  %6d", name, n[name], low[name]
            if (!equal) printf " to %d", high[name]
            print control ? (good ? "  (leaks, as it should)" : "  LEAK NOT SEEN") : (good ? "" : "  DIFFERS")
        }
        if (groups != 22 || failed) { print failed " of " groups " groups are not as they should be"; exit 1 }
        print "timing: " NR " calls in " groups " groups, no difference"
    }' "$work/calls.counts"

echo
echo "== Instructions for each APDU, level 33, AES-128, S8"
count apdus
awk -F'\t' '{ printf "%-12s %3d bytes  %6d\n", $2, $3, $1 }' "$work/apdus.counts"

echo
echo "== By the clock (above 4.5 would be suspicious)"
"$timing" dudect "$rounds"
