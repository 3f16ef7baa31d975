#!/usr/bin/env bash
# Prepares the outside implementations and prints the path of the Python that has them:
#
#   ORACLE_PYTHON=$(tests/oracle/setup.sh) cargo test -p scp03 --test oracle
#
# They go to target/oracle-venv. A second run with the same requirements does nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=${ORACLE_VENV:-$PWD/target/oracle-venv}
requirements=tests/oracle/requirements.txt

# Tests that need it may ask at the same moment: the first one works.
mkdir -p "$(dirname "$venv")"
exec 9>"$venv.lock"
flock 9

if [ -x "$venv/bin/python" ] && cmp -s "$requirements" "$venv/installed.txt"; then
    echo "$venv/bin/python"
    exit
fi

{
    packages=()
    python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
    # pyscard has to be compiled.
    command -v cc >/dev/null || packages+=(gcc libc6-dev)
    command -v swig >/dev/null || packages+=(swig)
    compgen -G '/usr/include/PCSC/winscard.h' >/dev/null || packages+=(libpcsclite-dev)
    compgen -G '/usr/include/python3*/Python.h' >/dev/null || packages+=(python3-dev)
    if ((${#packages[@]})); then
        if [ "$(id -u)" != 0 ]; then
            echo "Please install: ${packages[*]} (or run this as root once)."
            exit 1
        fi
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${packages[@]}"
    fi
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --disable-pip-version-check --no-deps -q -r "$requirements" || {
        echo "The Python packages of $requirements could not be installed; is the network there?"
        exit 1
    }
    cp "$requirements" "$venv/installed.txt"
} >&2
echo "$venv/bin/python"
