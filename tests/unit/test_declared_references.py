"""Secrets that the Compose file says come from a reference."""

from __future__ import annotations

from pathlib import Path

import pytest

import leaks
from strongroom import compose
from strongroom.delivery import declared
from strongroom.delivery.declared import Kind
from strongroom.errors import DeclarationError, SecretNotFound
from strongroom.references import Reference
from strongroom.stores.registry import open_store


def _project(source: str, **secret: object) -> compose.Project:
    document = {
        "services": {"api": {"secrets": ["db_password"]}},
        "secrets": {"db_password": secret or {"external": True}},
        "x-strongroom": {"secrets": {"db_password": {"from": source}}},
    }
    return compose.parse(document, Path("compose.yaml"))


def test_the_value_comes_from_where_the_project_says(tmp_path: Path) -> None:
    value = leaks.fresh()
    (tmp_path / "db").write_text(value)
    project = _project(f"file://{tmp_path}/db")
    assert project.secrets["db_password"].reference == Reference("file", f"{tmp_path}/db")
    sources = declared.locate(project.used, None)
    assert [each.kind for each in sources] == [Kind.REFERENCE]
    declared.require(sources)
    assert [each.reveal().decode() for each in declared.values(sources, None)] == [value]


def test_a_reference_that_names_nothing(tmp_path: Path) -> None:
    project = _project(f"file://{tmp_path}/nothing")
    with pytest.raises(SecretNotFound, match="there is no file"):
        declared.values(declared.locate(project.used, None), None)


@pytest.mark.parametrize(
    ("source", "secret", "says"),
    [
        ("db_password", {}, "is not a reference"),
        ("vault://secret/db#*", {}, "name one field"),
        ("vault://secret/db#x", {"file": "./db"}, "external: true"),
    ],
)
def test_what_is_not_understood(source: str, secret: dict[str, object], says: str) -> None:
    with pytest.raises(DeclarationError, match=says):
        _project(source, **secret)


def test_a_store_without_versions_is_read_as_it_is_now(tmp_path: Path) -> None:
    value = leaks.fresh()
    (tmp_path / "db_password").write_text(value)
    store = open_store(f"file://{tmp_path}")
    document = {"services": {"api": {"secrets": ["db_password"]}}, "secrets": {"db_password": {"external": True}}}
    sources = declared.locate(compose.parse(document, Path("compose.yaml")).used, store)
    assert [each.kind for each in sources] == [Kind.REFERENCE]
    assert [each.reveal().decode() for each in declared.values(sources, store)] == [value]
