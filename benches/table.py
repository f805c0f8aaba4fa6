"""Turns the lines of `benches/run.sh` into a table of medians and ratios."""

import collections
import json
import statistics
import sys


def main():
    results = collections.defaultdict(list)
    for line in sys.stdin:
        name, _, result = line.strip().partition("\t")
        if result:
            results[name].append(json.loads(result))

    def median(name, member="seconds"):
        values = [it[member] for it in results[name] if member in it]
        return statistics.median(values) if values else None

    files_written = max((it["files"] for it in results.pop("written", [])), default=None)
    print("| what | median s | rows sent | peak memory |")
    print("|---|---|---|---|")
    for name, runs in results.items():
        anonymous = median(name, "anonymous_peak_bytes")
        backed = median(name, "file_backed_peak_bytes")
        peak = median(name, "peak_bytes")
        memory = f"{anonymous / 1e6:.0f} MB anonymous, {backed / 1e6:.0f} MB of files" if anonymous else (f"{peak / 1e6:.0f} MB" if peak else "")
        rows = runs[-1].get("rows_sent", "")
        print(f"| {name} | {median(name):.2f} | {rows} | {memory} |")

    print()
    print("| ratio of medians | measured | must | aim |")
    print("|---|---|---|---|")
    ratios = [
        ("steady run ÷ decoding alone", "steady", "decode", 2.3, 1.5),
        ("steady run ÷ DuckDB on stored hashes", "steady", "duckdb_hashes", 0.48, 0.33),
        ("steady run ÷ DuckDB on full rows", "steady", "duckdb_rows", 0.33, 0.22),
        ("steady run ÷ Polars", "steady", "polars_rows", 0.19, 0.12),
        ("first run ÷ DuckDB COPY TO csv", "first", "duckdb_csv", 1.0, 0.6),
    ]
    for words, ours, theirs, must, aim in ratios:
        if results[ours] and results[theirs]:
            print(f"| {words} | {median(ours) / median(theirs):.2f} | {must} | {aim} |")

    print()
    for name in ("first", "second", "steady", "nothing"):
        if results[name]:
            phases = collections.OrderedDict()
            for run in results[name]:
                for phase, seconds in run["phases_seconds"].items():
                    phases.setdefault(phase, []).append(seconds)
            rows = results[name][-1]["source_rows"]
            parts = ", ".join(f"{phase} {statistics.median(it) * 1e9 / rows:.0f} ns" for phase, it in phases.items())
            last = results[name][-1]
            print(f"- {name}: a row takes {parts}; {last['bytes_sent']} bytes sent, {last['calls_that_write']} calls that write")
    print(f"- nothing: {files_written} files written beside the ledger")


if __name__ == "__main__":
    main()
