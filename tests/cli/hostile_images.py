# SPDX-License-Identifier: Apache-2.0
"""Kernel images made to do harm: cut short, wrong, bombs, heads that lead outside, tables that lead in circles.

`each()` gives them one by one, as files. They are used by patched_test.py, which asks for the answer and for its memory,
and by bench/patched, which measures the time. Run as a program it makes them: hostile_images.py FOLDER.
"""
import gzip
import json
import lzma
import os
import random
import struct
import subprocess
import sys
import threading

MIB = 1 << 20
TEXT = 0xffffffff81000000
REFUSED, UNKNOWN = 65, 2  # exit status: no image at all, or an image about which nothing can be told


def bzimage(payload):
    head = bytearray(1024 + 512)
    head[0x1f1] = 1
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x206, 0x20f)
    struct.pack_into("<II", head, 0x248, 512, len(payload))
    return bytes(head) + payload


def elf(segments, sections=b"", body=b"", count=None):
    """An x86-64 ELF file with program headers (offset, address, size), section headers, and what follows."""
    at = 64 + 56 * len(segments)
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, TEXT, 64, at if sections else 0, 0, 64, 56, len(segments), 64,
        len(sections) // 64 if count is None else count, 0)
    heads = b"".join(struct.pack("<IIQQQQQQ", 1, 5, offset, address, address, size, size, 4096)
                     for offset, address, size in segments)
    return head + heads + sections + body


def kernel(memory):
    """An ELF file with one segment that holds `memory`."""
    return elf([(64 + 56, TEXT, len(memory))], body=memory)


def aligned(text):
    return text + bytes(-len(text) % 8)


def tokens(lead_back=False):
    table, index = b"", b""
    for code in range(256):
        index += struct.pack("<H", 0 if lead_back and code > 96 else len(table))
        table += (bytes([code]) if 32 < code < 127 else b"") + b"\0"
    return aligned(table) + index


def kallsyms(codes, lead_back=False):
    """Tables as from 6.4 on: number, names, markers, tokens, offsets, base. `codes`: (address, code of the name)."""
    names, markers = b"", b""
    for i, (_, name) in enumerate(codes):
        if i % 256 == 0:
            markers += struct.pack("<I", 0 if lead_back else len(names))
        names += bytes([len(name) + 1]) + b"T" + name
    offsets = b"".join(struct.pack("<I", (TEXT - 1 - address) & 0xffffffff) for address, _ in codes)
    return (struct.pack("<Q", len(codes)) + aligned(names) + aligned(markers), aligned(offsets) + struct.pack("<Q", TEXT))


def symbols():
    """400 functions of 16 KiB; some of them are those that are looked for."""
    names = {1: b"kernel_wait4", 2: b"do_wait", 3: b"zap_pid_ns_processes", 4: b"create_io_thread", 5: b"io_wq_enqueue"}
    return [(TEXT + 16384 * i, names.get(i, b"f%d" % i)) for i in range(400)]


