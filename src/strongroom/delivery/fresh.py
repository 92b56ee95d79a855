"""Keeps an application's files fresh: renews logins and leases before they end, and looks for changed values.

While a manager cannot be reached the last good values stay, and that is said once.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from ..errors import StoreRefused, StoreUnavailable, StrongroomError
from ..model import Name
from ..stores.managers import Lease
from ..stores.registry import Fetched, References
from .cache import Cache
from .needed import Needed

# A lease is renewed when about two thirds of it have passed, as Vault's own agent does it, and not all at one moment.
_RENEW_AFTER = (0.55, 0.67)
# What is renewed for less than this share of what it was leased for comes to the end that its manager sets: a new one
# is fetched while the old one still works.
_WORTH_KEEPING = 0.67
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds

Write = Callable[[Sequence[Fetched | None]], Sequence[Name]]


class _Held(NamedTuple):
    lease: Lease
    first: float
    due: float
    ends: float

    @classmethod
    def now(cls, lease: Lease, first: float | None = None) -> _Held:
        now = time.monotonic()
        return cls(
            lease,
            first or lease.seconds,
            now + lease.seconds * random.uniform(*_RENEW_AFTER),  # noqa: S311 - spreads load, keeps no secret
            now + lease.seconds,
        )


class Fresh:
    """What a supervisor keeps (``supervisor.Keeper``)."""

    def __init__(
        self, needed: Sequence[Needed], reader: References, write: Write, cache: Cache | None,
        report: Callable[[str], None], interval: float,
    ) -> None:  # fmt: skip
        """Look for changed values every ``interval`` seconds, and give them to ``write``."""
        self._needed, self._reader, self._write, self._cache = needed, reader, write, cache
        self._report, self._interval = report, interval
        self._fetched: list[Fetched | None] = []
        self._leases: dict[str, _Held] = {}
        self._logins: dict[str, _Held] = {}
        self._stale: set[int] = set()
        self._refresh_at = self._retry_at = 0.0
        self._pause = 0.0
        self._trouble: type[StrongroomError] | None = None

    def begin(self, fetched: Sequence[Fetched | None]) -> None:
        """Start from what was fetched first."""
        self._fetched = list(fetched)
        self._hold()
        self._refresh_at = time.monotonic() + self._interval

    def wait(self) -> float:
        """Return in how many seconds there is something to do."""
        if self._pause:
            return max(0.0, self._retry_at - time.monotonic())
        due = [self._refresh_at, *(each.due for each in (*self._leases.values(), *self._logins.values()))]
        return max(0.0, min(due) - time.monotonic())

    def work(self) -> bool:
        """Renew and fetch what is due, and tell whether a file changed."""
        changed, failed = False, None
        try:
            self._renew_logins()
            self._renew_leases()
            changed, failed = self._refresh()
        except StrongroomError as error:
            failed = error
        if failed is None:
            self._pause = 0.0
        else:
            self._pause = min(max(_FIRST_PAUSE, self._pause * 2), _LONGEST_PAUSE)
            self._retry_at = time.monotonic() + self._pause * random.uniform(0.5, 1)  # noqa: S311
        self._say(failed)
        return changed

    def close(self) -> None:
        """Give back all that is leased, and log out."""
        now = time.monotonic()
        logins, leases = (
            [each.lease for each in held.values() if each.ends > now] for held in (self._logins, self._leases)
        )
        give_back(self._reader, logins, leases, self._report)
        self._reader.close()

    def _renew_logins(self) -> None:
        now = time.monotonic()
        for key, each in list(self._logins.items()):
            if each.due > now:
                continue
            renewed = self._reader.renew(each.lease)
            del self._logins[key]
            self._logins[renewed.id] = _Held.now(renewed)
            if renewed.id != key:  # all that the former login leased ended with it
                self._leases = {id: held for id, held in self._leases.items() if held.lease.scheme != renewed.scheme}
                self._stale |= {
                    index for index, one in enumerate(self._fetched)
                    if one and one.lease and one.lease.scheme == renewed.scheme
                }  # fmt: skip

    def _renew_leases(self) -> None:
        now = time.monotonic()
        for key, each in list(self._leases.items()):
            users = {index for index, one in enumerate(self._fetched) if one and one.lease and one.lease.id == key}
            if each.due > now or users <= self._stale:  # those are fetched anew anyway
                continue
            try:
                renewed = self._reader.renew(each.lease) if each.lease.renewable else None
            except StoreUnavailable:
                raise
            except StoreRefused:
                renewed = None
            if renewed is None or renewed.seconds < _WORTH_KEEPING * each.first:
                self._stale |= users
            else:
                self._leases[key] = _Held.now(renewed, each.first)

    def _refresh(self) -> tuple[bool, StrongroomError | None]:
        """Fetch what is due and write it; tell whether a file changed, and what could not be fetched."""
        looking = time.monotonic() >= self._refresh_at
        due = sorted(
            index for index, each in enumerate(self._fetched)
            if index in self._stale or (looking and (each is None or each.lease is None))
        )  # fmt: skip
        results = dict(zip(due, self._reader.try_read([self._needed[index].reference for index in due]), strict=True))
        found = {index: each for index, each in results.items() if not isinstance(each, StrongroomError)}
        # What was never there is optional, and may stay away.
        failed = next((each for index, each in results.items()
                       if isinstance(each, StrongroomError) and self._fetched[index] is not None), None)  # fmt: skip
        fetched = [found.get(index, each) for index, each in enumerate(self._fetched)]
        changed = self._write(fetched)
        self._fetched = fetched
        self._stale -= set(found)
        self._hold()
        if looking and failed is None:
            self._refresh_at = time.monotonic() + self._interval
        if changed:
            self._report(f"written anew: {', '.join(changed)}")
            if self._cache and failed is None:
                self._cache.keep([each for each in fetched if each], self._report)
        return bool(changed), failed

    def _hold(self) -> None:
        """Remember the leases and logins that we do not know yet, and forget those that have ended."""
        now = time.monotonic()
        used = {each.lease.id: each.lease for each in self._fetched if each and each.lease}
        for key, lease in used.items():
            self._leases.setdefault(key, _Held.now(lease))
        # One that nothing uses any more is not renewed; it is only given back at the end.
        self._leases = {
            key: each if key in used else each._replace(due=math.inf)
            for key, each in self._leases.items()
            if each.ends > now or key in used
        }
        self._logins = {lease.id: self._logins.get(lease.id) or _Held.now(lease) for lease in self._reader.logins()}

    def _say(self, trouble: StrongroomError | None) -> None:
        """Report a kind of trouble once, and the end of all."""
        if trouble and type(trouble) is not self._trouble:
            self._report(f"{trouble} The application keeps the last good values.")
        elif self._trouble and not trouble:
            self._report("all secrets are fresh again.")
        self._trouble = type(trouble) if trouble else None


def give_back(
    reader: References, logins: Iterable[Lease], leases: Iterable[Lease], report: Callable[[str], None]
) -> None:
    """End logins, with all that they leased, and then the leases that are left; report what cannot be ended."""
    failed, ended = "", set()
    for login in logins:
        try:
            if reader.revoke(login):
                ended.add(login.scheme)
        except StrongroomError as error:
            failed = str(error)
    for lease in leases:
        try:
            if lease.scheme not in ended:
                reader.revoke(lease)
        except StrongroomError as error:
            failed = str(error)
    if failed:
        report(f"not everything that was leased could be given back, and ends by itself: {failed}")
