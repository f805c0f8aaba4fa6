#!/usr/bin/env python3
"""Prints the header and all entries of a baseline segment, or the entries along a trail in its order, and refuses one that is not whole.

Written from docs/reference/baseline-format.md alone; it shares no code with the crate it checks.

    read_baseline.py FILE
    read_baseline.py TRAIL BASE
"""

import struct
import sys

HEADER, ENTRY, BLOCK, FOOTER = 128, 24, 49_152, 64
KINDS = ["base", "delta", "doubt", "membership", "held"]
PRESENCE = ["present", "left-kept", "left-flagged", "value-unknown"]
ORIGIN = ["created", "adopted"]


class Refused(Exception):
    """The bytes are not a whole segment."""


def require(holds, what):
    if not holds:
        raise Refused(what)


def crc_table():
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)  # 1EDC6F41, reflected
        yield byte


CRC_TABLE = list(crc_table())


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def fnv1a(data):
    digest = 0xCBF29CE484222325
    for byte in data:
        digest = (digest ^ byte) * 0x100000001B3 % 2**64
    return digest


def read_header(data):
    require(len(data) >= HEADER and data[:8] == b"\x89OFBASE\n", "not a segment")
    require(struct.unpack_from("<I", data, 124)[0] == crc32c(data[:124]), "header checksum")
    layout, kind, entry, scheme, folding = struct.unpack_from("<HBBHH", data, 8)
    activation, mapping, key_check, version, block = struct.unpack_from("<16s16s8sQI", data, 16)
    require(layout == 2 and kind < len(KINDS) and entry == ENTRY and block == BLOCK, "another layout")
    require(not any(data[68:124]), "zeros of the header")
    words = f"scheme {scheme} folding {folding} activation {activation.hex()} mapping {mapping.hex()}"
    return KINDS[kind], f"{KINDS[kind]} {words} key-check {key_check.hex()} version {version}"


def read_entries(data, count, kind):
    """Yields (key, text) of each entry."""
    previous = -1
    for at in range(HEADER, HEADER + count * ENTRY, ENTRY):
        key = int.from_bytes(data[at : at + 16], "little")
        value = int.from_bytes(data[at + 16 : at + 24], "little")
        row, state = value % 2**60, value >> 60
        require(previous < key, "order of keys")
        previous = key
        if state & 8:
            require(kind == "delta" and state == 8 and row == 0, "a dropped key")
            yield key, f"{key:032x} dropped"
        else:
            yield key, f"{key:032x} {row:015x} {PRESENCE[state & 3]} {ORIGIN[state >> 2]}"


def expected_index(keys, bits):
    """The bucket index, computed anew from the keys: pairs of a position and of counts."""
    eighths = [0] * 8 * (2**bits + 1)
    for key in keys:
        eighths[key >> (125 - bits)] += 1
    position = 0
    for bucket in range(2**bits + 1):
        held = eighths[8 * bucket : 8 * bucket + 8]
        yield position
        yield sum(min(count, 15) << (4 * at) for at, count in enumerate(held))
        position += sum(held)


def read(data):
    kind, header = read_header(data)
    require(len(data) >= HEADER + FOOTER, "length")
    footer = data[-FOOTER:]
    require(struct.unpack_from("<I", footer, 60)[0] == crc32c(footer[:60]), "footer checksum")
    require(footer[52:60] == b"OFBASE.\n", "end of the footer")
    count, dropped, length, bits, digest = struct.unpack_from("<QQQI4xQ", footer)
    require(not any(footer[28:32]) and not any(footer[40:52]), "zeros of the footer")
    require(bits <= 31 and count < 2**32, "limits")
    body_end = HEADER + count * ENTRY + 8 * (2**bits + 1)
    blocks = -((HEADER - body_end) // BLOCK)
    table_end = body_end + 4 * blocks
    require(length == len(data) == table_end + FOOTER, "length")
    require(digest == fnv1a(data[:HEADER] + data[body_end:table_end] + footer[:32]), "digest")
    for block, checksum in enumerate(struct.unpack(f"<{blocks}I", data[body_end:table_end])):
        start = HEADER + block * BLOCK
        require(checksum == crc32c(data[start : min(start + BLOCK, body_end)]), f"checksum of block {block}")
    entries = list(read_entries(data, count, kind))
    index = struct.unpack_from(f"<{2 * (2**bits + 1)}I", data, HEADER + count * ENTRY)
    require(list(index) == list(expected_index([key for key, _ in entries], bits)), "bucket index")
    require(sum(text.endswith("dropped") for _, text in entries) == dropped, "number of dropped keys")
    yield f"{header} entries {count} checksum {digest:016x}"
    yield from (text for _, text in entries)


def read_trail(data, base):
    """Yields the text of each entry that the trail leads to."""
    header, *texts = read(base)
    require(len(data) >= 96 and data[:8] == b"\x89OFTRAIL", "not a trail")
    layout, block, length, count, digest = struct.unpack_from("<IIQQQ", data, 8)
    require(layout == 1 and block == BLOCK and not any(data[40:60]), "another layout")
    require(struct.unpack_from("<I", data, 60)[0] == crc32c(data[:60]), "header checksum")
    require(length == len(base) and header.endswith(f"entries {count} checksum {digest:016x}"), "another base")
    steps, length, end = struct.unpack_from("<QQ8s", data, len(data) - 32)
    steps_end = 64 + 12 * steps
    table_end = steps_end + 4 * -((64 - steps_end) // BLOCK)
    require(length == len(data) == table_end + 32 and end == data[:8] and not any(data[-8:-4]), "length")
    require(struct.unpack_from("<I", data, len(data) - 4)[0] == crc32c(data[:64] + data[steps_end:-4]), "footer checksum")
    for at, start in enumerate(range(64, steps_end, BLOCK)):
        checksum = struct.unpack_from("<I", data, steps_end + 4 * at)[0]
        require(checksum == crc32c(data[start : min(start + BLOCK, steps_end)]), f"checksum of block {at}")
    for at in range(64, steps_end, 12):
        mark, place = struct.unpack_from("<QI", data, at)
        require(place % 2**31 < count, "position")
        text = texts[place % 2**31]
        key, row, presence, origin = text.split()
        low, high = int(key[16:], 16), int(key[:16], 16)
        require(mark == low ^ high * 0xD1B54A32D192ED03 % 2**64 ^ int(row, 16) * 0x9E3779B97F4A7C15 % 2**64, "mark")
        require(presence == "present" and origin == ORIGIN[place >> 31], "state")
        yield text


def contents(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    files = [contents(path) for path in sys.argv[1:]]
    try:
        lines = list(read(*files) if len(files) == 1 else read_trail(*files))
    except Refused as refused:
        sys.exit(f"refused: {refused}")
    for line in lines:
        print(line)


main()
