"""A Vault that is sealed in the middle of a rotation: what was begun is finished or undone when it answers again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

import leaks
from servers import OpenBao
from strongroom.errors import RotationFailed, StoreUnavailable
from strongroom.model import Name, Secret, Stage, Value
from strongroom.rotation.rotate import Rotation
from strongroom.stores.base import Store
from strongroom.stores.registry import open_store

NAME = Name("key")


@dataclass
class World:
    """A backing system and a service, and the step after which Vault is sealed."""

    vault: OpenBao
    store: Store
    seal_after: str
    accepted: set[bytes] = field(default_factory=set)
    held: int = 1

    def _sealing(self, step: str) -> None:
        if step == self.seal_after:
            self.seal_after = ""
            self.vault.seal()

    def next_value(self, current: Value, generated: Value) -> Value:
        self._sealing("next_value")
        return generated

    def allow(self, value: Value, other: Value) -> None:
        self.accepted = {value.reveal(), other.reveal()}
        self._sealing("allow")

    def test(self, value: Value) -> None:
        assert value.reveal() in self.accepted
        self._sealing("test")

    def only(self, value: Value, former: Value) -> None:
        self.accepted = {value.reveal()}
        self._sealing("only")

    def holders(self) -> Sequence[str]:
        return ["app"]

    def roll(self, version: int, former: int) -> None:
        assert self.store.read(NAME, version).reveal() in self.accepted
        self.held = version
        self._sealing("roll")

    def prune(self, keep: int, version: int | None = None) -> Sequence[int]:
        return []

    def held_versions(self) -> frozenset[int]:
        return frozenset({self.held})


class _Services:
    """The service, as a delivery."""

    def __init__(self, world: World) -> None:
        self.holders, self.roll, self.prune, self.held = world.holders, world.roll, world.prune, world.held_versions


def _make(_: Secret) -> Value:
    return Value(leaks.fresh().encode())


@pytest.mark.usefixtures("vault")
@pytest.mark.parametrize("ending", ["run", "abort"])
@pytest.mark.parametrize("step", ["next_value", "allow", "test", "roll", "only"])
def test_sealed_after_a_step(openbao: OpenBao, step: str, ending: str) -> None:
    store = open_store(f"vault://secret/sealed-{step}-{ending}", 0.5)
    store.create(NAME, Value(leaks.fresh().encode()))
    world = World(openbao, store, step, {store.read(NAME).reveal()})
    rotation = Rotation(store, NAME, world, [_Services(world)], keep=2)
    try:
        with pytest.raises((RotationFailed, StoreUnavailable), match="is sealed or not ready") as caught:
            rotation.run(_make)
    finally:
        openbao.unseal()
    begun = Stage.PENDING in store.inspect(NAME).stages
    assert begun == (step != "next_value")
    if begun:
        assert "still pending: finish it with: strongroom rotate key" in str(caught.value)
    assert store.read(NAME, world.held).reveal() in world.accepted
    rotation.abort() if begun and ending == "abort" else rotation.run(_make)
    stages = store.inspect(NAME).stages
    assert Stage.PENDING not in stages
    assert world.held == stages[Stage.CURRENT] == (1 if begun and ending == "abort" else 2)
    assert world.accepted == {store.read(NAME).reveal()}
    store.close()
