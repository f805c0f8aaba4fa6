"""What every measurement of a wire needs: programs in turn, their walls, and a table of the medians."""

import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
WIRES = TARGET / "dist" / "outflow-bench-wires"


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def build_wires():
    say("building (dist) …")
    subprocess.run(["cargo", "build", "--profile", "dist", "--locked", "--quiet", "--package", "outflow-bench-wires"], cwd=REPOSITORY, check=True)


def output(command):
    """What a command prints; what it says when it fails is shown."""
    return subprocess.run([str(it) for it in command], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def wall(command):
    """Seconds from the start of a program to its end."""
    began = time.perf_counter()
    output(command)
    return time.perf_counter() - began


def in_turn(contestants, rounds, before_each=lambda: None):
    """Runs each contestant once unmeasured, to warm the caches, and then `rounds` times, alternating."""
    seconds = {name: [] for name in contestants}
    for round_ in range(rounds + 1):
        for name, command in contestants.items():
            before_each()
            taken = wall(command)
            if round_ > 0:
                seconds[name].append(taken)
                say(f"round {round_} of {rounds}: {name}: {taken:.3f} s")
    return seconds


def print_table(seconds, ours, others, must, aim):
    """Lowest, median and highest of each contestant, and the ratio of our median to each other one's."""
    print("| what | min s | median s | max s |")
    print("|---|---|---|---|")
    for name, taken in seconds.items():
        print(f"| {name} | {min(taken):.2f} | {statistics.median(taken):.2f} | {max(taken):.2f} |")
    print()
    print("| ratio of medians | measured | must | aim |")
    print("|---|---|---|---|")
    for other in others:
        ratio = statistics.median(seconds[ours]) / statistics.median(seconds[other])
        print(f"| {ours} ÷ {other} | {ratio:.2f} | {must} | {aim} |")


def machine():
    """The machine in one line: a number without it says little."""
    processor = next((it.split(":", 1)[1].strip() for it in open("/proc/cpuinfo", encoding="utf-8") if it.startswith("model name")), "?")
    return f"{processor}, {os.cpu_count()} processors, Linux {os.uname().release}"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def until_listening(port, process, seconds=20):
    """Waits until a server answers at the port."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None:
                sys.exit(f"error: the server ended with {process.returncode} before it listened")
            if time.monotonic() > deadline:
                sys.exit(f"error: no server listens on port {port} after {seconds} s")
            time.sleep(0.02)


class Folder:
    """A temporary folder, in memory where there is room for `bytes_needed`: a disk's moods are not what is measured."""

    def __init__(self, prefix, bytes_needed):
        memory = pathlib.Path("/dev/shm")
        has_room = memory.is_dir() and shutil.disk_usage(memory).free > bytes_needed
        self.parent = memory if has_room else TARGET
        self.parent.mkdir(exist_ok=True)
        self._folder = tempfile.TemporaryDirectory(prefix=prefix, dir=self.parent)
        self.path = pathlib.Path(self._folder.name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._folder.cleanup()
