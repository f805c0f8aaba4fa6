"""The same difference by other engines: what a night has changed, written as CSV, and what must be kept for the next night.

Each question is asked in a process of its own, so that its peak memory is its own: `alternatives.py QUESTION FOLDER`.
"""

import json
import os
import resource
import sys
import time

THREADS = 2
COLUMNS = ["email", "first_name", "last_name", "city", "points", "amount", "active", "born", "updated"]


def duckdb_connection():
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads = {THREADS}")
    connection.execute("SET preserve_insertion_order = false")
    return connection


def keep_hashes(folder):
    """The state that a first night leaves behind: not timed."""
    row = ", ".join(COLUMNS)
    duckdb_connection().execute(
        f"COPY (SELECT id, hash({row}) AS h FROM '{folder}/before.parquet') TO '{folder}/hashes.parquet'"
    )


def duckdb_hashes(folder):
    """Compare with stored hashes, write the rows that differ, and store the hashes of this night."""
    connection, row = duckdb_connection(), ", ".join(COLUMNS)
    connection.execute(
        f"""COPY (SELECT a.* FROM '{folder}/after.parquet' a LEFT JOIN '{folder}/hashes.parquet' b USING (id)
                  WHERE b.h IS NULL OR b.h <> hash({", ".join("a." + it for it in COLUMNS)}))
            TO '{folder}/out.csv' (HEADER)"""
    )
    connection.execute(
        f"""COPY (SELECT b.id FROM '{folder}/hashes.parquet' b ANTI JOIN '{folder}/after.parquet' a USING (id))
            TO '{folder}/gone.csv' (HEADER)"""
    )
    connection.execute(f"COPY (SELECT id, hash({row}) AS h FROM '{folder}/after.parquet') TO '{folder}/hashes.new.parquet'")


def duckdb_rows(folder):
    """Compare all columns of both nights."""
    connection = duckdb_connection()
    differs = " OR ".join(f"a.{it} IS DISTINCT FROM b.{it}" for it in COLUMNS)
    connection.execute(
        f"""COPY (SELECT a.* FROM '{folder}/after.parquet' a LEFT JOIN '{folder}/before.parquet' b USING (id)
                  WHERE b.id IS NULL OR {differs})
            TO '{folder}/out.csv' (HEADER)"""
    )
    connection.execute(
        f"""COPY (SELECT b.id FROM '{folder}/before.parquet' b ANTI JOIN '{folder}/after.parquet' a USING (id))
            TO '{folder}/gone.csv' (HEADER)"""
    )


def duckdb_csv(folder):
    """Write every row as CSV: what a first night cannot do without."""
    duckdb_connection().execute(f"COPY (SELECT * FROM '{folder}/before.parquet') TO '{folder}/out.csv' (HEADER)")


def polars_rows(folder):
    """Compare all columns of both nights, lazily."""
    import polars as pl

    after, before = pl.scan_parquet(f"{folder}/after.parquet"), pl.scan_parquet(f"{folder}/before.parquet")
    both = after.join(before.with_columns(pl.lit(True).alias("was_there")), on="id", how="left", suffix="_before")
    differs = pl.any_horizontal([pl.col(it).ne_missing(pl.col(f"{it}_before")) for it in COLUMNS])
    both.filter(pl.col("was_there").is_null() | differs).select("id", *COLUMNS).sink_csv(f"{folder}/out.csv")
    before.join(after, on="id", how="anti").select("id").sink_csv(f"{folder}/gone.csv")


def main():
    question, folder = sys.argv[1], sys.argv[2]
    os.environ["POLARS_MAX_THREADS"] = str(THREADS)
    began = time.perf_counter()
    globals()[question](folder)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    rows = 0
    if os.path.exists(f"{folder}/out.csv"):
        with open(f"{folder}/out.csv", "rb") as out:
            rows = sum(1 for _ in out) - 1
    print(json.dumps({"seconds": seconds, "rows_sent": rows, "peak_bytes": peak}))


if __name__ == "__main__":
    main()
