"""``command://`` with programs of a test's own, and ``sops://`` with one that stands in for ``sops``."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pyrage
import pytest

import leaks
from strongroom.errors import (
    AccessDenied,
    InvalidReference,
    InvalidValue,
    SecretNotFound,
    StoreRefused,
    StoreUnavailable,
    StoreUnsupported,
)
from strongroom.model import Name, Value
from strongroom.references import Reference
from strongroom.stores.base import Store
from strongroom.stores.registry import open_store, read_references
from strongroom.stores.testing import StoreConformance


def _read(*texts: str, limit: float = 30) -> list[str]:
    return [each.value.reveal().decode() for each in read_references([Reference.parse(text) for text in texts], limit)]


def _program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    """Return a program that prints what lies in a folder: it stands for somebody's password manager."""
    (tmp_path / "kept").mkdir()
    script = f"""#!/bin/sh
case "$1" in busy) echo "come back" >&2; exit 75 ;; slow) sleep 60 & wait ;; empty) exit 0 ;; esac
cat "{tmp_path}/kept/$1" 2>/dev/null || {{ echo "line one" >&2; echo "there is no $1" >&2; exit 4; }}
"""
    return _program(tmp_path / "my vault", script)


class TestCommandStore(StoreConformance):
    @pytest.fixture
    def store(self, vault: Path) -> Store:
        return open_store(f"command://'{vault}'")

    def test_reads(self, store: Store, tmp_path: Path) -> None:
        value = leaks.fresh()
        (tmp_path / "kept/db_password").write_text(value)
        assert store.read(Name("db_password")).reveal().decode() == value
        with pytest.raises(SecretNotFound, match=r"secret 'other' not found: .* status 4: there is no other\. Put it"):
            store.read(Name("other"))


def test_what_a_command_prints(vault: Path, tmp_path: Path) -> None:
    password = leaks.fresh()
    (tmp_path / "kept/db").write_text(json.dumps({"user": "app", "password": password}))
    (tmp_path / "kept/token").write_text(f"{password}\n")
    command = f"command://'{vault}'"
    assert _read(f"{command} db#password", f"{command} token") == [password, f"{password}\n"]


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        ("other", SecretNotFound, "it ended with status 4: there is no other"),
        ("busy", StoreUnavailable, r"has no value now: it ended with status 75: come back\. It was tried \d+ times"),
        ("slow", StoreUnavailable, r"did not end within \d\.\d seconds for command://"),
        ("empty", InvalidValue, "a secret cannot be empty"),
        ("x?version=2", StoreUnsupported, "has no versions"),
    ],
)
def test_a_command_that_gives_nothing(vault: Path, words: str, error: type[Exception], says: str) -> None:
    began = time.monotonic()
    with pytest.raises(error, match=says):
        _read(f"command://'{vault}' {words}", limit=0.5)
    assert time.monotonic() - began < 20  # and not the minute that its child sleeps


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("command:///nowhere/at/all x", StoreRefused, "needs the program /nowhere/at/all, which is not installed"),
        ("command:///etc/passwd", StoreRefused, "cannot be run: Permission denied"),
        ("command://'unclosed", InvalidReference, "names no program"),
        ("sops:///nowhere.yaml", SecretNotFound, "there is no file /nowhere.yaml"),
    ],
)
def test_what_cannot_be_run(text: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        _read(text)


_SOPS = f"""#!{sys.executable}
import os, sys
from pathlib import Path
import pyrage
arguments = sys.argv[1:]
document = arguments[:3] == ["--decrypt", "--output-type", "json"]
assert document or arguments[:1] == ["--decrypt"], arguments
sealed = Path(arguments[-1]).read_bytes()
if sealed == b"changed":
    os._exit(51)
if sealed == b"no sops":
    print("sops metadata not found", file=sys.stderr)
    os._exit(1)
try:
    key = pyrage.x25519.Identity.from_str(Path(os.environ["SOPS_AGE_KEY_FILE"]).read_text())
    data = pyrage.decrypt(sealed, [key])
except Exception:
    os._exit(128)
sys.stdout.buffer.write(data)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with files that ``sops`` opens with the key that is there."""
    (tmp_path / "bin").mkdir()
    _program(tmp_path / "bin/sops", _SOPS)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "keys.txt").write_text(str(key))
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(tmp_path / "keys.txt"))
    document = {"db": {"user": "app", "password": "hunter2 and more", "port": 5432}, "api_key": "abc", "list": [1]}
    for name, data in (("s.enc.yaml", json.dumps(document).encode()), ("tls.key", b"\x00\xff key")):
        (tmp_path / name).write_bytes(pyrage.encrypt(data, [key.to_public()]))
    return tmp_path


