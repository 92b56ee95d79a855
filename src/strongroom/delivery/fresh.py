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
_SHORTEST = 1.0  # second between two renewals, whatever a manager says
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
            now + max(_SHORTEST, lease.seconds * random.uniform(*_RENEW_AFTER)),  # noqa: S311 - it spreads load
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
        self._failures: list[StrongroomError] = []
        self._trouble: type[StrongroomError] | None = None

    def begin(self, fetched: Sequence[Fetched | None]) -> None:
        """Start from what was fetched first."""
        self._fetched = list(fetched)
        self._hold_leases()
        if failed := self._hold_logins():
            self._report(f"nothing is known of the login, which is not renewed: {failed}")
        self._refresh_at = time.monotonic() + self._interval

    def wait(self) -> float:
        """Return in how many seconds there is something to do."""
        if self._pause:
            return max(0.0, self._retry_at - time.monotonic())
        due = [self._refresh_at, *(each.due for each in (*self._leases.values(), *self._logins.values()))]
        return max(0.0, min(due) - time.monotonic())

    def work(self) -> bool:
        """Renew and fetch what is due, and tell whether a file changed."""
        changed, self._failures = False, []
        for step in (self._renew_logins, self._renew_leases, self._refresh):
            try:
                changed = step() or changed
            except StrongroomError as error:
                self._failures.append(error)
            except Exception as error:  # whatever it is, the application goes on, and the next try may do better
                self._failures.append(StrongroomError(f"unexpected {type(error).__name__} while renewing secrets."))
        if self._failures:
            self._pause = min(max(_FIRST_PAUSE, self._pause * 2), _LONGEST_PAUSE)
            self._retry_at = time.monotonic() + self._pause * random.uniform(0.5, 1)  # noqa: S311
        else:
            self._pause = 0.0
        self._say(self._failures[0] if self._failures else None)
        return changed

    def close(self) -> None:
        """Give back all that is leased, and log out."""
        now = time.monotonic()
        logins, leases = (
            [each.lease for each in held.values() if each.ends > now] for held in (self._logins, self._leases)
        )
        give_back(self._reader, logins, leases, self._report)
        self._reader.close()

    def _renew_logins(self) -> bool:
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
        return False

    def _renew_leases(self) -> bool:
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
        return False

    def _refresh(self) -> bool:
        """Fetch what is due, write what came, and tell whether a file changed."""
        looking = time.monotonic() >= self._refresh_at
        due = sorted(
            index for index, each in enumerate(self._fetched)
            if index in self._stale or (looking and (each is None or each.lease is None))
        )  # fmt: skip
        results = dict(zip(due, self._reader.try_read([self._needed[index].reference for index in due]), strict=True))
        found = {index: each for index, each in results.items() if not isinstance(each, StrongroomError)}
        # What was never there is optional, and may stay away.
        failed = [each for index, each in results.items() if index not in found and self._fetched[index] is not None]
        self._failures += [each for each in failed if isinstance(each, StrongroomError)]
        fetched = [found.get(index, each) for index, each in enumerate(self._fetched)]
        changed = self._write(fetched)
        self._fetched = fetched
        self._stale -= set(found)
        self._hold_leases()
        self._hold_logins()
        if looking and not failed:
            self._refresh_at = time.monotonic() + self._interval
        if changed:
            self._report(f"written anew: {', '.join(changed)}")
            if self._cache and not failed:
                self._cache.keep([each for each in fetched if each], self._report)
        return bool(changed)

    def _hold_leases(self) -> None:
        """Remember the leases that we do not know yet, and forget those that have ended."""
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

    def _hold_logins(self) -> StrongroomError | None:
        """Remember the logins that there are now; return why they are not known."""
        try:
            self._logins = {each.id: self._logins.get(each.id) or _Held.now(each) for each in self._reader.logins()}
        except StrongroomError as error:
            return error
        return None

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