def whole_kernel(code):
    """A kernel each of whose 16 KiB functions holds `code`."""
    names, offsets = kallsyms(symbols())
    function = (code * (16384 // len(code) + 1))[:16384]
    return kernel(function * 5 + bytes(16384 * 396) + names + tokens() + offsets)


def zstd_bomb(size):
    """One frame of blocks that each say: this byte, 128 KiB times."""
    blocks = size // (128 << 10)
    block = [struct.pack("<I", (128 << 10) << 3 | 1 << 1 | (i == blocks - 1))[:3] + b"\0" for i in range(blocks)]
    return b"\x28\xb5\x2f\xfd" + b"\x00\x58" + b"".join(block)


def lz4_bomb(size):
    """Legacy blocks of 8 MiB: one byte, then a match with itself as long as the block."""
    length = 8 * MIB - 1 - 5 - 4 - 15
    block = b"\x1f\0\x01\0" + b"\xff" * (length // 255) + bytes([length % 255]) + b"\x50" + bytes(5)
    return b"\x02\x21\x4c\x18" + (struct.pack("<I", len(block)) + block) * (size // (8 * MIB))


def slow_xz(size):
    """What xz unpacks most slowly: letters by chance, each a symbol of its own."""
    letters = random.Random(1).randbytes(MIB).translate(bytes(32 + i % 96 for i in range(256)))
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0}]
    whole = lzma.compress(letters, check=lzma.CHECK_CRC32, filters=filters)
    head = whole[:12 + (whole[12] + 1) * 4]  # of the stream and of its block; it is cut short before its end
    pieces = lzma.compress(letters, lzma.FORMAT_RAW, filters=filters)[:-1]  # the first of them forgets all before it
    return head + pieces * (size // MIB)


def deb(members, compress=lambda tar: tar):
    tar = b""
    for name, content in members:
        head = bytearray(512)
        head[:len(name)] = name
        head[124:135] = b"%011o" % len(content)
        head[156:157] = b"0"
        head[257:262] = b"ustar"
        tar += bytes(head) + content + bytes(-len(content) % 512)
    out = b"!<arch>\n"
    for name, content in ((b"debian-binary", b"2.0\n"), (b"data.tar", compress(tar))):
        out += b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (name, 0, 0, 0, b"100644", len(content)) + content
        out += b"\n" * (len(content) % 2)
    return out


def damaged():
    good = bzimage(gzip.compress(whole_kernel(b"\xc3")))
    yield "empty", b"", REFUSED, "empty"
    yield "text", b"hello\n", REFUSED, "not a kernel image"
    yield "wrong-magic", good[:0x202] + b"HdrX" + good[0x206:], REFUSED, "not a kernel image"
    yield "elf-head-cut", b"\x7fELF" + bytes(8), REFUSED, "ends within its head"
    yield "elf-of-32-bit", b"\x7fELF\x01\x01\x01" + bytes(80), REFUSED, "64-bit"
    yield "elf-of-big-end", b"\x7fELF\x02\x02\x01" + bytes(80), REFUSED, "little-endian"
    yield "deb-cut", b"!<arch>\n", REFUSED, "data.tar"
    yield "deb-without-kernel", deb([(b"./boot/config-1", b"CONFIG_64BIT=y\n")]), REFUSED, "no boot/vmlinuz"
    for part in (0x240, 1000, 1700, len(good) // 2):
        yield f"cut-at-{part}", good[:part], REFUSED, "within"
        yield f"payload-cut-at-{part}", bzimage(good[1536:][:part]), REFUSED, "too early"


def bombs():
    zeros = bytes(200 * MIB)
    packed = {"gzip": gzip.compress(zeros, 1), "zstd": zstd_bomb(300 * MIB), "lz4": lz4_bomb(304 * MIB),
              "xz": lzma.compress(zeros, check=lzma.CHECK_CRC32, preset=0),
              "lzma": lzma.compress(zeros, lzma.FORMAT_ALONE, preset=0)}
    for name, bomb in packed.items():
        yield "bomb-" + name, bzimage(bomb), REFUSED, "more than 192 MiB"
        yield "bomb-deb-" + name, deb([(b"./boot/vmlinuz-1", bzimage(bomb))]), REFUSED, "more than 192 MiB"
    yield "bomb-of-a-deb", deb([(b"./a", zeros[:100 * MIB])], lambda tar: gzip.compress(tar, 1)), REFUSED, "first 96 MiB"
    nested = zeros
    for _ in range(6):
        nested = gzip.compress(nested, 1)
    yield "bomb-in-bombs", nested, REFUSED, "packed more often"
    alone = b"\x5d" + struct.pack("<IQ", 1 << 30, 300 * MIB) + bytes(64)
    yield "dictionary-of-a-gib", bzimage(alone), REFUSED, "memory"
    slow = slow_xz(28 * MIB)
    yield "slow-xz", bzimage(slow), REFUSED, "more than 20 MiB of xz data"
    yield "slow-xz-deb", deb([(b"./a", b"")] + [(b"./boot/vmlinuz-1", bzimage(slow))]), REFUSED, "xz data"


def heads_that_lead_outside():
    far = (1 << 64) - 4096
    body = whole_kernel(b"\xc3")[64 + 56:]
    yield "segment-past-the-end", elf([(far, TEXT, len(body))], body=body), UNKNOWN, "no segment"
    yield "segment-too-long", elf([(120, TEXT, far)], body=body), UNKNOWN, "no segment"
    yield "code-elsewhere", elf([(120, 4096, len(body))], body=body), UNKNOWN, "no bytes"
    yield "a-thousand-segments", elf([(120, TEXT, 16 * MIB)] * 1000, body=bytes(17 * MIB)), UNKNOWN, "kallsyms"
    symbol_table = struct.pack("<IIQQQQIIQQ", 0, 2, 0, 0, 0, far, 0, 0, 8, 24)
    yield "symbols-past-the-end", elf([(120, TEXT, 64)], symbol_table * 2, bytes(256)), UNKNOWN, "kallsyms"
    whole = struct.pack("<IIQQQQIIQQ", 0, 2, 0, 0, 0, 64 * MIB, 0, 0, 8, 24)
    yield "sections-that-overlap", elf([(120, TEXT, 64)], whole * 4000, b"\x01" * (64 * MIB)), UNKNOWN, "kallsyms"


def tables_that_lead_nowhere():
    names, offsets = kallsyms(symbols())
    back, _ = kallsyms(symbols(), lead_back=True)
    yield "tokens-in-a-circle", kernel(names + tokens(lead_back=True) + offsets), UNKNOWN, "no kallsyms tables"
    yield "names-in-a-circle", kernel(back + tokens() + offsets), UNKNOWN, "no names"
    yield "addresses-in-a-circle", kernel(names + tokens() + offsets[:800] * 2 + offsets[-8:]), UNKNOWN, "no addresses"
    # A number of names, and a name that reaches behind the next number: from each place a long walk begins.
    begin = bytes([1, 84, 1, 0, 0, 0, 0, 0, 15, 84, 0, 0, 0, 0, 0, 0])
    lure = begin * (2 * MIB // 16) + tokens()
    yield "names-everywhere", elf([(64 + 56 * 60 + i * len(lure), TEXT, len(lure)) for i in range(60)],
                                  body=lure * 60), UNKNOWN, "kallsyms"
    yield "tokens-everywhere", kernel(tokens() * (64 * MIB // len(tokens()))), UNKNOWN, "kallsyms"
    digits = b"".join(b"%d\0" % i for i in range(10))
    yield "digits-everywhere", bzimage(gzip.compress(kernel(digits * (180 * MIB // 20)), 1)), UNKNOWN, "kallsyms"
    banner = b"Linux version x"
    yield "banners-everywhere", bzimage(gzip.compress(kernel(banner * (180 * MIB // 15)), 1)), UNKNOWN, "kallsyms"
    config = b"IKCFG_ST" + gzip.compress(bytes(64 * MIB), 1) + b"IKCFG_ED"
    yield "config-bomb", kernel(config * 64), UNKNOWN, "kallsyms"


def code_that_lures():
    for name, code in (("jumps", b"\x75\xfe\x75\xfc\x75\x7e\x75\x80"), ("calls", b"\xe8\0\0\0\0\x75\xf9"),
                       ("flags", b"\x65\x48\x8b\x1c\x25\x80\xfb\x01\x00\xf0\x80\x23\xfb\x75\xee\x81\x4b\x2c\0\0\x80\0"),
                       ("nothing", b"\x90"), ("no-code", b"\x06")):
        yield "code-of-" + name, whole_kernel(code), UNKNOWN, ""


def images():
    """Rows (name, content, exit status, a part of what must be said)."""
    for group in (damaged, bombs, heads_that_lead_outside, tables_that_lead_nowhere, code_that_lures):
        yield from group()


def make(folder):
    """Writes an image, says so, and goes on when it is asked to."""
    path = os.path.join(folder, "image")
    for name, content, status, said in images():
        with open(path, "wb") as out:
            out.write(content)
        print(json.dumps([name, path, status, said]), flush=True)
        if not sys.stdin.readline():
            return


def each(folder):
    """(name, path, exit status, a part of what must be said) of each image, which is gone when the next one is asked
    for. They are made by another process: the peak of memory of a process counts to those that it starts."""
    with subprocess.Popen([sys.executable, "-B", os.path.abspath(__file__), folder], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as maker:
        for line in maker.stdout:
            yield tuple(json.loads(line))
            maker.stdin.write("next\n")
            maker.stdin.flush()
    if maker.returncode != 0:
        raise RuntimeError("the hostile images could not be made")


def ask(unzap, path, seconds):
    """Exit status, what was said, seconds of processor, MiB at most. It is killed at the deadline."""
    with subprocess.Popen([unzap, "patched", "--image", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as asked:
        guard = threading.Timer(seconds, asked.kill)
        guard.start()
        said = asked.stdout.read().decode(errors="replace")
        _, status, used = os.wait4(asked.pid, 0)
        guard.cancel()
        asked.returncode = os.waitstatus_to_exitcode(status)
    return asked.returncode, " ".join(said.split()), used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


if __name__ == "__main__":
    make(sys.argv[1])