class TestSopsStore(StoreConformance):
    @pytest.fixture
    def store(self, folder: Path) -> Store:
        return open_store(f"sops://{folder}/s.enc.yaml")

    def test_lists_and_reads(self, store: Store) -> None:
        assert [each.name for each in store.list()] == ["api_key", "db.password", "db.port", "db.user", "list"]
        assert store.read(Name("db.password")).reveal() == b"hunter2 and more"


def test_what_sops_opens(folder: Path) -> None:
    uri = f"sops://{folder}/s.enc.yaml"
    assert _read(f"{uri}#db.password", f"{uri}#db.port", f"{uri}#list") == ["hunter2 and more", "5432", "[1]"]
    (binary,) = read_references([Reference.parse(f"sops://{folder}/tls.key")])
    assert binary.value.reveal() == b"\x00\xff key"


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (b"changed", StoreRefused, "was changed after it was encrypted"),
        (b"no sops", StoreRefused, "cannot be read: sops: sops metadata not found"),
        (b"else", AccessDenied, "sops has no key that opens it"),
    ],
)
def test_what_sops_does_not_open(folder: Path, content: bytes, error: type[Exception], says: str) -> None:
    (folder / "x.yaml").write_bytes(content)
    with pytest.raises(error, match=f"sops://{folder}/x.yaml.* {says}|sops://{folder}/x.yaml: {says}"):
        _read(f"sops://{folder}/x.yaml#db")


def test_sops_is_not_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(StoreRefused, match="needs the program sops, which is not installed"):
        _read(f"sops://{folder}/s.enc.yaml#api_key")


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for programs, which are all that there are; a password store has one entry."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/db.gpg").write_bytes(b"sealed")
    (tmp_path / "programs").mkdir()
    monkeypatch.setenv("PASSWORD_STORE_DIR", str(tmp_path / "kept"))
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    return tmp_path / "programs"


@pytest.mark.parametrize(
    ("gpg", "error", "says"),
    [
        ("", StoreRefused, "pass://db needs the program gpg, which is not installed"),
        ("/bin/sleep 60", StoreUnavailable, r"gpg did not end within 0\.3 seconds for pass://db"),
        ("echo half; exit 0", StoreRefused, "pass://db cannot be read: it is cut short"),
        ("echo half; echo 'gpg: no valid data' >&2; exit 2", StoreRefused, "cannot be read: gpg: no valid data"),
        ("echo 'gpg: decryption failed: No pinentry' >&2; exit 2", AccessDenied, "cannot be opened: .*No pinentry"),
    ],
    ids=["missing", "slow", "half", "damaged", "locked"],
)
def test_gpg_that_gives_nothing(entry: Path, gpg: str, error: type[Exception], says: str) -> None:
    if gpg:
        _program(entry / "gpg", f"#!/bin/sh\n{gpg}\n")
    with pytest.raises(error, match=says):
        _read("pass://db", limit=0.3)


def test_pass_that_writes_nothing(entry: Path) -> None:
    store = open_store("pass://")
    _program(entry / "gpg", "#!/bin/sh\nexit 2\n")
    with pytest.raises(StoreRefused, match="pass://new needs the program pass, which is not installed"):
        store.create(Name("new"), Value(b"value"))
    _program(entry / "pass", "#!/bin/sh\necho 'Error: you must run pass init' >&2\nexit 1\n")
    with pytest.raises(StoreRefused, match="pass://new: 'pass insert' failed: Error: you must run pass init"):
        store.create(Name("new"), Value(b"value"))


def test_sops_that_is_slow(folder: Path) -> None:
    _program(folder / "bin/sops", "#!/bin/sh\nsleep 60\n")
    with pytest.raises(StoreUnavailable, match=r"sops did not end within 0\.3 seconds for sops://"):
        _read(f"sops://{folder}/s.enc.yaml#api_key", limit=0.3)
