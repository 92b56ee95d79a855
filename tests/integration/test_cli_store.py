"""``init``, identities and passphrases, recipients, ``rekey``, bundles, and the audit, as processes."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

import pytest

import leaks
from cli import Cli


def ssh_key(path: Path) -> Path:
    """Make an SSH key without a passphrase. (cryptography's, since a machine may have no ssh-keygen.)"""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = Ed25519PrivateKey.generate()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    path.with_name(f"{path.name}.pub").write_bytes(
        key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b" me@laptop\n"
    )
    return path


def stranger(cli: Cli, tmp_path: Path) -> tuple[Cli, str]:
    """Return the same project as seen by somebody else, and their public key."""
    home, own = tmp_path / "stranger", tmp_path / "own"
    home.mkdir()
    own.mkdir()
    Cli(home, own)("init")
    key = Cli(home, own)("recipients", "ls", "--format", "{{.Recipient}}").out.strip()
    return Cli(home, cli.project), key


def test_init(empty: Cli) -> None:
    shown = empty("init").out
    identity = empty.home / ".config/strongroom/identity"
    assert stat.S_IMODE(identity.stat().st_mode) == 0o600
    assert stat.S_IMODE(identity.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((empty.project / ".strongroom").stat().st_mode) == 0o700
    assert str(identity) in shown
    assert "AGE-SECRET-KEY" not in shown
    assert (empty.project / ".strongroom/.gitignore").read_text() == "*\n"
    assert (empty.project / ".dockerignore").read_text() == ".strongroom\n"
    assert empty.project not in identity.parents


def test_init_keeps_what_is_in_dockerignore(empty: Cli) -> None:
    (empty.project / ".dockerignore").write_text("node_modules")
    empty("init")
    assert (empty.project / ".dockerignore").read_text() == "node_modules\n.strongroom\n"


def test_init_twice(cli: Cli) -> None:
    value = cli.secret("x")
    assert "already" in cli("init", status=1).stderr
    assert cli.reveal("x") == value


def test_second_project_uses_the_same_identity(cli: Cli, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    assert "(new" not in Cli(cli.home, other)("init").out


def test_passphrase(empty: Cli, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text(leaks.fresh("a passphrase ") + "\n")
    empty.environment["STRONGROOM_PASSPHRASE_FILE"] = str(file)
    empty("init", "--passphrase")
    assert b"AGE-SECRET-KEY" not in (empty.home / ".config/strongroom/identity").read_bytes()
    value = empty.secret("x")
    assert empty.reveal("x") == value
    file.write_text("another")
    assert "passphrase does not open" in empty("secret", "reveal", "x", status=1).stderr
    del empty.environment["STRONGROOM_PASSPHRASE_FILE"]
    assert "x" in empty("secret", "ls").out


def test_passphrase_without_a_terminal(empty: Cli) -> None:
    done = subprocess.run(
        ["setsid", "-w", "strongroom", "init", "--passphrase"], cwd=empty.project, stdin=subprocess.DEVNULL,
        env=empty.variables() | {"PATH": f"{Path(__import__('sys').executable).parent}:/usr/bin:/bin"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, "STRONGROOM_PASSPHRASE_FILE" in done.stderr) == (1, True)
    assert list(empty.project.iterdir()) == []


def test_passphrase_does_not_replace_an_identity(cli: Cli, tmp_path: Path) -> None:
    before = (cli.home / ".config/strongroom/identity").read_bytes()
    (tmp_path / "other").mkdir()
    other = Cli(cli.home, tmp_path / "other")
    assert "already" in other("init", "--passphrase", status=1).stderr
    assert (cli.home / ".config/strongroom/identity").read_bytes() == before


def test_identity_that_others_can_read_is_refused(cli: Cli) -> None:
    cli.secret("x")
    identity = cli.home / ".config/strongroom/identity"
    identity.chmod(0o644)
    assert "chmod 600" in cli("secret", "reveal", "x", status=1).stderr
    identity.chmod(0o600)
    cli("secret", "reveal", "x", reveals=True)


@pytest.mark.parametrize(
    "garbage", [b"", b"\xff\xfe\x00", b"AGE-SECRET-KEY-1NOT", b"-----BEGIN OPENSSH PRIVATE KEY-----"]
)
def test_identity_that_is_garbage(cli: Cli, tmp_path: Path, garbage: bytes) -> None:
    cli.secret("x")
    file = tmp_path / "garbage"
    file.touch(mode=0o600)
    file.write_bytes(garbage)
    assert "not an identity" in cli("--identity", str(file), "secret", "reveal", "x", status=1).stderr


def test_ssh_key_as_identity(empty: Cli) -> None:
    key = ssh_key(empty.home / ".ssh/id_ed25519")
    empty("--identity", str(key), "init")
    value = empty.secret("x")  # found at its usual place
    assert empty.reveal("x") == value
    assert not (empty.home / ".config").exists()
    assert "me@laptop" in empty("recipients", "ls").out


def test_recipients(cli: Cli, tmp_path: Path) -> None:
    value = cli.secret("x")
    other, key = stranger(cli, tmp_path)
    assert "no identity opens this store" in other("secret", "reveal", "x", status=1).stderr
    assert "recipient" in other("secret", "create", "y", "-", stdin="a value", status=1).stderr
    cli("recipients", "add", key)
    assert other.reveal("x") == value
    assert len(cli("recipients", "ls", "--format", "json").out.splitlines()) == 2
    cli("recipients", "rm", key)
    assert "no identity opens this store" in other("secret", "reveal", "x", status=1).stderr
    assert cli.reveal("x") == value
    cli("audit", "verify")


def test_recipient_from_a_file(cli: Cli) -> None:
    key = ssh_key(cli.home / "colleague")
    value = cli.secret("x")
    cli("recipients", "add", str(key.with_name("colleague.pub")))
    assert cli("--identity", str(key), "secret", "reveal", "x", reveals=True).out == value


@pytest.mark.parametrize("wrong", ["age1nonsense", "ssh-ed25519 AAAA", "/does/not/exist.pub", ""])
def test_recipient_that_is_none(cli: Cli, wrong: str) -> None:
    assert "is not a recipient" in cli("recipients", "add", wrong, status=1).stderr


def test_own_identity_given_as_recipient_is_not_shown(cli: Cli) -> None:
    secret_key = (cli.home / ".config/strongroom/identity").read_text().splitlines()[-1]
    message = cli("recipients", "add", secret_key, status=1).stderr
    assert "secret identity" in message
    assert secret_key not in message


def test_the_last_recipient_stays(cli: Cli) -> None:
    key = cli("recipients", "ls", "--format", "{{.Recipient}}").out.strip()
    cli("recipients", "rm", key, status=1)
    cli.secret("x")


def test_rekey(cli: Cli) -> None:
    value = cli.secret("x")
    cli("secret", "update", "x", "--generate", "20")
    assert cli("rekey").out.startswith("2 values")
    assert cli.reveal("x", "--version", "1") == value
    cli("audit", "verify")


def test_export_and_import(cli: Cli, tmp_path: Path) -> None:
    first = cli.secret("x", "-l", "team=web")
    second = leaks.fresh()
    cli("secret", "update", "x", "-", stdin=second)
    bundle = tmp_path / "bundle.age"
    cli("export", "-o", str(bundle))
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600
    assert first.encode() not in bundle.read_bytes()
    assert "exists already" in cli("export", "-o", str(bundle), status=1).stderr
    other_project = tmp_path / "other"
    other_project.mkdir()
    other = Cli(cli.home, other_project)
    other("init")
    assert other("import", str(bundle)).out.startswith("1 secrets imported")
    assert (other.reveal("x"), other.reveal("x", "--stage", "previous")) == (second, first)
    assert other("secret", "ls", "--format", "{{.Name}} {{.Version}} {{.Labels}}").out == "x 2 team=web\n"
    assert "'x'" in other("import", str(bundle), status=1).stderr
    assert other("import", str(bundle), "--skip-existing").out.startswith("0 secrets imported")
    other("audit", "verify")


def test_import_takes_all_or_none(cli: Cli, tmp_path: Path) -> None:
    for name in "abc":
        cli.secret(name)
    cli("export", "-o", str(tmp_path / "bundle"))
    cli("secret", "rm", "a", "c")
    cli("import", str(tmp_path / "bundle"), status=1)
    assert cli("secret", "ls", "--format", "{{.Name}}").out == "b\n"


def test_export_for_somebody_else(cli: Cli, tmp_path: Path) -> None:
    value = cli.secret("x")
    other, key = stranger(cli, tmp_path)
    bundle = cli("export", "-o", "-", "-r", key).stdout
    assert "no identity opens the bundle" in cli("import", "-", stdin=bundle, status=1).stderr
    theirs = Cli(other.home, tmp_path / "own")
    theirs("import", "-", stdin=bundle)
    assert theirs.reveal("x") == value


def test_export_with_a_passphrase(cli: Cli, tmp_path: Path) -> None:
    value = cli.secret("x")
    (tmp_path / "passphrase").write_text(leaks.fresh())
    cli.environment["STRONGROOM_PASSPHRASE_FILE"] = str(tmp_path / "passphrase")
    cli("export", "-o", str(tmp_path / "bundle"), "--passphrase")
    cli("secret", "rm", "x")
    cli("import", str(tmp_path / "bundle"), "--passphrase")
    assert cli.reveal("x") == value


def test_import_of_an_env_file(cli: Cli) -> None:
    password, pin = leaks.fresh(), leaks.fresh()
    (cli.project / ".env").write_text(f"# here\nDB_PASSWORD='{password}'\nLOG_LEVEL=info\nPIN={pin}\n")
    done = cli("import", ".env")
    assert done.out == "DB_PASSWORD -> db_password\n"
    assert "not taken: LOG_LEVEL, PIN." in done.stderr
    assert cli.reveal("db_password") == password
    assert "'db_password'" in cli("import", ".env", status=1).stderr
    cli("import", ".env", "-v", "DB_PASSWORD", "-v", "PIN", "--skip-existing")
    assert cli.reveal("pin") == pin
    assert "no variable NONE" in cli("import", ".env", "-v", "NONE", status=1).stderr


@pytest.mark.parametrize("garbage", [b"", b"not a bundle", b"age-encryption.org/v1\n"])
def test_import_of_garbage(cli: Cli, garbage: bytes) -> None:
    assert "bundle" in cli("import", "-", stdin=garbage, status=1).stderr


def test_audit(cli: Cli) -> None:
    cli.secret("x")
    cli("secret", "rm", "x")
    rows = [json.loads(line) for line in cli("audit", "ls", "--format", "json").out.splitlines()]
    assert [row["Action"] for row in rows][-2:] == ["create", "remove"]
    assert {row["Command"] for row in rows} == {"init", "secret create", "secret rm"}
    assert all(row["Actor"] and row["Host"] for row in rows)
    assert len(cli("audit", "ls", "--last", "2").out.splitlines()) == 3


def test_audit_verify_names_what_was_changed(cli: Cli) -> None:
    import sqlite3

    cli.secret("x")
    with sqlite3.connect(cli.project / ".strongroom/store.db") as connection:
        connection.execute("UPDATE audit SET actor = 'nobody' WHERE seq = 3")
    assert "audit entry 3 was changed" in cli("audit", "verify", status=1).stderr


def test_a_store_that_is_garbage(cli: Cli) -> None:
    for name in (".strongroom/store.db-wal", ".strongroom/store.db-shm"):
        (cli.project / name).unlink(missing_ok=True)
    (cli.project / ".strongroom/store.db").write_bytes(b"garbage" * 1000)
    assert "store.db" in cli("secret", "ls", status=1).stderr


def test_a_store_of_a_newer_format(cli: Cli) -> None:
    import sqlite3

    with sqlite3.connect(cli.project / ".strongroom/store.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    assert "Upgrade strongroom" in cli("secret", "ls", status=1).stderr
