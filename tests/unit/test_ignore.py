"""Ignore files: which lines are written, and which files they should have kept out."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from strongroom import ignore
from strongroom.errors import IgnoreError

KEY = b"-----BEGIN PRIVATE KEY-----\n"
SECRET = [
    ".env", ".env.local", "deploy/.env.production", "id_ed25519", "a/b/id_rsa", "tls/server.key", "keystore.p12",
    ".aws/credentials", "home/.aws/sso/cache/x.json", ".docker/config.json", "x/.docker/config.json", ".npmrc",
    "secrets/db_password", "infra/terraform.tfstate", ".strongroom/store.db", ".ssh/config", "key.pem",
]  # fmt: skip
HARMLESS = [
    ".env.example", "a/.env.sample", "id_rsa.pub", "src/secrets/__init__.py", "environment", "monkey", "keys.md",
    "config.json", "docker/config.json", "ca.pem", "app/aws/credentials",
]  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in (*SECRET, *HARMLESS):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"-----BEGIN CERTIFICATE-----\n" if name == "ca.pem" else KEY)
    for name in (".env", ".env.local", "deploy/.env.production"):
        (tmp_path / name).write_text("# settings\nexport TOKEN=x\n")
    (tmp_path / ".npmrc").write_text("//registry.npmjs.org/:_authToken=x\n")
    return tmp_path


def repository(directory: Path) -> None:
    subprocess.run(["git", "init", "-q", directory], check=True)


def paths(found: list[ignore.Exposed], problem: str) -> list[str]:
    return [each.path for each in found if problem in each.problem]


@pytest.mark.parametrize("path", SECRET)
def test_a_secret_is_told_by_its_name(project: Path, path: str) -> None:
    assert ignore.is_secret(project, path)


@pytest.mark.parametrize("path", HARMLESS)
def test_what_is_none_is_left_alone(project: Path, path: str) -> None:
    assert not ignore.is_secret(project, path)


@pytest.mark.parametrize(("path", "content"), [
    (".env", "# nothing yet\nTOKEN=\n"), (".npmrc", "registry=https://registry.npmjs.org/\n"), ("ca.pem", "CERT"),
])  # fmt: skip
def test_the_content_of_some_says_that_they_hold_none(tmp_path: Path, path: str, content: str) -> None:
    (tmp_path / path).write_text(content)
    assert not ignore.is_secret(tmp_path, path)


def test_lines_keep_every_secret_out_and_nothing_else(project: Path) -> None:
    repository(project)
    before = ignore.exposed(project)
    assert sorted(paths(before, "context")) == sorted([*SECRET, ".git"])
    assert sorted(paths(before, "would")) == sorted(SECRET)
    for kind in (ignore.DOCKER, ignore.GIT):
        assert ignore.write(project, kind) == ignore.lines(kind)
    assert ignore.exposed(project) == []
    listed = subprocess.run(
        ["git", "-C", project, "ls-files", "--others", "--exclude-standard"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    # A certificate may be public: the line is there all the same, and '!ca.pem' below it lets one in.
    assert set(HARMLESS) - set(listed) == {"ca.pem"}


def test_what_git_tracks_is_named_although_it_is_ignored(project: Path) -> None:
    repository(project)
    subprocess.run(["git", "-C", project, "add", ".env"], check=True)
    ignore.write(project, ignore.GIT)
    ignore.write(project, ignore.DOCKER)
    (found,) = ignore.exposed(project)
    assert (found.path, found.problem) == (".env", "Git tracks it")
    assert found.fix.startswith("git rm --cached .env,")


def test_without_git_only_the_context_counts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not paths(ignore.exposed(project), "Git")
    monkeypatch.setenv("PATH", str(project))
    assert paths(ignore.exposed(project), "context")


@pytest.mark.parametrize("kind", [ignore.DOCKER, ignore.GIT])
def test_writing_again_changes_nothing(tmp_path: Path, kind: str) -> None:
    ignore.write(tmp_path, kind)
    once = (tmp_path / kind).read_bytes()
    assert ignore.write(tmp_path, kind) == [] == ignore.missing(tmp_path, kind)
    assert (tmp_path / kind).read_bytes() == once


@pytest.mark.parametrize("kind", [ignore.DOCKER, ignore.GIT])
def test_what_is_there_stays_and_still_decides(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    path.write_bytes(b"node_modules\n!certs/ca.pem\n/secrets\n# \xff no newline at the end")
    path.chmod(0o640)
    new = ignore.write(tmp_path, kind)
    assert not any("secrets" in line for line in new)
    assert path.read_bytes().endswith(b"node_modules\n!certs/ca.pem\n/secrets\n# \xff no newline at the end")
    assert path.stat().st_mode & 0o777 == 0o640
    certificate = tmp_path / "certs/ca.pem"
    certificate.parent.mkdir()
    certificate.write_bytes(KEY)
    repository(tmp_path)
    assert "certs/ca.pem" in {each.path for each in ignore.exposed(tmp_path)}


def test_a_file_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / ignore.GIT).mkdir()
    with pytest.raises(IgnoreError, match="cannot be read"):
        ignore.write(tmp_path, ignore.GIT)


def test_a_pipe_is_no_ignore_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".gitignore")
    with pytest.raises(IgnoreError, match="it is not a file"):
        ignore.write(tmp_path, ignore.GIT)
