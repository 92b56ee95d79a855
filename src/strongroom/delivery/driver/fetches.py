"""Fetching for many tasks at once: a bounded number, each within a deadline, and one for all who ask the same.

Swarm's leader waits for us while it hands out tasks, so that no answer is worse than an error.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from typing import NamedTuple

from ...errors import StoreUnavailable
from ...model import Value
from ...references import Reference

# The tasks of one service ask one after the other. Whoever asks this soon after a fetch began gets what it brought.
_SHARED_SECONDS = 1.0

Read = Callable[[Reference], Value]


class _Fetch(NamedTuple):
    result: Future[Value]
    began: float

    def may_be_joined(self) -> bool:
        return not self.result.done() or time.monotonic() - self.began < _SHARED_SECONDS


class Fetches:
    """Fetches values with ``read``, and remembers which stores do not answer."""

    def __init__(self, read: Read, deadline: float, concurrency: int) -> None:
        """``deadline`` is in seconds; ``concurrency`` the largest number of fetches at once."""
        self._read, self._deadline = read, deadline
        self._places = threading.BoundedSemaphore(concurrency)
        self._lock = threading.Lock()
        self._fetches: dict[Reference, _Fetch] = {}
        self._down: dict[str, tuple[float, str]] = {}
        self.started = self.joined = 0

    def get(self, reference: Reference) -> Value:
        """Return a reference's value.

        Raises:
            StoreUnavailable: the store did not answer by the deadline, or did not lately.
            StrongroomError: whatever ``read`` raises.
        """
        store = f"{reference.scheme}://"
        until, why = self._down.get(store, (0.0, ""))
        if time.monotonic() < until:
            raise StoreUnavailable(f"{store} is not asked for {until - time.monotonic():.0f} s more: {why}")
        deadline = time.monotonic() + self._deadline
        with self._lock:
            fetch = self._fetches.get(reference)
            if fetch is not None and fetch.may_be_joined():
                self.joined += 1
            else:
                fetch = None
        fetch = fetch or self._begin(reference, deadline)
        try:
            value = fetch.result.result(max(0.0, deadline - time.monotonic()))
        except NotYet:
            raise self._unreachable(store, f"{store} did not answer within {self._deadline:g} s.") from None
        except StoreUnavailable as error:
            raise self._unreachable(store, str(error)) from None
        self._down.pop(store, None)
        return value

    def down(self) -> dict[str, str]:
        """Return the stores that do not answer, and why."""
        now = time.monotonic()
        return {store: why for store, (until, why) in list(self._down.items()) if until > now}

    @property
    def under_way(self) -> int:
        """How many fetches run."""
        return sum(not each.result.done() for each in list(self._fetches.values()))

    def _begin(self, reference: Reference, deadline: float) -> _Fetch:
        if not self._places.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise StoreUnavailable(f"too many fetches are under way: none ended within {self._deadline:g} s.")
        with self._lock:
            fetch = self._fetches.get(reference)
            if fetch is not None and fetch.may_be_joined():  # somebody else was faster
                self._places.release()
                self.joined += 1
                return fetch
            fetch = self._fetches[reference] = _Fetch(Future(), time.monotonic())
            self.started += 1
        threading.Thread(target=self._run, args=(reference, fetch.result), name="fetch", daemon=True).start()
        return fetch

    def _run(self, reference: Reference, result: Future[Value]) -> None:
        try:
            result.set_result(self._read(reference))
        except BaseException as error:
            result.set_exception(error)
        finally:
            self._places.release()
        time.sleep(_SHARED_SECONDS)  # no value stays in memory for longer than it may be shared
        with self._lock, suppress(KeyError):
            if self._fetches[reference].result is result:
                del self._fetches[reference]

    def _unreachable(self, store: str, why: str) -> StoreUnavailable:
        # Twice as long as it took to notice, so that most of the leader's time is its own.
        self._down[store] = (time.monotonic() + 2 * self._deadline, why)
        return StoreUnavailable(why)
