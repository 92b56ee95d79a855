"""The rotation itself: each step looks at what is, and does what is missing.

One that was killed anywhere is therefore finished by the same call, or undone.

1. pending: a version gets the stage ``pending``: a new one, or, to go back, an old one.
2. allow: the system behind it accepts it, and the current one too where it can accept both.
3. test: somebody logs in with it.
4. roll: all that hold the secret get it, side by side, and are watched until they converged.
5. finish: the system accepts it alone, and it becomes ``current``; what was is ``previous``; old versions go.

A rotation is under way while a version is pending. What is pending stays so until the last moment: whatever is killed
before that is done again, and each step may be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

from ..errors import DeploymentFailed, EngineError, RotationFailed, RotatorFailed, StoreUnavailable, StrongroomError
from ..model import Name, Secret, Stage, Value
from ..stores import audited
from ..stores.audited import Event, Happening
from ..stores.base import Capability, Store
from .base import Delivery, Rotator


class Step(StrEnum):
    """What is done, for people and for the audit chain."""

    PENDING = "pending"
    ALLOW = "allow"
    TEST = "test"
    ROLL = "roll"
    FINISH = "finish"
    ABORT = "abort"
    PRUNE = "prune"


@dataclass
class Outcome:
    """What a rotation did: from which version to which; which versions are gone from the store and from deliveries."""

    name: Name
    former: int
    version: int
    holders: Sequence[str] = ()
    destroyed: list[int] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)


@dataclass
class Rotation:
    """The rotation of one secret."""

    store: Store
    name: Name
    rotator: Rotator
    deliveries: Sequence[Delivery]
    keep: int
    report: Callable[[str], None] = lambda _: None

    def run(self, make: Callable[[Secret], Value] | None = None) -> Outcome:
        """Rotate to the version that is pending, or else to a new one with what ``make`` returns.

        Raises:
            RotationFailed: it was undone, since a service or the system behind it did not take the new value.
            StrongroomError: something could not be reached: the same call finishes it, ``abort`` undoes it.
        """
        secret = self.store.inspect(self.name)
        former = secret.stages[Stage.CURRENT]
        pending = secret.stages.get(Stage.PENDING)
        if pending is None:
            assert make is not None, "a rotation without a new value"  # noqa: S101 - a caller's mistake
            generated = self.rotator.next_value(self.store.read(self.name), make(secret))
            pending = self.store.write(self.name, generated, Stage.PENDING)
            self._done(Step.PENDING, pending)
        else:
            self.report(f"{self.name}: version {pending} is pending already: going on with it")
        try:
            holders = self._take(pending, former)
        except (RotatorFailed, DeploymentFailed) as error:
            self._undo(pending, former, error)
        except StrongroomError as error:
            raise RotationFailed(f"{error} {self._how_to_go_on(pending)}") from None
        outcome = Outcome(self.name, former, pending, holders)
        self._prune(outcome)
        return outcome

    def _take(self, pending: int, former: int) -> Sequence[str]:
        """Do all steps for the version that is pending; return who holds the secret."""
        value, current = self.store.read_many([(self.name, pending), (self.name, former)])
        holders = [each for delivery in self.deliveries for each in delivery.holders()]
        self._step(Step.ALLOW, pending, lambda: self.rotator.allow(value, current))
        self._step(Step.TEST, pending, lambda: self.rotator.test(value))
        self._step(Step.ROLL, pending, lambda: self._roll(pending, former))
        self._step(Step.FINISH, pending, lambda: self.rotator.only(value, current))
        self.store.move_stage(self.name, Stage.CURRENT, pending)
        return holders

    def back(self) -> Outcome:
        """Make the previous version current again, everywhere, by the same steps.

        Raises:
            RotationFailed: there is no previous version, or another rotation is under way; or as ``run``.
        """
        stages = self.store.inspect(self.name).stages
        previous = stages.get(Stage.PREVIOUS)
        if previous is None:
            raise RotationFailed(f"'{self.name}' has no previous version to go back to.")
        if stages.get(Stage.PENDING) not in (None, previous):
            raise RotationFailed(
                f"a rotation of '{self.name}' to version {stages[Stage.PENDING]} is under way. Finish it: "
                f"strongroom rotate {self.name}, or undo it: strongroom rotate --abort {self.name}"
            )
        self.store.move_stage(self.name, Stage.PENDING, previous)
        return self.run()

    def abort(self) -> Outcome:
        """Undo a rotation that is under way.

        Raises:
            RotationFailed: none is.
            StrongroomError: something could not be reached: the same call goes on.
        """
        stages = self.store.inspect(self.name).stages
        pending, current = stages.get(Stage.PENDING), stages[Stage.CURRENT]
        if pending is None:
            raise RotationFailed(f"no rotation of '{self.name}' is under way: version {current} is current.")
        self._abort(pending, current)
        return Outcome(self.name, current, pending)

    def _undo(self, pending: int, former: int, error: StrongroomError) -> None:
        try:
            self._abort(pending, former)
        except StrongroomError as another:
            audited.record(self.store, [self._event(Step.ABORT, pending).failed(another)])
            raise RotationFailed(
                f"{error} Undoing it failed as well: {another} {self._how_to_go_on(pending)}"
            ) from None
        raise RotationFailed(f"{error} Version {former} of '{self.name}' is current everywhere, as it was.") from None

    def _how_to_go_on(self, pending: int) -> str:
        return (
            f"Version {pending} of '{self.name}' is still pending: finish it with: strongroom rotate {self.name}, or "
            f"undo it with: strongroom rotate --abort {self.name}"
        )

    def _abort(self, pending: int, former: int) -> None:
        value, current = self.store.read_many([(self.name, pending), (self.name, former)])
        self.rotator.allow(current, value)
        for delivery in self.deliveries:
            delivery.roll(former, self._previous(former))
        self.rotator.only(current, value)
        self.store.move_stage(self.name, Stage.PENDING, None)
        if self.store.inspect(self.name).stages.get(Stage.PREVIOUS) != pending:
            for delivery in self.deliveries:
                delivery.prune(1, pending)
            if Capability.DESTROY in self.store.capabilities:
                self.store.destroy(self.name, pending)
        self._done(Step.ABORT, pending)

    def _roll(self, version: int, former: int) -> None:
        for delivery in self.deliveries:
            delivery.roll(version, former)

    def _previous(self, former: int) -> int:
        return self.store.inspect(self.name).stages.get(Stage.PREVIOUS, former)

    def _prune(self, outcome: Outcome) -> None:
        """Remove what is past ``keep`` and held by nobody, from deliveries and from the store."""
        held: frozenset[int] = frozenset()
        with suppress(EngineError, StoreUnavailable):  # the next rotation prunes what is left
            for delivery in self.deliveries:
                outcome.removed += delivery.prune(self.keep)
                held |= delivery.held()
            secret = self.store.inspect(self.name)
            living = [each.number for each in secret.versions if each.destroyed_at is None]
            staged = frozenset(secret.stages.values())
            if Capability.DESTROY in self.store.capabilities:
                for number in living[: -self.keep]:
                    if number not in held | staged:
                        self.store.destroy(self.name, number)
                        outcome.destroyed.append(number)
                        self._done(Step.PRUNE, number)

    def _step(self, step: Step, version: int, work: Callable[[], None]) -> None:
        try:
            work()
        except StrongroomError as error:
            audited.record(self.store, [self._event(step, version).failed(error)])
            raise
        self._done(step, version)

    def _done(self, step: Step, version: int) -> None:
        audited.record(self.store, [self._event(step, version)])
        self.report(f"{self.name}: {step} version {version}")

    def _event(self, step: Step, version: int) -> Event:
        return Event(Happening.ROTATE, self.name, version, {"step": step})
