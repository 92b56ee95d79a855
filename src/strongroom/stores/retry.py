"""Patience: what can pass is tried again within a time limit, and many things are asked for side by side."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from ..errors import StoreUnavailable, StrongroomError

DEFAULT_LIMIT = 30.0  # seconds
AT_ONCE = 32
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds
_T = TypeVar("_T")
_R = TypeVar("_R")


class Deadline:
    """A moment by which something has to be done."""

    def __init__(self, seconds: float) -> None:
        """Set it so many seconds from now."""
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return how many seconds are left; 0 when it is over."""
        return max(0.0, self._end - time.monotonic())


def patiently(call: Callable[[], _R], deadline: Deadline, *, repeatable: bool = True) -> _R:
    """Return what ``call`` returns; while it says ``StoreUnavailable``, call it again until the deadline.

    Pauses grow exponentially, each with full jitter, so that many clients do not come back at once. A call that is not
    ``repeatable`` is not made again when it may have been done.

    Raises:
        StoreUnavailable: the last one, when there is no time for another try.
    """
    pause, tries = _FIRST_PAUSE, 0
    while True:
        tries += 1
        try:
            return call()
        except StoreUnavailable as error:
            wait = max(random.uniform(0, pause), error.after)  # noqa: S311 - spreads load, keeps no secret
            if wait >= deadline.left() or (error.sent and not repeatable):
                if tries == 1:
                    raise
                text = f"{error} It was tried {tries} times within {deadline.seconds:g} seconds."
                raise StoreUnavailable(text, sent=error.sent, after=error.after) from None
        time.sleep(wait)
        pause = min(pause * 2, _LONGEST_PAUSE)


def explained(call: Callable[[], _R], failure: Callable[[Exception, str], StrongroomError | None], uri: str) -> _R:
    """Return what ``call`` returns. What an SDK raises is raised as what ``failure`` makes of it and of ``uri``.

    Where that is None, the exception is a mistake, and stays what it is; errors of ours are not asked about.
    """
    try:
        return call()
    except StrongroomError:
        raise
    except Exception as error:
        found = failure(error, uri)
        if found is None:
            raise
        raise found from None


def asked_to_wait(header: str | None) -> float:
    """Return how long a manager asks to wait, by the header ``Retry-After``; 0 where it says nothing, or a date."""
    return float(header) if header and header.isdecimal() else 0.0


def side_by_side(call: Callable[[_T], _R], items: Sequence[_T], at_once: int = AT_ONCE) -> list[_R | StrongroomError]:
    """Call for each of ``items``, many at once; return results in their order, and each error of ours in its place."""
    results: list[_R | StrongroomError | None] = [None] * len(items)
    unexpected: list[BaseException] = []
    waiting = iter(range(len(items)))
    lock = threading.Lock()

    def work() -> None:
        while not unexpected:
            with lock:
                index = next(waiting, None)
            if index is None:
                return
            try:
                results[index] = call(items[index])
            except StrongroomError as error:
                results[index] = error
            except BaseException as error:
                unexpected.append(error)

    if len(items) <= 1:
        work()
    else:
        threads = [threading.Thread(target=work, daemon=True) for _ in range(min(at_once, len(items)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if unexpected:
        raise unexpected[0]
    return results  # type: ignore[return-value]  # every place is filled now


def all_or_error(results: Sequence[_R | StrongroomError]) -> list[_R]:
    """Return the results of ``side_by_side``.

    Raises:
        StrongroomError: the first of those that are in it.
    """
    found = []
    for each in results:
        if isinstance(each, StrongroomError):
            raise each
        found.append(each)
    return found
