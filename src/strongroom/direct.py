"""Reading a manager directly, for applications that are not given files."""

from __future__ import annotations

import threading
import time
from typing import Any, NamedTuple, Self

from .references import Reference
from .stores.managers import Content
from .stores.registry import References, check_uri
from .stores.retry import DEFAULT_LIMIT

_TTL = 300.0  # seconds


class _Kept(NamedTuple):
    content: Content
    since: float
    until: float


class DirectStore:
    """A place in a manager, whose secrets are kept for a while. Many threads may read at once."""

    def __init__(self, uri: str, ttl: float, limit: float) -> None:
        """See ``open_store``."""
        self._scheme, self._base = check_uri(uri)
        self._uri, self._ttl = uri, ttl
        self._references = References(limit)
        self._kept: dict[tuple[str, int | str | None], _Kept] = {}
        self._locks: dict[tuple[str, int | str | None], threading.Lock] = {}
        self._lock = threading.Lock()

    def read(
        self, path: str = "", *, field: str | None = None, version: int | str | None = None, fresh: bool = False
    ) -> Any:  # noqa: ANN401 - what it is, the secret decides
        """Return a secret: fields, or a JSON object, as a dict, text as str, all else as bytes.

        Args:
            path: what follows the store's URI.
            field: return just this one of its fields.
            version: a number, ``previous``, or what the manager calls a version; by default the current one.
            fresh: ask the manager, though it was asked a moment ago: after a login with a password that failed.

        Raises:
            SecretNotFound, AccessDenied, StoreRefused: the manager does not give it.
            StoreUnavailable: it did not answer within the time limit. What was kept too long is not returned.
        """
        content = self._content(path.strip("/"), version, fresh)
        if field is None:
            return content.document()
        value = content.field(field).reveal()
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value

    def close(self) -> None:
        """Forget what was read, and close connections."""
        with self._lock:
            self._kept.clear()
        self._references.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<store {self._uri}>"

    def _content(self, path: str, version: int | str | None, fresh: bool) -> Content:
        key = (path, version)
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        began = time.monotonic()
        with lock:  # who waits for the same secret takes what the first one got
            kept = self._kept.get(key)
            if kept and began < kept.until and (not fresh or began < kept.since):
                return kept.content
            joined = f"{self._base.rstrip('/')}/{path}" if self._base and path else self._base or path
            # As a text and back: a number or a stage is understood as in any other reference.
            found = self._references.content(Reference.parse(str(Reference(self._scheme, joined, None, version))))
            # A leased credential is replaced long before it ends.
            seconds = min(self._ttl, found.lease.seconds / 2) if found.lease else self._ttl
            now = time.monotonic()
            self._kept[key] = _Kept(found, now, now + seconds)
            return found


def open_store(uri: str, *, ttl: float = _TTL, limit: float = DEFAULT_LIMIT) -> DirectStore:
    """Open a place in a manager, such as ``aws://``, ``vault://secret/myapp`` or ``gcp://my-project``, for reading.

    Nothing is asked before the first read. How to log in is in the documentation of stores.

    Args:
        uri: where the paths that are read start.
        ttl: for how many seconds a secret is kept in memory, before the manager is asked again.
        limit: for how many seconds the manager is asked, before that is an error.

    Raises:
        InvalidReference: it is no URI of a store.
    """
    return DirectStore(uri, ttl, limit)
