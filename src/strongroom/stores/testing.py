"""The suite that every store passes.

A store's author subclasses it and gives a fixture ``store``:

>>> class TestMyStore(StoreConformance):  # doctest: +SKIP
...     @pytest.fixture
...     def store(self): return MyStore(...)

What a store cannot do, by its ``capabilities``, it is not tested for; a store that cannot write must refuse to.
Needs pytest.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import pytest

from ..errors import InvalidName, InvalidValue, SecretExists, SecretNotFound, StoreUnsupported
from ..model import MAX_VALUE_BYTES, Name, Stage, Value
from .base import Capability, Store


def sample() -> Value:
    """Return a value that nobody else has."""
    return Value(secrets.token_hex(16).encode())


class StoreConformance:
    """What must hold of every store. Names are made anew, so that a store may keep what other tests left."""

    @pytest.fixture
    def store(self) -> Store:
        """Return the store to test."""
        raise NotImplementedError

    # A store that takes less than Docker, or labels of fewer kinds, says so here, and must refuse all else.
    max_bytes = MAX_VALUE_BYTES
    labels: Mapping[str, str] = {"team": "payments", "пароль": "é=1"}

    @pytest.fixture
    def name(self) -> Name:
        """Return a name that is not in the store."""
        return Name(f"conformance-{secrets.token_hex(6)}")

    @pytest.fixture(autouse=True)
    def _needs(self, store: Store, request: pytest.FixtureRequest) -> None:
        marker = request.node.get_closest_marker("needs")
        if missing := set(marker.args if marker else ()) - store.capabilities:
            pytest.skip(f"the store does not {', '.join(sorted(missing))}")

    def test_says_where_it_is(self, store: Store) -> None:
        """A place for messages."""
        assert store.place

    @pytest.mark.needs(Capability.WRITE)
    def test_reads_what_was_created(self, store: Store, name: Name) -> None:
        """The value comes back, as version 1 and current."""
        value = sample()
        store.create(name, value)
        assert store.read(name) == value
        assert store.read(name, 1) == value
        assert store.read(name, Stage.CURRENT) == value

    @pytest.mark.needs(Capability.WRITE)
    @pytest.mark.parametrize(
        "data",
        [b"\x00", b"\xff\xfe\x00\r\n", b"hunter2 and more\n", " пароль 🔑 ".encode(), bytes(range(256))],
        ids=["nul", "binary", "newline", "unicode", "every byte"],
    )
    def test_keeps_bytes_exactly(self, store: Store, name: Name, data: bytes) -> None:
        """No byte is lost, added or changed."""
        store.create(name, Value(data))
        assert store.read(name).reveal() == data

    @pytest.mark.needs(Capability.WRITE)
    def test_keeps_the_largest_value(self, store: Store, name: Name) -> None:
        """Docker's limit is a value's limit."""
        value = Value(b"x" * self.max_bytes)
        store.create(name, value)
        assert store.read(name) == value

    @pytest.mark.needs(Capability.WRITE)
    def test_too_large_for_the_store(self, store: Store, name: Name) -> None:
        """What the store cannot take is refused by its size, and nothing is left of it."""
        if self.max_bytes == MAX_VALUE_BYTES:
            pytest.skip("the store takes whatever Docker takes")
        with pytest.raises(InvalidValue, match=f"{self.max_bytes:,}"):
            store.create(name, Value(b"x" * (self.max_bytes + 1)))
        with pytest.raises(SecretNotFound):
            store.read(name)

    def test_no_store_gets_a_value_out_of_bounds(self) -> None:
        """Docker's limits hold before a store is asked."""
        for data in (b"", b"x" * (MAX_VALUE_BYTES + 1)):
            with pytest.raises(InvalidValue):
                Value(data)

    def test_missing_secret(self, store: Store, name: Name) -> None:
        """A missing secret is an error that names it and the place."""
        with pytest.raises(SecretNotFound, match=name) as caught:
            store.read(name)
        assert store.place in str(caught.value)

    @pytest.mark.needs(Capability.WRITE)
    def test_missing_secret_is_never_made_by_another_verb(self, store: Store, name: Name) -> None:
        """Only create creates."""
        for call in (
            lambda: store.write(name, sample()),
            lambda: store.inspect(name),
            lambda: store.move_stage(name, Stage.CURRENT, 1),
            lambda: store.set_labels(name, {}),
            lambda: store.destroy(name, 1),
            lambda: store.remove(name),
        ):
            with pytest.raises(SecretNotFound):
                call()

    @pytest.mark.needs(Capability.WRITE)
    def test_create_does_not_replace(self, store: Store, name: Name) -> None:
        """A second create fails and changes nothing."""
        value = sample()
        store.create(name, value)
        with pytest.raises(SecretExists, match=name):
            store.create(name, sample())
        assert store.read(name) == value

    @pytest.mark.needs(Capability.WRITE, Capability.VERSIONS)
    def test_write_makes_a_version(self, store: Store, name: Name) -> None:
        """The new version is current, the one before it previous, and both are readable."""
        first, second, third = sample(), sample(), sample()
        store.create(name, first)
        assert store.write(name, second) == 2
        assert store.write(name, third) == 3
        assert store.read(name) == third
        assert store.read(name, Stage.PREVIOUS) == second
        assert [store.read(name, number) for number in (1, 2, 3)] == [first, second, third]
        assert dict(store.inspect(name).stages) == {Stage.CURRENT: 3, Stage.PREVIOUS: 2}

    @pytest.mark.needs(Capability.WRITE, Capability.VERSIONS)
    def test_same_value_again_is_a_version(self, store: Store, name: Name) -> None:
        """A write is a version, whatever its value."""
        value = sample()
        store.create(name, value)
        assert store.write(name, value) == 2

    @pytest.mark.needs(Capability.WRITE, Capability.STAGES)
    def test_pending_is_not_read_until_it_is_current(self, store: Store, name: Name) -> None:
        """The steps of a rotation."""
        old, new = sample(), sample()
        store.create(name, old)
        assert store.write(name, new, Stage.PENDING) == 2
        assert store.read(name) == old
        assert store.read(name, Stage.PENDING) == new
        store.move_stage(name, Stage.CURRENT, 2)
        assert store.read(name) == new
        assert dict(store.inspect(name).stages) == {Stage.CURRENT: 2, Stage.PREVIOUS: 1}

    @pytest.mark.needs(Capability.WRITE, Capability.STAGES)
    def test_rotation_that_is_given_up(self, store: Store, name: Name) -> None:
        """Taking pending away changes nothing else."""
        store.create(name, sample())
        store.write(name, sample(), Stage.PENDING)
        store.move_stage(name, Stage.PENDING, None)
        assert dict(store.inspect(name).stages) == {Stage.CURRENT: 1}
        with pytest.raises(SecretNotFound, match="pending"):
            store.read(name, Stage.PENDING)

    @pytest.mark.needs(Capability.WRITE, Capability.STAGES)
    def test_rollback(self, store: Store, name: Name) -> None:
        """Current and previous trade places, and moving a stage to where it is changes nothing."""
        first, second = sample(), sample()
        store.create(name, first)
        store.write(name, second)
        for _ in range(2):
            store.move_stage(name, Stage.CURRENT, 1)
            assert dict(store.inspect(name).stages) == {Stage.CURRENT: 1, Stage.PREVIOUS: 2}
        assert store.read(name) == first

    @pytest.mark.needs(Capability.WRITE, Capability.STAGES)
    def test_current_is_never_taken_away(self, store: Store, name: Name) -> None:
        """A secret always has a current version."""
        store.create(name, sample())
        with pytest.raises(StoreUnsupported):
            store.move_stage(name, Stage.CURRENT, None)
        with pytest.raises(SecretNotFound):
            store.move_stage(name, Stage.CURRENT, 7)
        assert dict(store.inspect(name).stages) == {Stage.CURRENT: 1}

    @pytest.mark.needs(Capability.WRITE, Capability.DESTROY, Capability.VERSIONS)
    def test_destroy(self, store: Store, name: Name) -> None:
        """A destroyed version is gone, its number is not used again, and destroying it again does nothing."""
        store.create(name, sample())
        store.write(name, sample())
        store.destroy(name, 1)
        store.destroy(name, 1)
        with pytest.raises(SecretNotFound, match="1"):
            store.read(name, 1)
        with pytest.raises(SecretNotFound):
            store.move_stage(name, Stage.CURRENT, 1)
        secret = store.inspect(name)
        assert dict(secret.stages) == {Stage.CURRENT: 2}
        assert [version.destroyed_at is not None for version in secret.versions] == [True, False]
        assert store.write(name, sample()) == 3

    @pytest.mark.needs(Capability.WRITE, Capability.DESTROY)
    def test_destroy_spares_the_current_version(self, store: Store, name: Name) -> None:
        """What is being read is not destroyed."""
        value = sample()
        store.create(name, value)
        with pytest.raises(StoreUnsupported):
            store.destroy(name, 1)
        with pytest.raises(SecretNotFound):
            store.destroy(name, 2)
        assert store.read(name) == value

    @pytest.mark.needs(Capability.WRITE)
    def test_remove(self, store: Store, name: Name) -> None:
        """A removed secret is gone with all its versions, and its name is free again."""
        store.create(name, sample())
        store.write(name, sample())
        store.remove(name)
        for version in (Stage.CURRENT, Stage.PREVIOUS, 1, 2):
            with pytest.raises(SecretNotFound):
                store.read(name, version)
        value = sample()
        store.create(name, value)
        assert store.read(name) == value
        assert len(store.inspect(name).versions) == 1

    @pytest.mark.needs(Capability.WRITE, Capability.LIST)
    def test_list(self, store: Store, name: Name) -> None:
        """Every secret is listed, by name, as inspect shows it."""
        names = [Name(f"{name}-{letter}") for letter in "bac"]
        for each in names:
            store.create(each, sample())
        listed = store.list()
        assert [secret.name for secret in listed] == sorted(secret.name for secret in listed)
        assert set(names) <= {secret.name for secret in listed}
        assert next(secret for secret in listed if secret.name == names[0]) == store.inspect(names[0])

    @pytest.mark.needs(Capability.WRITE, Capability.LABELS)
    def test_labels(self, store: Store, name: Name) -> None:
        """Labels are kept, replaced as a whole, and checked."""
        store.create(name, sample(), self.labels)
        assert store.inspect(name).labels == self.labels
        store.set_labels(name, {"team": "search"})
        assert dict(store.inspect(name).labels) == {"team": "search"}
        with pytest.raises(InvalidName):
            store.set_labels(name, {"": "x"})

    @pytest.mark.needs(Capability.WRITE)
    def test_inspect(self, store: Store, name: Name) -> None:
        """Metadata is complete, in order, and shows no value."""
        value = sample()
        created = store.create(name, value)
        secret = store.inspect(name)
        assert secret == created
        assert secret.name == name
        assert secret.created_at.tzinfo is not None
        assert secret.created_at <= secret.updated_at
        assert value.reveal().decode() not in repr(secret)

    @pytest.mark.needs(Capability.WRITE)
    def test_read_many(self, store: Store, name: Name) -> None:
        """Several values come in the order asked for; one that is missing fails the whole."""
        first, second = sample(), sample()
        other = Name(f"{name}-other")
        store.create(name, first)
        store.create(other, second)
        assert store.read_many([(other, Stage.CURRENT), (name, 1)]) == [second, first]
        assert store.read_many([]) == []
        with pytest.raises(SecretNotFound):
            store.read_many([(name, Stage.CURRENT), (Name(f"{name}-missing"), Stage.CURRENT)])

    def test_read_only_store_refuses_by_name(self, store: Store, name: Name) -> None:
        """A store that cannot write says so."""
        if Capability.WRITE not in store.capabilities:
            with pytest.raises(StoreUnsupported):
                store.create(name, sample())
