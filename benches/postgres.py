"""PostgreSQL read to its end by our source, and by psql into a null sink: `postgres.py [ROWS] [ROUNDS]`.

Both read the same query over the same loopback TCP, without TLS, from a throwaway server whose table lies in memory. Walls are of whole
processes, start and login included. psql's own copy to `/dev/null` is what we are compared with; through a pipe to `cat`, which is slower,
stands beside it.
"""

import os
import pathlib
import subprocess
import sys

import measure

NOBODY = 65534
ROWS, ROUNDS = 5_000_000, 5
QUERY = "SELECT * FROM customers"

# The columns of `benches/src/data.rs`, with the same spread of values.
TABLE = """
CREATE UNLOGGED TABLE customers (
    id bigint NOT NULL, email text, first_name text, last_name text, city text, points integer, amount numeric(12, 2), active boolean,
    born date, updated timestamptz
);
INSERT INTO customers
SELECT it,
       'customer.' || substr(md5(it::text), 1, 10) || '@example.com',
       (ARRAY['Ada', 'Grace', 'José', 'Zoë', 'Mehmet', 'Noor', 'Ingrid', 'Yuki'])[1 + (hashint8(it + 1) & 7)],
       'Family' || abs(hashint8(it + 2) % 50000),
       (ARRAY['Berlin', 'Sao Paulo', 'Nairobi', 'Kyoto', 'New York', 'Saint-Étienne'])[1 + abs(hashint8(it + 3) % 6)],
       abs(hashint8(it + 4) % 100000),
       abs(hashint8(it + 5) % 10000000) / 100.0,
       hashint8(it + 6) % 10 <> 0,
       CASE WHEN hashint8(it + 7) % 4 <> 0 THEN date '1970-01-01' + abs(hashint8(it + 8) % 20000) END,
       to_timestamp(1600000000 + abs(hashint8(it + 9)::bigint % 100000000))
  FROM generate_series(0::bigint, {rows}::bigint - 1) AS it;
VACUUM (FREEZE, ANALYZE) customers;
"""


def binaries():
    versions = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda it: int(it.parts[-3]))
    return versions[-1].parent if versions else sys.exit("error: PostgreSQL is needed: apt-get install --no-install-recommends postgresql")


class Server:
    """A PostgreSQL of our own. It refuses to run as root, so root gives it to nobody."""

    def __init__(self, folder):
        self.binaries, self.folder, self.port = binaries(), folder, measure.free_port()
        self.as_owner = []
        if os.getuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
            self.as_owner = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        self.run("initdb", "-D", folder / "data", "-U", "app", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")

    def run(self, program, *arguments):
        command = [*self.as_owner, self.binaries / program, *arguments]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL)

    def __enter__(self):
        options = f"-p {self.port} -k '' -c listen_addresses=127.0.0.1 -c fsync=off -c shared_buffers=2GB -c max_wal_size=4GB"
        self.run("pg_ctl", "-D", self.folder / "data", "-w", "-l", self.folder / "log", "-o", options, "start")
        return self

    def __exit__(self, *_):
        self.run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop")

    def psql(self, command):
        address = ["-h", "127.0.0.1", "-p", self.port, "-U", "app", "-d", "postgres"]
        return [self.binaries / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *address, "-c", command]


def main():
    rows, rounds = (int(it) for it in (sys.argv[1:] + [ROWS, ROUNDS][len(sys.argv) - 1 :]))
    measure.build_wires()
    with measure.Folder("outflow-bench-pg-", 1 << 32) as folder, Server(folder.path) as server:
        measure.say(f"making {rows} rows …")
        for statement in filter(str.strip, TABLE.format(rows=rows).split(";")):
            measure.output(server.psql(statement))
        version = measure.output(server.psql("SHOW server_version"))
        ours = [measure.WIRES, "postgres", "--port", server.port, "--user", "app", "--query", QUERY]
        contestants = {
            "our source": ours,
            "psql to /dev/null": server.psql(f"\\copy ({QUERY}) TO '/dev/null' WITH (FORMAT binary)"),
            "psql to a pipe": server.psql(f"\\copy ({QUERY}) TO PROGRAM 'cat >/dev/null' WITH (FORMAT binary)"),
        }
        seconds = measure.in_turn(contestants, rounds)
        print(f"\nPostgreSQL {version}, {rows} rows × 10 columns, {rounds} rounds; {measure.machine()}\n")
        measure.print_table(seconds, "our source", ["psql to /dev/null", "psql to a pipe"], must=1.15, aim=1.0)


if __name__ == "__main__":
    main()
