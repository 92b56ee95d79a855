"""Bytes that come in chunks, read forward only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

# What is read from a file at once: large enough that calls do not count, small enough for a processor's cache.
CHUNK_BYTES = 512 << 10


class Stream:
    """Chunks, looked ahead at, taken, or passed on. A chunk that is passed on whole is not copied."""

    __slots__ = ("_at", "_buffer", "_given", "_source")

    def __init__(self, chunks: Iterable[bytes]) -> None:
        """Read ``chunks``; the first one is asked for when it is needed."""
        self._source = iter(chunks)
        self._buffer = b""
        self._at = 0
        self._given = 0

    @property
    def position(self) -> int:
        """How many bytes were taken so far."""
        return self._given - len(self._buffer) + self._at

    def peek(self, size: int) -> bytes:
        """Return the next ``size`` bytes, which stay; fewer at the end."""
        end = self._at + size
        if end > len(self._buffer):
            self._fill(size)
            end = self._at + size
        return self._buffer[self._at : end]

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes; fewer at the end."""
        taken = self.peek(size)
        self._at += len(taken)
        return taken

    def some(self, most: int) -> bytes:
        """Return at least one byte and at most ``most``, whatever is at hand; none at the end."""
        if self._at >= len(self._buffer):
            self._fill(1)
        taken = self._buffer[self._at : self._at + most]
        self._at += len(taken)
        return taken

    def give_back(self, data: bytes) -> None:
        """Put back the last bytes that were taken."""
        if not data:
            return
        if self._at >= len(data):
            self._at -= len(data)
        else:
            self._buffer = data + self._buffer[self._at :]
            self._at = 0

    def holds(self, size: int) -> bool:
        """Tell whether the next ``size`` bytes are in memory already."""
        return self._at + size <= len(self._buffer)

    def body(self, size: int) -> Body:
        """Return the next ``size`` bytes as chunks."""
        return Body(self, size)

    def rest(self) -> Iterator[bytes]:
        """Yield all that is left."""
        while chunk := self.some(CHUNK_BYTES):
            yield chunk

    def skip(self, size: int) -> int:
        """Pass over ``size`` bytes, and return how many of them there were not."""
        while size and (chunk := self.some(min(size, CHUNK_BYTES))):
            size -= len(chunk)
        return size

    def _fill(self, size: int) -> None:
        parts = [self._buffer[self._at :]] if self._at < len(self._buffer) else []
        have = len(parts[0]) if parts else 0
        for chunk in self._source:
            if chunk:
                parts.append(chunk)
                have += len(chunk)
                self._given += len(chunk)
                if have >= size:
                    break
        self._buffer = parts[0] if len(parts) == 1 else b"".join(parts)
        self._at = 0


class Body:
    """The chunks of one part of a stream, and how many of its bytes are still to come."""

    __slots__ = ("_stream", "left")

    def __init__(self, stream: Stream, size: int) -> None:
        """Read ``size`` bytes of ``stream``."""
        self._stream = stream
        self.left = size

    def __iter__(self) -> Body:
        return self

    def __next__(self) -> bytes:
        chunk = self._stream.some(min(self.left, CHUNK_BYTES)) if self.left else b""
        if not chunk:
            raise StopIteration
        self.left -= len(chunk)
        return chunk

    def finish(self) -> bool:
        """Pass over what was not read, and tell whether all of it was there."""
        self.left = self._stream.skip(self.left)
        return not self.left


def file_chunks(file: BinaryIO, size: int = -1) -> Iterator[bytes]:
    """Yield the chunks of a file from where it stands: ``size`` bytes, or all."""
    while size and (chunk := file.read(CHUNK_BYTES if size < 0 else min(size, CHUNK_BYTES))):
        size -= len(chunk) if size > 0 else 0
        yield chunk
