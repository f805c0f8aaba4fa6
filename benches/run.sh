#!/usr/bin/env bash
# Measures the comparison beside its alternatives, in turn and in one session, and prints medians and ratios.
#
#   benches/run.sh [ROWS] [ROUNDS]     10,000,000 rows and 5 rounds unless said otherwise
#
# Needs some 8 GB of disk below the target folder, and a quiet machine: the spread of the rounds is printed by `--raw`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rows=${1:-10000000}
rounds=${2:-5}
target=${CARGO_TARGET_DIR:-target}
work=$target/bench/$rows
python=$target/bench/venv/bin/python

echo "building (dist) …" >&2
cargo build --profile dist --quiet --package outflow-bench
bench=$target/dist/outflow-bench

if [ ! -x "$python" ]; then
    python3 -m venv "$target/bench/venv"
    "$target/bench/venv/bin/pip" install --quiet duckdb==1.5.5 polars==1.35.2
fi

if [ ! -e "$work/after.parquet" ]; then
    echo "making $rows rows …" >&2
    "$bench" data "$work" "$rows"
    "$python" benches/alternatives.py keep_hashes "$work"
fi

# Lays one state over another. Segments are written once and never changed, so a link will do, and the system keeps them in memory as the program
# wrote them.
copy_state() {
    rm -rf "${2:?}" && cp -r --link "$1" "$2"
    rm "$2"/ledger.sqlite* && cp "$1"/ledger.sqlite* "$2/"
}

# The state after a first run; and after a second one, in which nothing had changed, and which noted in what order the rows come. From there every
# steady run begins.
rm -rf "$work/state-first"
"$bench" run "$PWD/$work/before.parquet" "$PWD/$work/state-first" >/dev/null
copy_state "$work/state-first" "$work/state-second"
"$bench" run "$PWD/$work/before.parquet" "$PWD/$work/state-second" >/dev/null
cat "$work"/*.parquet >/dev/null # a warm cache for everybody

files() { find "$work/state" -type f ! -name 'ledger.sqlite*' | sort; }

results=$work/results.tsv
: >"$results"
note() { printf '%s\t%s\n' "$1" "$2" | tee -a "$results" >&2; }

# Runs a contestant once the disk has written what came before: nobody pays for what somebody else has left behind.
measured() { sync && "$@"; }

for round in $(seq "$rounds"); do
    echo "round $round of $rounds" >&2
    note decode "$(measured "$bench" decode "$work/after.parquet")"
    note scan "$(measured "$bench" scan "$PWD/$work/after.parquet")"
    copy_state "$work/state-first" "$work/state"
    note second "$(measured "$bench" run "$PWD/$work/after.parquet" "$PWD/$work/state")"
    copy_state "$work/state-second" "$work/state"
    note steady "$(measured "$bench" run "$PWD/$work/after.parquet" "$PWD/$work/state")"
    before=$(files)
    note nothing "$(measured "$bench" run "$PWD/$work/after.parquet" "$PWD/$work/state")"
    written=$(comm -13 <(echo "$before") <(files) | wc -l)
    note written "{\"seconds\": 0, \"files\": $written}"
    rm -rf "$work/state"
    note first "$(measured "$bench" run "$PWD/$work/before.parquet" "$PWD/$work/state")"
    for question in duckdb_hashes duckdb_rows duckdb_csv polars_rows; do
        note "$question" "$(measured "$python" benches/alternatives.py "$question" "$work")"
    done
done

echo
echo "$rows rows × 10 columns, $rounds rounds, $(nproc) processors, $(uname -m), $(rustc --version)"
echo
"$python" benches/table.py <"$results"
