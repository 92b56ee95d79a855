"""The reading of one target: what it has used up, and what a person should know about it."""

from __future__ import annotations

from ..model import Notice

# What may come out of compressed data for each byte that was read, and how much more than that altogether. A log file
# comes to about 30; a gzip bomb to 1,000, and nested ones to anything.
_RATIO = 50
_ALLOWANCE_BYTES = 1 << 30
_GRACE_BYTES = 16 << 20
# Archives in archives. Beyond that, they are read as they lie.
MAX_DEPTH = 8
_MAX_NOTICES = 200


class Reading:
    """Bounds and notices, shared by all that is read of one target."""

    def __init__(self, allowance: int = _ALLOWANCE_BYTES) -> None:
        """Allow ``allowance`` bytes more than 50 for each one read to come out of compressed data."""
        self.notices: list[Notice] = []
        self._allowance = allowance
        self._grace = _GRACE_BYTES
        self._noticed: set[str] = set()

    def notice(self, path: str, message: str) -> None:
        """Say something about ``path``; of what is said about the same one, the first word counts."""
        if path in self._noticed:
            return
        if len(self._noticed) < _MAX_NOTICES:
            self._noticed.add(path)
            self.notices.append(Notice(path, message))
        elif len(self.notices) == _MAX_NOTICES:
            self.notices.append(
                Notice("", f"more than {_MAX_NOTICES} places could not be read; the others are not named")
            )

    def read(self, size: int) -> None:
        """Count bytes of the target itself."""
        self._allowance += size * _RATIO

    def unpacked(self, size: int) -> bool:
        """Count bytes that came out of compressed data, and tell whether more may."""
        self._allowance -= size
        if self._allowance > 0:
            return True
        # What comes after a bomb is read all the same; what comes after many of them less and less.
        self._allowance, self._grace = self._grace, self._grace // 2
        return False


def shown(name: bytes) -> str:
    """Return a file's name as text that can be printed, whatever its bytes are."""
    text = name.decode("utf-8", "backslashreplace")
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
