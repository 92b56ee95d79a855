"""``vault://`` against a real OpenBao."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from servers import OpenBao
from strongroom.stores.base import Store
from strongroom.stores.registry import open_store
from strongroom.stores.testing import StoreConformance


class TestKv2(StoreConformance):
    @pytest.fixture
    def store(self, vault: OpenBao) -> Iterator[Store]:
        store = open_store(f"vault://secret/conformance/{secrets.token_hex(4)}")
        yield store
        store.close()


class TestKv1(StoreConformance):
    @pytest.fixture
    def store(self, vault: OpenBao) -> Iterator[Store]:
        store = open_store("vault://kv1/conformance")
        yield store
        store.close()
