#!/usr/bin/env bash
# Mutation testing of the two byte crates: each mutant is built and must make a test fail.
#
#   tests/long/mutants.sh [--shards N] [--jobs J] [--out DIR] [--fresh] [--report] [PACKAGE…]
#
#   --shards N   pieces per package (default 24); a piece that has finished is not run again
#   --jobs J     mutants at the same time, each in its own copy of the tree (default 1)
#   --out DIR    where copies, logs and results go (default target/mutants)
#   --fresh      forget all results and begin with the commit that is checked out now
#   --report     only print what has been found so far
#   PACKAGE      scp03 and globalplatform unless named
#
# It tests one commit, the one that was checked out when the campaign began, in a copy: the working
# tree may change meanwhile. It can be stopped at any time and goes on with the next piece. Needs
# cargo-mutants. At the end it prints counts and survivors, and leaves survivors.txt.
#
# What kills a mutant is the package's own tests: its unit tests first, which build fastest, and for
# the mutants that live through those, everything in its tests/ but `oracle`, which needs outside
# programs. Doc examples are left out: they show how, the tests show that. PROPTEST_CASES lowers the
# cases of each property (default 64).
set -euo pipefail
cd "$(dirname "$0")/../.."

shards=24
jobs=1
out=target/mutants
fresh=
report=
packages=()
while (($#)); do
    case $1 in
        --shards) shards=$2; shift 2 ;;
        --jobs) jobs=$2; shift 2 ;;
        --out) out=$2; shift 2 ;;
        --fresh) fresh=1; shift ;;
        --report) report=1; shift ;;
        --*) sed -n '2,/^set /s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
        *) packages+=("$1"); shift ;;
    esac
