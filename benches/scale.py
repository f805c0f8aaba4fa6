"""What a row of a steady run costs with few rows and with many: `scale.py [FEW] [MANY] [ROUNDS]`.

The same data, state and program as `run.sh`, without the alternatives; both sizes are run in turn. Fifty million rows take some 10 GB of
disk below the target folder, and minutes to make.
"""

import json
import shutil
import statistics
import subprocess
import sys

import measure

FEW, MANY, ROUNDS = 10_000_000, 50_000_000, 3
BENCH = measure.TARGET / "dist" / "outflow-bench"


def prepare(rows):
    """Both nights' data, and the state after two runs of the first: the second notes in what order the rows come."""
    folder = measure.TARGET.absolute() / "bench" / str(rows)
    if not (folder / "after.parquet").exists():
        measure.say(f"making {rows} rows …")
        measure.output([BENCH, "data", folder, rows])
    shutil.rmtree(folder / "state-first", ignore_errors=True)
    for _ in range(2):
        measure.output([BENCH, "run", folder / "before.parquet", folder / "state-first"])
    return folder


def steady(folder):
    shutil.rmtree(folder / "state", ignore_errors=True)
    shutil.copytree(folder / "state-first", folder / "state")
    with open(folder / "after.parquet", "rb") as data:  # a warm cache
        while data.read(1 << 20):
            pass
    result = json.loads(measure.output([BENCH, "run", folder / "after.parquet", folder / "state"]))
    shutil.rmtree(folder / "state")
    return result


def main():
    few, many, rounds = (int(it) for it in (sys.argv[1:] + [FEW, MANY, ROUNDS][len(sys.argv) - 1 :]))
    measure.say("building (dist) …")
    subprocess.run(["cargo", "build", "--profile", "dist", "--locked", "--quiet", "--package", "outflow-bench"], cwd=measure.REPOSITORY, check=True)
    folders = {rows: prepare(rows) for rows in (few, many)}
    results = {rows: [] for rows in folders}
    for round_ in range(1, rounds + 1):
        for rows, folder in folders.items():
            results[rows].append(steady(folder))
            measure.say(f"round {round_} of {rounds}: {rows} rows: {results[rows][-1]['seconds']:.3f} s")

    print(f"\nsteady runs, {rounds} rounds; {measure.machine()}\n")
    print("| rows | min ns/row | median ns/row | max ns/row | anonymous peak | of files |")
    print("|---|---|---|---|---|---|")
    medians = []
    for rows, runs in results.items():
        cost = [it["seconds"] * 1e9 / rows for it in runs]
        medians.append(statistics.median(cost))
        anonymous, backed = (max(it[name] for it in runs) / 1e6 for name in ("anonymous_peak_bytes", "file_backed_peak_bytes"))
        print(f"| {rows} | {min(cost):.0f} | {medians[-1]:.0f} | {max(cost):.0f} | {anonymous:.0f} MB | {backed:.0f} MB |")
    print(f"\ncost per row, {many} rows against {few}: {(medians[1] / medians[0] - 1) * 100:+.1f} % (must +15 %, aim +5 %)")


if __name__ == "__main__":
    main()
