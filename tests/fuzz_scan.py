"""A fuzzer for what reads archives: changes small archives at random, and looks at what comes of it.

    python tests/fuzz_scan.py [SECONDS]

What it must hold: nothing is raised, and nothing takes long or much memory. An input that breaks it is written into
``tests/corpus``, which a unit test replays.
"""

from __future__ import annotations

import hashlib
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from strongroom.model import Value
from strongroom.scan.model import Finding, Piece, Place
from strongroom.scan.targets.archives import stream_pieces
from strongroom.scan.targets.image.target import ImageArchive
from strongroom.scan.targets.reading import Reading

CORPUS = Path(__file__).parent / "corpus"
_MAX_SECONDS = 5
_MOST = 64 << 20
_WORDS = (
    b"PK\x03\x04", b"PK\x07\x08", b"PK\x01\x02", b"\x1f\x8b\x08", b"ustar", b"\xff\xff\xff\xff", b"\0" * 16,
    b"\x80" + b"\xff" * 11,
    b"SQLite format 3\0", b"PACK\0\0\0\x02", b"!<arch>\n", b"\x28\xb5\x2f\xfd", b"\x78\x9c", b"{", b"[",
    b'"digest"', b"../../",
    b".wh.", b"77777777777", b"x", b"L", b"S", b"\n",
)  # fmt: skip


def look(data: bytes) -> None:
    """Read ``data`` as a file, and as an archive of an image."""
    reading = Reading(_MOST)
    reading.read(len(data))
    for piece in stream_pieces(Place("file"), iter((data[:300], data[300:])), reading):
        piece.place.path.encode()
        for _ in piece.chunks:
            pass
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        file.write(data)
        file.flush()
        target = ImageArchive(Path(file.name))
        target._reading = Reading(_MOST)
        target.findings(_all)


def _all(pieces: Iterable[Piece]) -> Iterator[Finding]:
    """Read everything, and find something in it."""
    for piece in pieces:
        for _ in piece.chunks:
            pass
        yield Finding("x", "x", piece.place, 1, 1, Value(b"x"))


def mutations(data: bytes, chance: random.Random, count: int) -> Iterator[bytes]:
    """Yield changes of ``data``."""
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 1, 2, 4, 16))):
            at = chance.randrange(len(changed) + 1)
            kind = chance.randrange(7)
            if kind == 0 and changed:
                changed[at % len(changed)] = chance.randrange(256)
            elif kind == 1 and changed:
                changed[at % len(changed)] ^= 1 << chance.randrange(8)
            elif kind == 2:
                del changed[at : at + chance.choice((1, 4, 100, 512, 2000))]
            elif kind == 3:
                changed[at:at] = changed[at : at + chance.choice((1, 16, 512, 1500))]
            elif kind == 4:
                word = chance.choice(_WORDS)
                changed[at : at + len(word)] = word
            elif kind == 5:
                changed[at:at] = chance.randbytes(chance.choice((1, 4, 40)))
            else:
                del changed[at:]
        yield bytes(changed)


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60
    seeds = [file.read_bytes() for file in sorted(CORPUS.iterdir())]
    number = random.randrange(1 << 32)
    chance = random.Random(number)
    end, tried, bad = time.monotonic() + seconds, 0, 0
    while time.monotonic() < end:
        (data,) = mutations(chance.choice(seeds), chance, 1)
        if chance.random() < 0.2:
            (data,) = mutations(data, chance, 1)
        start = time.process_time()
        try:
            look(data)
            slow = time.process_time() - start > _MAX_SECONDS
        except Exception:
            traceback.print_exc()
            slow = True
        tried += 1
        if slow:
            bad += 1
            name = CORPUS / f"found-{hashlib.sha256(data).hexdigest()[:12]}"
            name.write_bytes(data)
            print(f"broken by {name}, {time.process_time() - start:.1f} s")
        elif len(seeds) < 2000 and chance.random() < 0.01:
            seeds.append(data)
    print(f"{tried:,} inputs in {seconds:.0f} s (seed {number}): {bad} broke something")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
