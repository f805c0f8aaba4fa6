"""How large the distributed program is, and what makes it so large: `size.py [PROFILE]`.

Code is counted by the crate whose function it is, from the symbols of a build that is not stripped; a generic function counts for the crate
that defines it, whoever made it concrete. The rest of the file is told by section.
"""

import collections
import re
import subprocess
import sys

import measure

SHOWN = 30
# `core::fmt::…`, or within `<&mut dyn alloc::vec::Vec<…> as …>`.
CRATE = re.compile(r"(?<![\w:])([a-z_]\w*)(?:\[[0-9a-f]+\])?::")


def crate_of(symbol):
    """The first crate that a demangled name tells; what has no path is C, assembly or the linker's."""
    match = CRATE.search(symbol)
    return match.group(1) if match else "(not Rust)"


def code_by_crate(program):
    """Bytes of functions by crate. Functions that were folded into one stand at one address, and count once."""
    sizes, seen = collections.Counter(), set()
    for line in measure.output(["nm", "--demangle", "--print-size", "--defined-only", program]).splitlines():
        fields = line.split(maxsplit=3)
        if len(fields) == 4 and fields[2] in "tTwWiI" and fields[0] not in seen:
            seen.add(fields[0])
            sizes[crate_of(fields[3])] += int(fields[1], 16)
    return sizes


def sections(program):
    """Bytes of each section that is loaded from the file."""
    lines = (it.split() for it in measure.output(["size", "--format=sysv", program]).splitlines())
    return {it[0]: int(it[1]) for it in lines if len(it) == 3 and it[0].startswith(".") and it[2] != "0" and it[0] != ".bss"}


def main():
    profile = sys.argv[1] if len(sys.argv) > 1 else "dist"
    measure.say(f"building ({profile}) …")
    # Symbols stay in, whatever the profile says: they are what is read here. Only the last step differs from a plain build.
    build = ["cargo", "rustc", "--locked", "--quiet", "--profile", profile, "--package", "outflow", "--bin", "outflow", "--", "-C", "strip=none"]
    subprocess.run(build, cwd=measure.REPOSITORY, check=True)
    program = measure.TARGET / profile / "outflow"
    stripped = program.with_name("outflow.stripped")
    subprocess.run(["strip", "--strip-all", "-o", stripped, program], check=True)

    bytes_ = stripped.stat().st_size
    print(f"\nprofile `{profile}`, stripped: {bytes_ / 1e6:.1f} MB (must 110 MB, aim 70 MB)\n")
    print("| crate | code MB |")
    print("|---|---|")
    sizes = code_by_crate(program)
    for crate, size in sizes.most_common(SHOWN):
        print(f"| {crate} | {size / 1e6:.2f} |")
    print(f"| {len(sizes) - SHOWN} others | {sum(size for _, size in sizes.most_common()[SHOWN:]) / 1e6:.2f} |")
    print()
    print("| section | MB |")
    print("|---|---|")
    for name, size in sorted(sections(stripped).items(), key=lambda it: -it[1])[:8]:
        print(f"| `{name}` | {size / 1e6:.2f} |")


if __name__ == "__main__":
    main()
