"""The embedded store does what the simplest store does, whatever is done to it in whatever order."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from memory_store import MemoryStore
from strongroom.errors import StrongroomError
from strongroom.model import Name, Secret, Stage, Value
from strongroom.stores.embedded import EmbeddedStore
from support import ORIGIN, new_identity, new_store

IDENTITY = new_identity()
NAMES = st.sampled_from([Name("a"), Name("b-b"), Name("c.C_1")])
VALUES = st.binary(min_size=1, max_size=200).map(Value)
STAGES = st.sampled_from(list(Stage))
NUMBERS = st.integers(1, 5)
LABELS = st.dictionaries(st.from_regex(r"[a-zä.]{1,4}", fullmatch=True), st.text(max_size=5), max_size=3)


def seen(secret: Secret) -> tuple[object, ...]:
    """Return all that two stores must agree on."""
    versions = [(version.number, version.destroyed_at is not None) for version in secret.versions]
    return secret.name, dict(secret.labels), versions, dict(secret.stages)


class Stores(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.store = new_store(self.directory, IDENTITY)
        self.model = MemoryStore()

    def both(self, verb: str, *arguments: Any) -> None:
        """Do the same to both: the outcome is the same, be it an error."""
        outcomes = []
        for store in (self.store, self.model):
            try:
                result = getattr(store, verb)(*arguments)
            except StrongroomError as error:
                result = type(error)
            outcomes.append(seen(result) if isinstance(result, Secret) else result)
        assert outcomes[0] == outcomes[1]

    @rule(name=NAMES, value=VALUES, labels=LABELS)
    def create(self, name: Name, value: Value, labels: dict[str, str]) -> None:
        self.both("create", name, value, labels)

    @rule(name=NAMES, value=VALUES, stage=STAGES)
    def write(self, name: Name, value: Value, stage: Stage) -> None:
        self.both("write", name, value, stage)

    @rule(name=NAMES, version=NUMBERS | STAGES)
    def read(self, name: Name, version: int | Stage) -> None:
        self.both("read", name, version)

    @rule(name=NAMES, stage=STAGES, version=NUMBERS | st.none())
    def move_stage(self, name: Name, stage: Stage, version: int | None) -> None:
        self.both("move_stage", name, stage, version)

    @rule(name=NAMES, labels=LABELS)
    def set_labels(self, name: Name, labels: dict[str, str]) -> None:
        self.both("set_labels", name, labels)

    @rule(name=NAMES, version=NUMBERS)
    def destroy(self, name: Name, version: int) -> None:
        self.both("destroy", name, version)

    @rule(name=NAMES)
    def remove(self, name: Name) -> None:
        self.both("remove", name)

    @rule()
    def rekey(self) -> None:
        self.store.rekey()

    @rule()
    def open_again(self) -> None:
        self.store.close()
        self.store = EmbeddedStore(self.directory / ".strongroom", lambda: [IDENTITY], ORIGIN)

    @invariant()
    def agree(self) -> None:
        assert [seen(secret) for secret in self.store.list()] == [seen(secret) for secret in self.model.list()]

    def teardown(self) -> None:
        self.store.verify()
        self.store.close()
        shutil.rmtree(self.directory)


TestStores = Stores.TestCase
TestStores.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
