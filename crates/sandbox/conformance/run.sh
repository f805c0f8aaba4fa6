#!/usr/bin/env bash
# Runs clients that others wrote against the sandbox: each makes a data extension, adds a field, puts a
# file, imports it and reads the rows back. Prints one line for each fact and stops at the first that does
# not hold. Needs python3 (with venv), node and npm; everything else is installed below target/conformance.
#
#   crates/sandbox/conformance/run.sh [PATH OF A SANDBOX PROGRAM]
#
# The program takes `--state memory --ready-file FILE --proxy`; without one, the example is built and used.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
work=${CARGO_TARGET_DIR:-$root/target}/conformance
python=$work/venv/bin/python
mkdir -p "$work"

for tool in python3 node npm; do
    command -v "$tool" >/dev/null || { echo "error: $tool is needed; install it and run again" >&2; exit 1; }
done

# A venv or an npm folder of the same list is used again.
python_list=$(cat "$here/requirements.txt")
if [ "$(cat "$work/venv/installed.txt" 2>/dev/null)" != "$python_list" ]; then
    rm -rf "$work/venv"
    python3 -m venv "$work/venv" || { echo "error: python3 cannot make a venv; install python3-venv" >&2; exit 1; }
    "$python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    printf '%s\n' "$python_list" >"$work/venv/installed.txt"
fi
if ! cmp -s "$here/package.json" "$work/npm/package.json" || [ ! -f "$work/npm/installed" ]; then
    rm -rf "$work/npm" && mkdir -p "$work/npm"
    cp "$here/package.json" "$work/npm/"
    (cd "$work/npm" && npm install --silent --no-audit --no-fund --no-package-lock && touch installed)
fi

program=${1:-}
if [ -z "$program" ]; then
    cargo build --quiet --manifest-path "$root/Cargo.toml" -p outflow-sandbox --example sandbox
    program=${CARGO_TARGET_DIR:-$root/target}/debug/examples/sandbox
fi

run=$(mktemp -d)
sandbox=
finish() {
    [ -z "$sandbox" ] || { kill "$sandbox" 2>/dev/null && wait "$sandbox" 2>/dev/null || true; }
    rm -rf "$run"
}
trap finish EXIT

# Every client gets a sandbox of its own, so that none stands on what another left.
with_a_sandbox() {
    rm -f "$run/ready.json"
    "$program" --state memory --ready-file "$run/ready.json" --proxy &
    sandbox=$!
    for _ in $(seq 300); do
        [ ! -f "$run/ready.json" ] || break
        kill -0 "$sandbox" 2>/dev/null || { echo "error: the sandbox ended before it was ready" >&2; exit 1; }
        sleep 0.1
    done
    [ -f "$run/ready.json" ] || { echo "error: the sandbox was not ready in time" >&2; exit 1; }
    "$@"
    kill "$sandbox"
    wait "$sandbox" || { echo "error: the sandbox did not end well" >&2; exit 1; }
    sandbox=
}

# Proxy settings of the surrounding machine must not stand between the clients and loopback.
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
export NO_PROXY= no_proxy=

with_a_sandbox "$python" "$here/with_zeep.py" "$run/ready.json"
with_a_sandbox "$python" "$here/with_fuelsdk.py" "$run/ready.json" "$run"
with_a_sandbox "$python" "$here/with_paramiko.py" "$run/ready.json"
with_a_sandbox "$python" "$here/with_boto3.py" "$run/ready.json"
export NODE_PATH=$work/npm/node_modules
with_a_sandbox node "$here/with_sfmc_sdk.cjs" "$run/ready.json" fragment
with_a_sandbox node "$here/with_sfmc_sdk.cjs" "$run/ready.json" proxy
with_a_sandbox node "$here/with_fuel_soap.cjs" "$run/ready.json"
with_a_sandbox node "$here/with_mcdev.cjs" "$run/ready.json" "$run"
echo "all clients were served"
