"""What checking rows before they are sent adds: `checking.py [ROWS] [ROUNDS]`.

The same model goes into the usual data extension, whose texts have lengths and whose addresses are looked at, and into one that asks nothing of
its texts. Data and program are those of `run.sh`, without the alternatives; both are run in turn.
"""

import json
import shutil
import statistics
import subprocess
import sys

import measure

ROWS, ROUNDS = 10_000_000, 5
BENCH = measure.TARGET / "dist" / "outflow-bench"
LIMITS = {"nothing": 1.10, "first": 1.25}


def run(folder, state, kind):
    asks = [] if kind == "checked" else ["--asks-nothing"]
    return json.loads(measure.output([BENCH, "run", folder / "before.parquet", folder / f"state-{state}-{kind}", *asks]))["seconds"]


def main():
    rows, rounds = (int(it) for it in (sys.argv[1:] + [ROWS, ROUNDS][len(sys.argv) - 1 :]))
    measure.say("building (dist) …")
    subprocess.run(["cargo", "build", "--profile", "dist", "--locked", "--quiet", "--package", "outflow-bench"], cwd=measure.REPOSITORY, check=True)
    folder = measure.TARGET.absolute() / "bench" / str(rows)
    if not (folder / "before.parquet").exists():
        measure.say(f"making {rows} rows …")
        measure.output([BENCH, "data", folder, rows])
    seconds = {(what, kind): [] for what in LIMITS for kind in ("checked", "unchecked")}
    for round_ in range(rounds + 1):
        for kind in ("checked", "unchecked"):
            shutil.rmtree(folder / f"state-checking-{kind}", ignore_errors=True)
            for what in ("first", "nothing"):
                taken = run(folder, "checking", kind)
                if round_ > 0:  # the first round warms the caches
                    seconds[what, kind].append(taken)
                    measure.say(f"round {round_} of {rounds}: {what}, {kind}: {taken:.3f} s")
            shutil.rmtree(folder / f"state-checking-{kind}")

    print(f"\n{rows} rows × 10 columns, {rounds} rounds; {measure.machine()}\n")
    print("| run | median s, checked | median s, unchecked | ratio | must |")
    print("|---|---|---|---|---|")
    for what, name in (("nothing", "nothing has changed"), ("first", "first run")):
        checked, unchecked = (statistics.median(seconds[what, kind]) for kind in ("checked", "unchecked"))
        print(f"| {name} | {checked:.2f} | {unchecked:.2f} | {checked / unchecked:.2f} | {LIMITS[what]:.2f} |")


if __name__ == "__main__":
    main()