done
((${#packages[@]})) || packages=(scp03 globalplatform)
export PROPTEST_CASES=${PROPTEST_CASES:-64}
export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=1
mkdir -p "$out"
out=$(cd "$out" && pwd)
[ -z "$fresh" ] || rm -rf "$out"/{commit,shards,results,survivors.txt}

# The options of cargo-mutants that choose all tests of a package in a tree, for building and running.
tests_of() {
    printf '%s\n' -C--lib
    local file name
    for file in "$1/crates/$2"/tests/*.rs; do
        name=$(basename "$file" .rs)
        [ "$name" = oracle ] || printf '%s\n' "-C--test=$name"
    done
}

# Tests mutants of a piece: the stage (its folder of results), then the options that choose mutants
# and tests. 2: some survived, 3: some ran out of time.
mutants() {
    local stage=$1
    shift
    (cd "$tree" && cargo mutants --in-place -p "$package" --baseline skip \
        --timeout $((12 + 8 * baseline)) --output "$out/results/$package/$piece/$stage" "$@") \
        >>"$out/results/$package/$piece/log" 2>&1
}

# A clean copy of the commit. Everything gets a new time: what an interrupted run had mutated and
# built must be built again.
copy() {
    mkdir -p "$1"
    rm -rf "$1/crates"
    git archive "$commit" | tar -xm -C "$1"
}

# One worker: every J-th piece of every package.
work() {
    local worker=$1 tree=$out/tree-$1 package piece log seconds status living
    copy "$tree"
    export CARGO_TARGET_DIR=$out/build-$worker
    for package in "${packages[@]}"; do
        local tests baseline=
        mapfile -t tests < <(tests_of "$tree" "$package")
        for ((piece = worker; piece < shards; piece += jobs)); do
            [ ! -e "$out/results/$package/$piece/finished" ] || continue
            if [ -z "$baseline" ]; then
                log=$out/baseline-$package-$worker.log
                (cd "$tree" && cargo test --profile mutants -p "$package" "${tests[@]#-C}") >"$log" 2>&1 ||
                    { echo "the tests of $package fail without any mutant, see $log" >&2; return 1; }
                seconds=$SECONDS
                (cd "$tree" && cargo test --profile mutants -p "$package" "${tests[@]#-C}") >"$log" 2>&1
                baseline=$((SECONDS - seconds))
            fi
            rm -rf "$out/results/$package/$piece"
            mkdir -p "$out/results/$package/$piece"/{unit,all}
            seconds=$SECONDS status=0
            mutants unit --sharding round-robin --shard "$piece/$shards" -C--lib || status=$?
            # Only what the unit tests let live is tried again: all others pass as caught before. (Choosing
            # by name with --re always takes a few more.)
            local unit=$out/results/$package/$piece/unit/mutants.out all=$out/results/$package/$piece/all
            if [ -s "$unit/missed.txt" ]; then
                status=0
                mkdir "$all/mutants.out"
                (cd "$tree" && cargo mutants -p "$package" --list) |
                    grep -vxFf "$unit/missed.txt" >"$all/mutants.out/caught.txt"
                mutants all --iterate "${tests[@]}" || status=$?
            fi
            # 2: some survived; 3: some ran out of time. Everything else is a failure of the run.
            case $status in
                0 | 2 | 3) echo $((SECONDS - seconds)) >"$out/results/$package/$piece/finished" ;;
                *) echo "$package $piece/$shards failed ($status):" >&2
                   tail -5 "$out/results/$package/$piece/log" >&2
                   return 1 ;;
            esac
            echo "$package $piece/$shards: $(tail -1 "$out/results/$package/$piece/log")"
        done
    done
}

# The lines of one kind that the pieces of a package ended with, each once: what lives is known after
# the last stage, and pieces may share a mutant.
lines() {
    local piece
    for piece in "$out/results/$1"/*/; do
        case $2 in
            missed) cat "$piece"all/mutants.out/missed.txt || cat "$piece"unit/mutants.out/missed.txt ;;
            *) cat "$piece"{unit,all}/mutants.out/"$2".txt ;;
        esac 2>/dev/null || true
    done | sort -u
}

count() { lines "$1" "$2" | wc -l; }

summary() {
    echo
    printf '%-16s %8s %8s %8s %9s %9s %8s %8s\n' package pieces caught missed "timed out" unviable caught% seconds
    local package caught missed late unviable pieces seconds
    for package in "${packages[@]}"; do
        caught=$(count "$package" caught) missed=$(count "$package" missed)
        late=$(count "$package" timeout) unviable=$(count "$package" unviable)
        pieces=$(find "$out/results/$package" -name finished 2>/dev/null | wc -l)
        seconds=$(cat "$out/results/$package"/*/finished 2>/dev/null | paste -sd+ | sed 's/^$/0/')
        # A mutant that never ends is noticed; one that does not compile is none.
        printf '%-16s %8s %8d %8d %9d %9d %8s %8d\n' "$package" "$pieces/$shards" "$caught" "$missed" \
            "$late" "$unviable" \
            "$(awk -v c="$((caught + late))" -v m="$missed" 'BEGIN { printf "%.1f", c + m ? 100 * c / (c + m) : 0 }')" \
            "$((seconds))"
    done
    for package in "${packages[@]}"; do
        lines "$package" missed
    done | sort -V >"$out/survivors.txt"
    echo
    echo "commit $(cat "$out/commit" 2>/dev/null || echo '-'), $(wc -l <"$out/survivors.txt") survivors ($out/survivors.txt):"
    cat "$out/survivors.txt"
}

if [ -n "$report" ]; then
    summary
    exit
fi

command -v cargo-mutants >/dev/null || { echo "Please install cargo-mutants: cargo install cargo-mutants" >&2; exit 1; }
if [ ! -e "$out/commit" ]; then
    git rev-parse --short HEAD >"$out/commit"
    echo "$shards" >"$out/shards"
fi
commit=$(cat "$out/commit")
if [ "$(cat "$out/shards")" != "$shards" ]; then
    shards=$(cat "$out/shards")
    echo "going on with $shards pieces, as the campaign began (--fresh begins anew)"
fi
echo "testing commit $commit"

workers=()
for ((worker = 0; worker < jobs; worker++)); do
    work "$worker" &
    workers+=($!)
done
status=0
for pid in "${workers[@]}"; do wait "$pid" || status=1; done
summary
exit "$status"
