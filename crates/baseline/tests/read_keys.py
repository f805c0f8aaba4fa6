#!/usr/bin/env python3
"""Prints the header and all keys of a file of stored keys, decrypted, and refuses one that is not whole.

Written from docs/reference/baseline-format.md and RFC 8452 alone; it shares no code with the crate it checks.

    read_keys.py FILE KEY    with the 32 bytes of the key in hexadecimal
"""

import struct
import sys

HEADER, INDEX, FOOTER = 96, 48, 32
POLYNOMIAL = 1 << 128 | 1 << 127 | 1 << 126 | 1 << 121 | 1


class Refused(Exception):
    """The bytes are not a whole file of keys."""


def require(holds, what):
    if not holds:
        raise Refused(what)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)  # 1EDC6F41, reflected
    return crc ^ 0xFFFFFFFF


def doubled(byte):
    return (byte << 1 ^ (0x11B if byte & 0x80 else 0)) & 0xFF


def substitution():
    table, p, q = [0x63] * 256, 1, 1
    while True:
        p ^= doubled(p)  # times three
        for shift in (1, 2, 4):
            q ^= q << shift & 0xFF
        q ^= 0x09 if q & 0x80 else 0  # divided by three
        turned = q
        for shift in (1, 2, 3, 4):
            turned ^= (q << shift | q >> (8 - shift)) & 0xFF
        table[p] = turned ^ 0x63
        if p == 1:
            return table


SUBSTITUTION = substitution()


def round_keys(key):
    """FIPS 197, of 256 bits."""
    words = [list(key[at : at + 4]) for at in range(0, 32, 4)]
    constant = 1
    while len(words) < 60:
        word = list(words[-1])
        if len(words) % 8 == 0:
            word = [SUBSTITUTION[it] for it in word[1:] + word[:1]]
            word[0] ^= constant
            constant = doubled(constant)
        elif len(words) % 8 == 4:
            word = [SUBSTITUTION[it] for it in word]
        words.append([a ^ b for a, b in zip(words[-8], word)])
    return [sum(words[at : at + 4], []) for at in range(0, 60, 4)]


def encrypt_block(keys, block):
    state = [a ^ b for a, b in zip(block, keys[0])]
    for number in range(1, 15):
        state = [SUBSTITUTION[it] for it in state]
        state = [state[(at + 4 * (at % 4)) % 16] for at in range(16)]
        if number < 14:
            mixed = []
            for at in range(0, 16, 4):
                column = state[at : at + 4]
                whole = column[0] ^ column[1] ^ column[2] ^ column[3]
                mixed += [column[it] ^ whole ^ doubled(column[it] ^ column[(it + 1) % 4]) for it in range(4)]
            state = mixed
        state = [a ^ b for a, b in zip(state, keys[number])]
    return bytes(state)


def dot(a, b):
    product = 0
    for bit in range(128):
        if b >> bit & 1:
            product ^= a << bit
    for _ in range(128):
        product = (product ^ (POLYNOMIAL if product & 1 else 0)) >> 1
    return product


def padded(data):
    return data + bytes(-len(data) % 16)


def decrypt(key, nonce, associated, ciphertext, tag):
    """RFC 8452, section 4 and 5."""
    derived = b"".join(encrypt_block(round_keys(key), struct.pack("<I", it) + nonce)[:8] for it in range(6))
    authentication, encryption = int.from_bytes(derived[:16], "little"), round_keys(derived[16:])
    block, plain = bytearray(tag), bytearray()
    block[15] |= 0x80
    for at in range(0, len(ciphertext), 16):
        plain += bytes(a ^ b for a, b in zip(ciphertext[at : at + 16], encrypt_block(encryption, bytes(block))))
        block[:4] = struct.pack("<I", (struct.unpack("<I", block[:4])[0] + 1) % 2**32)
    data = padded(associated) + padded(bytes(plain)) + struct.pack("<QQ", 8 * len(associated), 8 * len(plain))
    digest = 0
    for at in range(0, len(data), 16):
        digest = dot(digest ^ int.from_bytes(data[at : at + 16], "little"), authentication)
    digest = bytearray(digest.to_bytes(16, "little"))
    digest[:12] = bytes(a ^ b for a, b in zip(digest, nonce))
    digest[15] &= 0x7F
    require(encrypt_block(encryption, bytes(digest)) == tag, "a block does not match its tag")
    return bytes(plain)


def keys_of(data, key):
    require(len(data) >= HEADER + FOOTER and data[:8] == b"\x89OFKEYS\n", "not a file of keys")
    header, footer = data[:HEADER], data[-FOOTER:]
    require(struct.unpack_from("<I", header, 92)[0] == crc32c(header[:92]), "header checksum")
    layout, scheme, folding, zeros = struct.unpack_from("<HHHH", header, 8)
    activation, digest, check, nonce = struct.unpack_from("<16s16s8s8s", header, 16)
    require(layout == 1 and zeros == 0 and not any(header[64:92]), "another layout")
    begin, count, blocks, of_header, of_index, of_footer = struct.unpack("<QQIIII", footer)
    index = data[begin:-FOOTER]
    require(of_footer == crc32c(footer[:28]) and len(index) == blocks * INDEX, "footer")
    require(of_header == crc32c(header) and of_index == crc32c(index), "digest")
    words = f"scheme {scheme} folding {folding} activation {activation.hex()} keys {digest.hex()}"
    yield f"keys {words} key-check {check.hex()} count {count}"
    at = HEADER
    for number in range(blocks):
        first, tag, where, keys, sealed = struct.unpack_from("<16s16sQII", index, number * INDEX)
        fingerprints = data[where : where + 16 * keys]
        require(where == at and fingerprints[:16] == first, "the index")
        at = where + 16 * keys + sealed
        bound = header + struct.pack("<I", number) + fingerprints
        plain = decrypt(key, nonce + struct.pack("<I", number), bound, data[where + 16 * keys : at], tag)
        text_at = 4 * keys
        for entry in range(keys):
            (length,) = struct.unpack_from("<I", plain, 4 * entry)
            fingerprint = int.from_bytes(fingerprints[16 * entry : 16 * entry + 16], "little")
            yield f"{fingerprint:032x} {plain[text_at : text_at + length].decode()}"
            text_at += length
        require(text_at == len(plain), "lengths of a block")
    require(at == begin, "blocks side by side")


def main():
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    try:
        for line in keys_of(data, bytes.fromhex(sys.argv[2])):
            print(line)
    except Refused as refused:
        sys.exit(f"refused: {refused}")


main()
