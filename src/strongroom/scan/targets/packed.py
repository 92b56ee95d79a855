"""Compressed data, opened in bounded memory: gzip, bzip2, xz and zstd, and the deflate streams in zip and Git."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

try:  # twice as fast, and the same otherwise
    from isal import isal_zlib as zlib
except ImportError:
    import zlib  # type: ignore[no-redef]

from .magic import Kind
from .reading import Reading
from .stream import Stream

_IN_BYTES = 64 << 10
_OUT_BYTES = 512 << 10
# xz -9 has a dictionary of 64 MiB; zstd up to -19 one of 8 MiB.
_XZ_MEMORY_BYTES = 70 << 20
_ZSTD_WINDOW_BYTES = 64 << 20


class Unpacker(Protocol):
    """The standard library's decompressors for bzip2 and xz, and one for deflate in the same shape."""

    @property
    def eof(self) -> bool:
        """Whether the stream came to its end."""

    @property
    def unused_data(self) -> bytes:
        """What was given after its end."""

    @property
    def needs_input(self) -> bool:
        """Whether nothing comes without more data."""

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        """Return at most ``max_length`` bytes."""


class Deflate:
    """zlib's decompressor, in the shape of the others."""

    __slots__ = ("_inner", "needs_input")

    def __init__(self, wbits: int) -> None:
        """Take zlib's ``wbits``: 31 for gzip, 15 for zlib, -15 for the bare stream."""
        self._inner = zlib.decompressobj(wbits)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        """Whether the stream came to its end."""
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        """What was given after its end."""
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        """Return at most ``max_length`` bytes."""
        out = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self.needs_input = not self._inner.unconsumed_tail and len(out) < max_length
        return out


def unpacked(kind: Kind, stream: Stream, path: str, reading: Reading) -> Iterator[bytes]:
    """Yield what the compressed data at ``path`` is. What follows it stays in the stream."""
    if kind is Kind.ZSTD:
        return _zstd(stream, path, reading)
    return _members(kind, stream, path, reading)


def one(unpacker: Unpacker, stream: Stream, path: str, reading: Reading, feed: int = _IN_BYTES) -> Iterator[bytes]:
    """Yield what one compressed stream is; the stream stands behind it afterwards."""
    damaged: tuple[Any, ...] = (zlib.error, OSError, EOFError, ValueError, MemoryError)
    if "lzma" in type(unpacker).__module__:
        from lzma import LZMAError

        damaged = (*damaged, LZMAError)
    while not unpacker.eof:
        data = stream.some(feed) if unpacker.needs_input else b""
        feed = min(feed * 2, _IN_BYTES)
        try:
            out = unpacker.decompress(data, _OUT_BYTES)
        except damaged as error:
            reading.notice(path, f"is damaged: {error or 'it cannot be unpacked'}")
            return
        if not out and not data and not unpacker.eof:
            reading.notice(path, "is cut short: its compressed data has no end")
            return
        if out:
            if not reading.unpacked(len(out)):
                reading.notice(path, "was not read to its end: it unpacks to far more than an archive does (a bomb?)")
                return
            yield out
    stream.give_back(unpacker.unused_data)


def _members(kind: Kind, stream: Stream, path: str, reading: Reading) -> Iterator[bytes]:
    """Yield what gzip, bzip2 or xz packed; each may be several streams in a row."""
    beginning = stream.peek(3)
    while True:
        unpacker = _new(kind)
        yield from one(unpacker, stream, path, reading)
        if not unpacker.eof or stream.peek(3) != beginning:
            return


def _new(kind: Kind) -> Unpacker:
    if kind is Kind.GZIP:
        return Deflate(31)
    if kind is Kind.BZIP2:
        from bz2 import BZ2Decompressor

        return BZ2Decompressor()
    from lzma import FORMAT_XZ, LZMADecompressor

    return LZMADecompressor(FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)


class _Source:
    """A stream as the file that zstandard reads."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        return self._stream.some(size)


def _zstd(stream: Stream, path: str, reading: Reading) -> Iterator[bytes]:
    try:
        import zstandard
    except ImportError:
        reading.notice(path, "is packed with zstd, which takes one more library: pip install 'strongroom[scan]'")
        return
    opened: Any = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    source: Any = _Source(stream)
    reader = opened.stream_reader(source, read_size=_IN_BYTES, read_across_frames=True)
    while True:
        try:
            out = reader.read(_OUT_BYTES)
        except (zstandard.ZstdError, MemoryError) as error:
            reading.notice(path, f"is damaged: {error}")
            return
        if not out:
            return
        if not reading.unpacked(len(out)):
            reading.notice(path, "was not read to its end: it unpacks to far more than an archive does (a bomb?)")
            return
        yield bytes(out)
