"""``pass://`` with the real programs ``pass`` and ``gpg``."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import leaks
from strongroom.errors import AccessDenied, InvalidReference, SecretNotFound, StoreRefused, StoreUnsupported
from strongroom.model import Name, Value
from strongroom.references import Reference
from strongroom.stores.base import Store
from strongroom.stores.registry import open_store, read_references
from strongroom.stores.testing import StoreConformance


def _insert(path: str, text: str) -> None:
    """Insert an entry as people do."""
    subprocess.run(["pass", "insert", "-m", path], input=text.encode(), check=True, capture_output=True)


def _read(*texts: str) -> list[str]:
    return [each.value.reveal().decode() for each in read_references([Reference.parse(text) for text in texts])]


class TestPass(StoreConformance):
    @pytest.fixture
    def store(self, passwords: Path) -> Iterator[Store]:
        assert passwords
        store = open_store("pass://conformance/strongroom")
        yield store
        store.close()


def test_what_people_keep(passwords: Path) -> None:
    assert passwords
    password = leaks.fresh()
    _insert("myapp/db", f"{password}\nuser: app\nurl: postgres://db:5432\n\nsome words\n")
    _insert("token", f"{password}\n")
    uri = "pass://myapp/db"
    assert _read(f"{uri}#password", f"{uri}#user", f"{uri}#url") == [password, "app", "postgres://db:5432"]
    assert _read(uri, "pass://token#password") == [_shown("myapp/db"), password]
    (every,) = read_references([Reference.parse(f"{uri}#*")])
    assert sorted(every.values) == ["password", "url", "user"]


def _shown(path: str) -> str:
    return subprocess.run(["pass", "show", path], check=True, capture_output=True).stdout.decode()


def test_many_at_once(passwords: Path) -> None:
    assert passwords
    for number in range(12):
        _insert(f"many/{number}", f"value {number}")
    assert _read(*(f"pass://many/{number}" for number in range(12))) == [f"value {number}" for number in range(12)]


def test_what_strongroom_writes_is_in_git(passwords: Path) -> None:
    subprocess.run(["pass", "git", "init"], check=True, capture_output=True)
    store, value = open_store("pass://myapp"), leaks.fresh()
    store.create(Name("api_key"), Value(value.encode()))
    assert _shown("myapp/api_key") == value
    log = subprocess.run(["git", "log", "--format=%s"], cwd=passwords, check=True, capture_output=True)
    assert b"myapp/api_key" in log.stdout
    assert [each.name for each in store.list()] == ["api_key"]
    store.close()


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        (
            "pass://nothing/there",
            SecretNotFound,
            r"there is no \S+/nothing/there\.gpg\. Make it: pass insert nothing/there",
        ),
        ("pass://myapp/db#nothing", SecretNotFound, "it has no field 'nothing' .its fields: password, user."),
        ("pass://myapp/db?version=2", StoreUnsupported, "has no versions"),
        ("pass://../outside", InvalidReference, "names no entry"),
    ],
)
def test_what_cannot_be_read(passwords: Path, text: str, error: type[Exception], says: str) -> None:
    assert passwords
    _insert("myapp/db", f"{leaks.fresh()}\nuser: app\n")
    with pytest.raises(error, match=says):
        _read(text)


def test_no_part_of_an_entry_is_taken_for_it(passwords: Path) -> None:
    _insert("db", leaks.fresh() * 20)
    whole = (passwords / "db.gpg").read_bytes()
    for length in (0, 1, 40, len(whole) // 3, len(whole) // 2, len(whole) - 40, len(whole) - 1):
        (passwords / "damaged.gpg").write_bytes(whole[:length])
        with pytest.raises(StoreRefused, match=r"pass://damaged cannot be (read|opened): "):
            _read("pass://damaged")


def test_somebody_elses_key(passwords: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert passwords
    _insert("theirs", leaks.fresh())
    with tempfile.TemporaryDirectory(prefix="gpg") as empty:
        monkeypatch.setenv("GNUPGHOME", empty)
        with pytest.raises(AccessDenied, match="pass://theirs cannot be opened: gpg: decryption failed: No secret key"):
            _read("pass://theirs")
        subprocess.run(["gpgconf", "--kill", "gpg-agent"], check=True)


def test_where_gopass_keeps_it(passwords: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _insert("token", "from gopass")
    theirs = tmp_path / "home/.local/share/gopass/stores/root"
    theirs.parent.mkdir(parents=True)
    passwords.rename(theirs)
    monkeypatch.delenv("PASSWORD_STORE_DIR")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert _read("pass://token") == ["from gopass"]
