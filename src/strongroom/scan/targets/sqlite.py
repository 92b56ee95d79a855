"""SQLite databases: the cells of each table, and what deleted rows left in the file.

A database is read in memory, and only up to a size; of a larger one the bytes are looked at as they lie, where a text
that is longer than a page is not in one piece. https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing

from ..model import Piece, Place
from .reading import Reading
from .stream import Stream

_MAX_BYTES = 16 << 20
_MAX_SECONDS = 20
_BATCH_BYTES = 256 << 10
_LEAF_PAGES = {2: 12, 5: 12, 10: 8, 13: 8}


def database_pieces(place: Place, stream: Stream, reading: Reading) -> Iterator[Piece]:
    """Yield a piece for each table, and one for what is left of deleted rows."""
    if len(stream.peek(_MAX_BYTES + 1)) > _MAX_BYTES:
        yield Piece(place, stream.rest())
        return
    data = stream.take(_MAX_BYTES)
    try:
        connection = _open(data)
    except (sqlite3.Error, MemoryError):
        yield Piece(place, iter((data,)))
        return
    with closing(connection):
        try:
            tables = [str(row[0]) for row in connection.execute(_TABLES)]
        except (sqlite3.Error, UnicodeError, MemoryError):
            yield Piece(place, iter((data,)))
            return
        broken: list[str] = []
        for table in tables:
            inside = place._replace(path=f"{place.path}!/{table}")
            yield Piece(inside, _rows(connection, table, broken))
    if broken:
        reading.notice(place.path, "is damaged: the SQLite database was also looked at as it lies")
        yield Piece(place, iter((data,)))
    elif freed := _freed(data):
        yield Piece(place._replace(path=f"{place.path}!/deleted rows"), iter((freed,)))


_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY rowid"


def _open(data: bytes) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    # A database in WAL mode cannot be in memory; its header says so in two bytes.
    connection.deserialize(data[:18] + b"\1\1" + data[20:])
    connection.text_factory = bytes
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA query_only = ON")
    connection.text_factory = lambda text: text.decode(errors="replace")
    deadline = time.monotonic() + _MAX_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 100_000)
    return connection


def _rows(connection: sqlite3.Connection, table: str, broken: list[str]) -> Iterator[bytes]:
    """Yield a table's texts and blobs, each as ``column=value`` on a line."""
    connection.text_factory = bytes
    quoted = table.replace('"', '""')
    batch = bytearray()
    try:
        cursor = connection.execute(f'SELECT * FROM "{quoted}"')  # noqa: S608 - a name, quoted
        columns = [str(each[0]).encode(errors="replace") for each in cursor.description]
        for row in cursor:
            previous = b""
            for column, value in zip(columns, row, strict=True):
                if isinstance(value, bytes) and value:
                    named = previous if previous and column.lower() in _VALUES else column
                    batch += named + b"=" + value + b"\n"
                    previous = value if column.lower() in _KEYS and len(value) < 100 else b""
            if len(batch) >= _BATCH_BYTES:
                yield bytes(batch)
                batch.clear()
    except (sqlite3.Error, UnicodeError, MemoryError):
        broken.append(table)
    if batch:
        yield bytes(batch)


# Of a table of settings, the key says what the value is.
_KEYS = (b"key", b"name", b"option", b"option_name", b"setting", b"variable")
_VALUES = (b"value", b"val", b"data", b"option_value", b"setting_value", b"content")


def _freed(data: bytes) -> bytes:
    """Return the bytes of the file that are in no row: free pages, and what is unused in the others."""
    size = int.from_bytes(data[16:18], "big")
    size = 65536 if size == 1 else size
    if size < 512 or size & (size - 1):
        return b""
    free = _free_pages(data, size)
    parts = []
    for number in range(1, len(data) // size + 1):
        page = data[(number - 1) * size : number * size]
        if number in free:
            parts.append(page)
        else:
            parts += _unused(page, 100 if number == 1 else 0)
    return b"\n".join(part for part in parts if part.strip(b"\0"))


def _free_pages(data: bytes, size: int) -> set[int]:
    pages: set[int] = set()
    trunk = int.from_bytes(data[32:36], "big")
    while trunk and trunk not in pages and trunk * size <= len(data):
        pages.add(trunk)
        page = data[(trunk - 1) * size : trunk * size]
        count = min(int.from_bytes(page[4:8], "big"), size // 4 - 2)
        pages.update(int.from_bytes(page[8 + 4 * i : 12 + 4 * i], "big") for i in range(count))
        trunk = int.from_bytes(page[:4], "big")
    return pages


def _unused(page: bytes, start: int) -> Iterator[bytes]:
    """Yield the gap before a page's cells, and its chain of free blocks."""
    header = _LEAF_PAGES.get(page[start])
    if header is None:
        return
    cells = int.from_bytes(page[start + 3 : start + 5], "big")
    content = int.from_bytes(page[start + 5 : start + 7], "big") or 65536
    yield page[start + header + 2 * cells : content]
    block, seen = int.from_bytes(page[start + 1 : start + 3], "big"), 0
    while block > seen and block + 4 <= len(page):
        length = int.from_bytes(page[block + 2 : block + 4], "big")
        yield page[block + 4 : block + length]
        seen, block = block, int.from_bytes(page[block : block + 2], "big")
