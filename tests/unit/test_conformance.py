"""The stores that need no server, held to the suite for all stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memory_store import MemoryStore
from strongroom.stores.base import Store
from strongroom.stores.testing import StoreConformance
from support import new_identity, new_store


class TestMemoryStore(StoreConformance):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()


class TestEmbeddedStore(StoreConformance):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = new_store(tmp_path, new_identity())
        yield store
        store.verify()
        store.close()
