"""Keeping secrets fresh: when leases are renewed, when they are fetched anew, and what failures leave alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from strongroom.delivery import fresh as module
from strongroom.delivery.fresh import Fresh
from strongroom.delivery.needed import Needed
from strongroom.errors import AccessDenied, StoreRefused, StoreUnavailable, StrongroomError
from strongroom.model import Name, Value
from strongroom.references import Reference
from strongroom.stores.managers import Lease
from strongroom.stores.registry import Fetched, References

NEEDED = [Needed("static", Reference.parse("vault://kv/a#x")), Needed("db", Reference.parse("vault://db/creds#y"))]


class Source:
    """A store that leases what ``db`` is, for ``seconds``, and counts what it is asked."""

    def __init__(self, seconds: float = 60) -> None:
        self.seconds, self.renewed_seconds, self.count = seconds, seconds, 0
        self.value = b"the first of the values"
        self.errors: list[Exception] = []
        self.login: Lease | None = Lease("vault", "login/1", 3600, True)
        self.asked: list[str] = []

    def try_read(self, references: Sequence[Reference]) -> list[Fetched | StrongroomError]:
        if references:
            self.asked.append("read " + " ".join(each.path for each in references))
        return [self._read(each) for each in references]

    def _read(self, reference: Reference) -> Fetched | StrongroomError:
        if self.errors:
            error = self.errors.pop()
            if isinstance(error, StrongroomError):
                return error
            raise error
        if reference.path == "kv/a":
            return Fetched(reference, {"x": Value(self.value)})
        self.count += 1
        lease = Lease("vault", f"lease/{self.count}", self.seconds, True)
        return Fetched(reference, {"y": Value(b"database password %d" % self.count)}, None, lease)

    def renew(self, lease: Lease) -> Lease:
        self.asked.append(f"renew {lease.id}")
        if not self.renewed_seconds:
            raise StoreRefused("it ended.")
        return lease._replace(seconds=self.renewed_seconds)

    def revoke(self, lease: Lease) -> bool:
        self.asked.append(f"revoke {lease.id}")
        return lease.id.startswith("login/")

    def logins(self) -> list[Lease]:
        return [self.login] if self.login else []

    def close(self) -> None:
        self.asked.append("close")


class Clock:
    """The time, as the test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(module, "time", found)
    return found


class Watched:
    """A ``Fresh`` with all that it wrote and said."""

    def __init__(self, source: Source, clock: Clock, interval: float = 1000) -> None:
        self.source, self.clock = source, clock
        self.values: dict[str, Value] = {}
        self.said: list[str] = []
        reader = cast(References, source)
        self.fresh = Fresh(NEEDED, reader, self.write, None, self.said.append, interval)
        first = [each for each in source.try_read([each.reference for each in NEEDED]) if isinstance(each, Fetched)]
        self.write(first)
        self.fresh.begin(first)
        source.asked.clear()

    def write(self, fetched: Sequence[Fetched | None]) -> list[Name]:
        now = {need.name: each.value for need, each in zip(NEEDED, fetched, strict=True) if each}
        changed = [Name(name) for name, value in now.items() if self.values.get(name) != value]
        self.values = now
        return changed

    def after(self, seconds: float) -> bool:
        """Let some time pass, doing whatever becomes due; tell whether the application heard of a change."""
        end, told = self.clock.now + seconds, False
        while (due := self.clock.now + self.fresh.wait()) <= end:
            self.clock.now = max(due, self.clock.now + 0.001)
            told |= self.fresh.work()
        self.clock.now = end
        return told


def test_leases_are_renewed_and_logins_too(clock: Clock) -> None:
    watched = Watched(source := Source(60), clock)
    assert not watched.after(120)
    assert source.asked.count("renew lease/1") in (2, 3)
    assert set(source.asked) == {"renew lease/1"}
    watched.after(3600)
    assert "renew login/1" in source.asked
    watched.fresh.close()
    assert source.asked[-2:] == ["revoke login/1", "close"]  # the lease ends with the login


@pytest.mark.parametrize("left", [0, 10], ids=["ended", "near its end"])
def test_a_lease_that_ends_is_fetched_anew_in_time(clock: Clock, left: float) -> None:
    watched = Watched(source := Source(60), clock)
    source.renewed_seconds = left
    assert watched.after(45)
    assert source.asked == ["renew lease/1", "read db/creds"]
    assert watched.values["db"].reveal() == b"database password 2"
    assert watched.said == ["written anew: db"]


def test_without_a_login_of_its_own_each_lease_is_given_back(clock: Clock) -> None:
    source = Source(60)
    source.login = None
    watched = Watched(source, clock)
    source.renewed_seconds = 10
    watched.after(40)  # by now there are two, of which the first still works
    watched.fresh.close()
    assert source.asked[-3:] == ["revoke lease/1", "revoke lease/2", "close"]


def test_values_are_looked_at_and_leased_ones_are_not(clock: Clock) -> None:
    watched = Watched(source := Source(100_000), clock, interval=10)
    source.value = b"the second of the values"
    assert watched.after(11)
    assert source.asked == ["read kv/a"]
    assert not watched.after(30)


def test_a_new_login_has_its_leases_fetched_anew(clock: Clock) -> None:
    watched = Watched(source := Source(100_000), clock, interval=100_000)
    source.renew = lambda lease: lease._replace(id="login/2")  # type: ignore[method-assign]
    source.login = Lease("vault", "login/2", 3600, True)
    watched.after(2500)
    assert source.asked == ["read db/creds"]


@pytest.mark.parametrize("error", [StoreUnavailable("it is sealed."), AccessDenied("no."), KeyError("what")])
def test_a_failure_changes_nothing_and_is_said_once(clock: Clock, error: Exception) -> None:
    watched = Watched(source := Source(100_000), clock, interval=10)
    source.errors = [error] * 3
    before = dict(watched.values)
    watched.after(10.5)
    assert watched.values == before
    watched.after(30)
    assert len(watched.said) == 2
    assert "keeps the last good values" in watched.said[0]
    assert watched.said[1] == "all secrets are fresh again."


def test_a_login_that_cannot_be_looked_at_is_no_reason_to_end(clock: Clock) -> None:
    source = Source(60)

    def refuse() -> list[Lease]:
        raise AccessDenied("this token may not look at itself.")

    source.logins = refuse  # type: ignore[method-assign]
    watched = Watched(source, clock)
    assert "may not look at itself" in watched.said[0]
    source.renewed_seconds = 0
    assert watched.after(45)


def test_a_lease_of_no_time_is_not_asked_for_all_the_time(clock: Clock) -> None:
    watched = Watched(source := Source(0), clock)
    watched.after(10)
    assert len(source.asked) <= 22
