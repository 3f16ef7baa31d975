#!/usr/bin/env bash
# Every test of the project, with the set-up that it needs.
#
#   tests/run.sh        what every change must pass (about 15 minutes from nothing on two cores)
#   tests/run.sh full   the long tier on top
#
# Root is needed for the tests with PC/SC readers, and Debian where a package of the list below is
# missing. Servers are started by the tests themselves, on private ports and in temporary folders.
set -euo pipefail
cd "$(dirname "$0")/.."

tier=${1:-quick}
case $tier in
    quick | full) ;;
    *) echo "usage: tests/run.sh [full]" >&2; exit 2 ;;
esac

step() { printf '\n== %s\n' "$*"; }

packages=()
needs() { command -v "$1" >/dev/null || packages+=("${@:2}"); }
needs_file() { compgen -G "$1" >/dev/null || packages+=("${@:2}"); }
needs openssl openssl
needs cc gcc libc6-dev
# Virtual PC/SC readers, and programs for real cards.
needs pcscd pcscd
needs pcsc_scan pcsc-tools
needs opensc-tool opensc
needs curl curl
needs jq jq
needs_file '/usr/lib/pcsc/drivers/serial/libifdvpcd.so' vsmartcard-vpcd
needs_file '/usr/lib/*/opensc-pkcs11.so' opensc-pkcs11
needs_file '/usr/lib/*/engines-3/pkcs11.so' libengine-pkcs11-openssl
# For Python's pyscard, which has to be compiled.
needs swig swig
needs_file '/usr/include/PCSC/winscard.h' libpcsclite-dev
needs_file '/usr/include/python3*/Python.h' python3-dev
needs_file '/usr/lib/python3*/ensurepip' python3-venv
if ((${#packages[@]})); then
    step "Debian packages: ${packages[*]}"
    if [ "$(id -u)" != 0 ]; then
        echo "Please install: ${packages[*]} (or run this as root once)." >&2
        exit 1
    fi
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${packages[@]}"
fi

export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

step "Format"
cargo fmt --all --check

step "Lints"
cargo clippy --workspace --all-targets --locked -- -D warnings

step "Documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

bare_metal=thumbv7em-none-eabi
step "Bare metal: the no_std crates for $bare_metal"
skipped=0
if rustup target list --installed | grep -qx "$bare_metal" || rustup target add "$bare_metal"; then
    cargo build --locked --target "$bare_metal" -p globalplatform --no-default-features
    cargo build --locked --target "$bare_metal" -p scp03
else
    echo "SKIPPED: rustup cannot fetch the target $bare_metal; the crates are checked for this machine instead"
    skipped=1
    cargo check --locked -p globalplatform --no-default-features
    cargo check --locked -p scp03
fi

step "Packages ready to publish"
cargo package --locked --allow-dirty -p globalplatform -p scp03

step "Outside implementations"
ORACLE_PYTHON=$(tests/oracle/setup.sh)
export ORACLE_PYTHON
if [ "$tier" = full ]; then
    export ORACLE_SESSIONS=${ORACLE_SESSIONS:-20000}
fi

step "Tests"
set +e
cargo test --workspace --locked --no-fail-fast 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
set -e

if [ "$tier" = full ]; then
    step "Long tier: 200 cards"
    cargo build --release --locked
    cargo run --release --locked -- demo --cards 200 || status=1

    step "Long tier: 10,000 cards in one process"
    FLEET_CARDS=10000 cargo test --release --locked -p tsm-tests --test fleet || status=1

    step "Long tier: a delivery of 1,000,000 cards"
    IMPORT_CARDS=1000000 cargo test --release --locked -p tsm-tests --test import || status=1

    step "Long tier: constant time"
    command -v valgrind >/dev/null ||
        DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends valgrind
    tests/timing/run.sh || status=1
fi

step "Totals"
awk -v s="$skipped" '
    /^test result:/ { for (i = 1; i < NF; i++) { if ($(i+1) ~ /^passed/) p += $i; if ($(i+1) ~ /^failed/) f += $i; if ($(i+1) ~ /^ignored/) s += $i } }
    /^[0-9]+ passed, [0-9]+ failed$/ { p += $1; f += $3 }
    END { printf "%d passed, %d failed, %d skipped\n", p, f, s }
' "$log"
exit "$status"
