"""A rotation that ends anywhere, in its steps or between them, is finished by the same call or undone by an abort."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_store import MemoryStore
from strongroom.errors import DeploymentFailed, EngineError, RotationFailed, RotatorFailed, StrongroomError
from strongroom.model import Name, Secret, Stage, Value
from strongroom.rotation.rotate import Rotation

NAME = Name("db")
# What happens at a step: nothing, an end before it or after it, a failure that cannot be helped, or one of the step.
FATES = ("goes well", "killed before", "killed after", "out of reach", "fails")


class Killed(BaseException):
    """Stands for SIGKILL: nobody catches it."""


@dataclass
class World:
    """A backing system that accepts a set of values, services that hold versions, and what befalls the next steps."""

    fates: Iterator[str]
    accepted: set[bytes] = field(default_factory=lambda: {b"1"})
    held_by: list[int] = field(default_factory=lambda: [1, 1, 1])

    def step(self, failure: type[StrongroomError]) -> str:
        fate = next(self.fates)
        if fate == "killed before":
            raise Killed
        if fate == "out of reach":
            raise EngineError("the Engine went away.")
        if fate == "fails":
            raise failure("it failed.")
        return fate

    @staticmethod
    def after(fate: str) -> None:
        if fate == "killed after":
            raise Killed


@dataclass
class Backing:
    world: World

    def next_value(self, current: Value, generated: Value) -> Value:
        return generated

    def allow(self, value: Value, other: Value) -> None:
        fate = self.world.step(RotatorFailed)
        self.world.accepted = {value.reveal(), other.reveal()}
        self.world.after(fate)

    def test(self, value: Value) -> None:
        assert value.reveal() in self.world.accepted
        self.world.after(self.world.step(RotatorFailed))

    def only(self, value: Value, former: Value) -> None:
        fate = self.world.step(RotatorFailed)
        self.world.accepted = {value.reveal()}
        self.world.after(fate)


@dataclass
class Services:
    world: World
    store: MemoryStore

    def holders(self) -> Sequence[str]:
        return ["a", "b", "c"]

    def roll(self, version: int, former: int) -> None:
        for index in range(len(self.world.held_by)):
            fate = self.world.step(DeploymentFailed)
            self.world.held_by[index] = version
            assert self.store.read(NAME, version).reveal() in self.world.accepted
            self.world.after(fate)

    def prune(self, keep: int, version: int | None = None) -> Sequence[int]:
        return []

    def held(self) -> frozenset[int]:
        return frozenset(self.world.held_by)


def _make(secret: Secret) -> Value:
    return Value(str(len(secret.versions) + 1).encode())


calls = st.lists(st.sampled_from(["run", "abort", "back"]), min_size=1, max_size=6)
fates = st.lists(st.sampled_from(FATES), max_size=40)


@given(calls, fates, st.sampled_from(["run", "abort"]))
def test_the_end_is_consistent(calls: list[str], fates: list[str], last: str) -> None:
    world = World(chain(fates, repeat(FATES[0])))
    store = MemoryStore()
    store.create(NAME, Value(b"1"))
    rotation = Rotation(store, NAME, Backing(world), [Services(world, store)], keep=2)
    for call in calls:
        with suppress(Killed, StrongroomError):
            rotation.run(_make) if call == "run" else getattr(rotation, call)()
        # Whatever happened: no service holds what the system does not accept.
        assert {store.read(NAME, version).reveal() for version in world.held_by} <= world.accepted
    world.fates = repeat(FATES[0])
    if Stage.PENDING in store.inspect(NAME).stages and last == "abort":
        rotation.abort()
    else:
        rotation.run(_make)
    secret = store.inspect(NAME)
    current = secret.stages[Stage.CURRENT]
    assert Stage.PENDING not in secret.stages
    assert set(world.held_by) == {current}
    assert world.accepted == {store.read(NAME).reveal()}
    if Stage.PREVIOUS in secret.stages:
        store.read(NAME, Stage.PREVIOUS)


def test_a_failure_is_undone() -> None:
    world = World(chain([FATES[0]] * 3, ["fails"], repeat(FATES[0])))
    store = MemoryStore()
    store.create(NAME, Value(b"1"))
    with pytest.raises(RotationFailed, match="Version 1 of 'db' is current everywhere"):
        Rotation(store, NAME, Backing(world), [Services(world, store)], keep=2).run(_make)
    assert world.held_by == [1, 1, 1]
    assert world.accepted == {b"1"}
    assert store.inspect(NAME).stages == {Stage.CURRENT: 1}
