#!/usr/bin/env bash
# The fuzz campaign: every target of tests/fuzz, as often as its size says.
#
#   tests/long/fuzz.sh [--runs N] [--jobs J] [--out DIR] [--fresh] [TARGET…]
#
#   --runs N   executions of each decoder (default 10000000); state machines and whole CAP files
#              get a tenth of it
#   --jobs J   targets at the same time (default 1)
#   --out DIR  where logs, grown corpora and results go (default target/fuzz-campaign)
#   --fresh    forget what an earlier campaign has finished
#
# It can be stopped at any time: a target that has finished is not run again, one that was stopped
# starts over from the corpus that it has grown. Needs cargo-fuzz and a C++ compiler; the stable
# toolchain is enough. At the end it prints a table; it fails when there is a finding.
set -euo pipefail
cd "$(dirname "$0")/../.."

runs=10000000
jobs=1
out=target/fuzz-campaign
fresh=
only=()
while (($#)); do
    case $1 in
        --runs) runs=$2; shift 2 ;;
        --jobs) jobs=$2; shift 2 ;;
        --out) out=$2; shift 2 ;;
        --fresh) fresh=1; shift ;;
        --*) sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
        *) only+=("$1"); shift ;;
    esac
done

command -v cargo-fuzz >/dev/null || { echo "Please install cargo-fuzz: cargo install cargo-fuzz" >&2; exit 1; }
mkdir -p "$out/log" "$out/findings"
results=$out/results.tsv
[ -z "$fresh" ] || rm -f "$results"
touch "$results"

CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target/fuzz-build}
export CARGO_TARGET_DIR
cargo fuzz build --fuzz-dir tests/fuzz --features libfuzzer --sanitizer none
binaries=$CARGO_TARGET_DIR/$(rustc -vV | sed -n 's/^host: //p')/release
commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)

# Name and size of every target, from the one list.
list() {
    awk '/^targets! *\{/ { on = 1; next } on && /^}/ { exit }
         on { for (i = 1; i <= NF; i++) {
                if ($i == "Small" || $i == "Machine") size = $i
                else if ($i ~ /:$/) continue
                else { name = $i; sub(/;$/, "", name); print name, size } } }' tests/fuzz/src/lib.rs
}

# A campaign must not change under its own feet when something is built meanwhile.
mkdir -p "$out/bin"
list | while read -r name _; do strip -g -o "$out/bin/$name" "$binaries/$name"; done

field() { sed -n "s/^stat::$1: *//p" "$2" | tail -1; }

# Runs one target and writes its line of the results.
campaign() {
    local name=$1 count=$2 longest=$3 log=$out/log/$1.log corpus=$out/corpus/$1 begun=$SECONDS
    mkdir -p "$corpus" "$out/findings/$name"
    "$out/bin/$name" -runs="$count" -max_len="$longest" -timeout=20 -rss_limit_mb=2048 \
        -verbosity=0 -print_final_stats=1 -artifact_prefix="$out/findings/$name/" \
        "$corpus" "tests/fuzz/corpus/$name" >"$log" 2>&1 || true
    local done_runs finding
    finding=$(find "$out/findings/$name" -type f -newer "$out/bin/$name" | wc -l)
    done_runs=$(field number_of_executed_units "$log")
    # A target that was stopped from outside has no statistics, and has not finished.
    [ -n "$done_runs" ] || { echo "$name: stopped, see $log"; return; }
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$done_runs" "$((SECONDS - begun))" "$finding" \
        "$(find "$corpus" -type f | wc -l)" "$commit" >>"$results"
    echo "$name: $done_runs executions, $finding findings"
}

while read -r name size; do
    if ((${#only[@]})) && [[ " ${only[*]} " != *" $name "* ]]; then continue; fi
    count=$runs longest=512
    [ "$size" = Small ] || { count=$((runs / 10)); longest=2048; }
    # Finished before, without a finding and with as many executions.
    if awk -F'\t' -v n="$name" -v c="$count" '$1 == n && $2 >= c && $4 == 0 { f = 1 } END { exit !f }' "$results"; then
        continue
    fi
    while (($(jobs -rp | wc -l) >= jobs)); do wait -n || true; done
    campaign "$name" "$count" "$longest" </dev/null &
done < <(list)
wait

echo
awk -F'\t' '
    { runs[$1] = $2; seconds[$1] = $3; findings[$1] = $4; inputs[$1] = $5; commit[$1] = $6
      if (!($1 in seen)) { seen[$1] = 1; order[++n] = $1 } }
    END {
        printf "%-28s %12s %8s %9s %8s  %s\n", "target", "executions", "seconds", "findings", "corpus", "commit"
        for (i = 1; i <= n; i++) { t = order[i]
            printf "%-28s %12d %8d %9d %8d  %s\n", t, runs[t], seconds[t], findings[t], inputs[t], commit[t]
            r += runs[t]; s += seconds[t]; f += findings[t] }
        printf "%-28s %12d %8d %9d\n", n " targets", r, s, f
        exit f > 0
    }' "$results"
