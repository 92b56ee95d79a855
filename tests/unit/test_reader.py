"""What the vectors cannot say of the Python reader: its cache, its types, and what it never shows."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

import strongroom
from strongroom import reader


@pytest.fixture
def secrets_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    monkeypatch.setattr(reader, "_cache", {})
    return tmp_path


def count_opens(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    opened: list[str] = []
    real = os.open

    def counting(path: str, flags: int) -> int:
        opened.append(path)
        return real(path, flags)

    monkeypatch.setattr(os, "open", counting)
    return opened


def test_unchanged_file_is_opened_once(secrets_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (secrets_dir / "key").write_text("value\n")
    monkeypatch.setattr(reader, "_TICK_NS", -(10**12))
    opened = count_opens(monkeypatch)
    assert [strongroom.get_secret("key") for _ in range(3)] == ["value"] * 3
    assert strongroom.get_secret_bytes("key") == b"value\n"
    assert len(opened) == 1


def test_file_that_just_changed_is_read_again(secrets_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (secrets_dir / "key").write_text("value")
    opened = count_opens(monkeypatch)
    strongroom.get_secret("key")
    strongroom.get_secret("key")
    assert len(opened) == 2


def test_cached_file_that_changes_is_seen(secrets_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_TICK_NS", -(10**12))
    file = secrets_dir / "key"
    file.write_text("first")
    assert strongroom.get_secret("key") == "first"
    replacement = secrets_dir / "new"
    replacement.write_text("other")
    replacement.rename(file)
    assert strongroom.get_secret("key") == "other"
    file.unlink()
    assert strongroom.get_secret("key", None) is None


def test_cached_file_that_becomes_unreadable_is_an_error(secrets_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_TICK_NS", -(10**12))
    file = secrets_dir / "key"
    file.write_text("first")
    strongroom.get_secret("key")
    file.unlink()
    file.mkdir()
    with pytest.raises(strongroom.SecretUnreadable):
        strongroom.get_secret("key")


def test_not_found_knows_its_places(secrets_dir: Path) -> None:
    with pytest.raises(strongroom.SecretNotFound) as caught:
        strongroom.get_secret("api-key")
    assert caught.value.name == "api-key"
    assert caught.value.places == (f"no file {secrets_dir}/api-key", "API_KEY_FILE is not set", "API_KEY is not set")
    assert isinstance(caught.value, LookupError)


@pytest.mark.parametrize("name", ["\ud800", "a\0b", "../x"])
@pytest.mark.usefixtures("secrets_dir")
def test_refused_names(name: str) -> None:
    with pytest.raises(strongroom.InvalidName):
        strongroom.get_secret(name, "default")


def test_path_with_nul_in_file_variable(secrets_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"SECRETS_DIR": str(secrets_dir), "KEY_FILE": "a\0b"})
    with pytest.raises(strongroom.SecretUnreadable, match="NUL"):
        strongroom.get_secret("key")


def test_errors_and_cache_show_no_value(secrets_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_TICK_NS", -(10**12))
    (secrets_dir / "key").write_bytes(b"\xffhunter2")
    with pytest.raises(strongroom.NotText) as caught:
        strongroom.get_secret("key")
    shown = "".join(traceback.format_exception(caught.value, limit=None))
    assert "hunter2" not in shown
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "hunter2" not in repr(reader._cache)


def test_bytes_are_accepted_for_validation(secrets_dir: Path) -> None:
    (secrets_dir / "key").write_text("value\n")
    assert strongroom.validate_password(b"value", "key")
    assert not strongroom.validate_password(b"\xff", "key")
    assert not strongroom.validate_password("\ud800", "key")


def test_import_loads_only_the_standard_library() -> None:
    code = "import sys; before = set(sys.modules); import strongroom; print('\\n'.join(set(sys.modules) - before))"
    ran = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    loaded = {module.partition(".")[0] for module in ran.stdout.split()} - {"strongroom"}
    assert loaded <= sys.stdlib_module_names
    assert "strongroom.reader" in ran.stdout
    assert "strongroom.model" not in ran.stdout
