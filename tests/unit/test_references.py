"""References, and reading them by the stores that need no server."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import leaks
from strongroom.errors import InvalidReference, SecretNotFound, StoreUnavailable, StoreUnsupported
from strongroom.model import Name, Stage
from strongroom.references import Reference
from strongroom.stores.base import Store
from strongroom.stores.registry import References, open_store, read_references
from strongroom.stores.retry import Deadline, patiently, side_by_side
from strongroom.stores.testing import StoreConformance


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("vault://secret/myapp/db#password", Reference("vault", "secret/myapp/db", "password")),
        ("aws://myapp/production/credentials#*", Reference("aws", "myapp/production/credentials", "*")),
        ("vault://secret/db?version=3#password", Reference("vault", "secret/db", "password", 3)),
        ("vault://secret/db#password?version=3", Reference("vault", "secret/db", "password", 3)),
        ("aws://db?version=previous", Reference("aws", "db", None, Stage.PREVIOUS)),
        ("aws://db?version=0a1b-2c", Reference("aws", "db", None, "0a1b-2c")),
        ("file:///run/a%23b%3F%25#x%23y", Reference("file", "/run/a#b?%", "x#y")),
        ("pass://дом/пароль", Reference("pass", "дом/пароль")),
    ],
)
def test_parse(text: str, parsed: Reference) -> None:
    assert Reference.parse(text) == parsed
    assert Reference.parse(str(parsed)) == parsed


@pytest.mark.parametrize(
    "text",
    ["", "db_password", "vault:secret/db", "vault://", "vault://#x", "vault://a#", "vault://a?version=", "vault://a?x=1",
     "vault://a?version=1#b?version=2", "vault://a?version=1&x=2", "vault://a?version=0", "Vault://a", "vault://a\nb"],
)  # fmt: skip
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(InvalidReference):
        Reference.parse(text)


def test_a_value_in_the_place_of_a_reference_is_not_shown() -> None:
    value = leaks.fresh()
    with pytest.raises(InvalidReference) as caught:
        Reference.parse(value)
    assert value not in str(caught.value)


def test_many_references_of_several_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = leaks.fresh(), leaks.fresh(), leaks.fresh()
    (tmp_path / "db.json").write_text(json.dumps({"user": first, "password": second, "port": 5432}))
    monkeypatch.setenv("API_KEY", third)
    texts = [
        f"file://{tmp_path}/db.json#password",
        "env://API_KEY",
        f"file://{tmp_path}/db.json#*",
        "env://API_KEY#value",
    ]
    password, key, every, same = read_references([Reference.parse(text) for text in texts])
    assert password.value.reveal().decode() == second
    assert key.value.reveal().decode() == same.value.reveal().decode() == third
    assert {name: value.reveal().decode() for name, value in every.values.items()} == {
        "user": first, "password": second, "port": "5432",
    }  # fmt: skip
    assert password.lease is None
    assert first not in repr(every)


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("env://NOT_THERE_AT_ALL", SecretNotFound, "not set"),
        ("file:///nowhere/at/all", SecretNotFound, "no file"),
        ("file:///{}/db.json#nothing", SecretNotFound, "its fields: password"),
        ("file:///{}/db.json?version=3", StoreUnsupported, "no versions"),
        ("ftp://x", StoreUnsupported, "no store is known for ftp://"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, text: str, error: type[Exception], says: str) -> None:
    (tmp_path / "db.json").write_text('{"password": "x"}')
    reference = Reference.parse(text.replace("/{}", str(tmp_path)))
    with pytest.raises(error, match=says):
        read_references([reference])
    (found,) = References().try_read([reference])
    assert isinstance(found, error)


@pytest.mark.parametrize(
    ("scheme", "module"),
    [("aws", "boto3"), ("azure", "azure.keyvault.secrets"), ("gcp", "google.cloud.secretmanager_v1")],
)
def test_an_sdk_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, scheme: str, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(StoreUnsupported, match=rf"{scheme}:// needs .* pip install 'strongroom\[{scheme}\]'"):
        read_references([Reference.parse(f"{scheme}://a/b")])


class TestFileStore(StoreConformance):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return open_store(f"file://{tmp_path}")

    def test_lists(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "db_password").write_text(leaks.fresh())
        (tmp_path / ".hidden").write_text("x")
        assert [each.name for each in store.list()] == ["db_password"]


class TestEnvironmentStore(StoreConformance):
    @pytest.fixture
    def store(self) -> Store:
        return open_store("env://APP_")

    def test_reads(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        value = leaks.fresh()
        monkeypatch.setenv("APP_db_password", value)
        assert store.read(Name("db_password")).reveal().decode() == value
        with pytest.raises(StoreUnsupported, match="cannot be listed"):
            store.list()


def test_what_can_pass_is_tried_again() -> None:
    answers = [StoreUnavailable("sealed."), StoreUnavailable("sealed.")]

    def call() -> str:
        if answers:
            raise answers.pop()
        return "done"

    assert patiently(call, Deadline(30)) == "done"


def test_patience_ends_at_the_deadline() -> None:
    def call() -> None:
        raise StoreUnavailable("sealed.")

    with pytest.raises(StoreUnavailable, match=r"sealed\. It was tried \d+ times within 0.5 seconds"):
        patiently(call, Deadline(0.5))


def test_what_may_have_been_done_is_not_done_again() -> None:
    calls = []

    def call() -> None:
        calls.append(1)
        raise StoreUnavailable("cut short.", sent=True)

    with pytest.raises(StoreUnavailable):
        patiently(call, Deadline(30), repeatable=False)
    assert len(calls) == 1


def test_side_by_side_keeps_the_order_and_each_error_in_its_place() -> None:
    def call(number: int) -> int:
        if number == 7:
            raise StoreUnavailable("seven")
        return number

    found = side_by_side(call, range(40))
    assert [each for each in found if isinstance(each, int)] == [*range(7), *range(8, 40)]
    assert isinstance(found[7], StoreUnavailable)
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda number: 1 // number, range(3))
