"""Directories, build contexts, repositories, text files, and which of them a word means."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import images
import pieces
import planted
from strongroom.docker.engine import Engine
from strongroom.errors import DeclarationError, EngineError, TargetError
from strongroom.scan.run import Count, run
from strongroom.scan.scanner import Scanner
from strongroom.scan.targets import find
from strongroom.scan.targets.dockerignore import Ignore, read
from strongroom.scan.targets.unwanted import unwanted

Git = Callable[..., str]


def write(root: Path, files: dict[str, str]) -> Path:
    return images.unpack(root, {name: text.encode() for name, text in files.items()})


def test_a_directory_is_read_with_all_that_is_hidden_and_in_archives(tmp_path: Path) -> None:
    write(tmp_path, {".env": "a", "b/.hidden/c": "c", "b/node_modules/d.js": "d", "e": "", ".git/config": "g"})
    (tmp_path / "b/a.tgz").write_bytes(images.gzipped(images.tar({"in": b"side"})))
    (tmp_path / "link").symlink_to("/etc")
    target = find(str(tmp_path))
    names = [place.path for place, _ in pieces.everything(target)]
    assert names == [".env", ".git/config", "b/a.tgz!/in", "b/.hidden/c", "b/node_modules/d.js"]
    assert target.name == f"dir {tmp_path}" and target.notices == []


def test_a_file_is_a_target(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text("some-token")
    assert pieces.texts(find(f"dir:{tmp_path / 'x.log'}")) == {"x.log": b"some-token"}


@pytest.mark.parametrize(
    ("lines", "excluded", "sent"),
    [
        ([".env"], [".env", ".env/x"], ["a/.env", ".env2"]),
        (["**/.env"], [".env", "a/.env", "a/b/.env"], ["a/x.env", ".envx"]),
        (["**/*.key"], ["a.key", "b/c.key"], ["a.keys"]),
        (["*.key"], ["a.key"], ["b/c.key"]),
        (["a/*"], ["a/b", "a/b/c"], ["a", "b/a/c"]),
        (["/a/"], ["a", "a/b"], ["b/a"]),
        (["./a/../b//c/"], ["b/c"], ["a"]),
        (["a/**"], ["a/b", "a/b/c"], ["a", "ab"]),
        (["**"], ["a", "a/b"], []),
        (["*", "!a", "!b/c"], ["d", "b/d"], ["a", "a/x", "b/c"]),
        (["*.md", "!README.md", "README-*.md"], ["x.md", "README-secret.md"], ["README.md"]),
        (["!a", "a"], ["a"], []),
        (["a?c", "[b-d]x", "[^b]y"], ["abc", "bx", "ay"], ["a/c", "ax", "by"]),
        (["# comment", "  ", " a "], ["a"], ["# comment"]),
        (["\\#a", "a\\*b"], ["#a", "a*b"], ["axb"]),
        (["\ufeffa"], ["a"], []),
        (["a.b", "c+(d)|{e}$^"], ["a.b", "c+(d)|{e}$^"], ["axb"]),
        (["**foo"], ["foo", "barfoo", "a/barfoo"], ["foobar"]),
        (["**/foo/**/bar"], ["foo/bar", "x/foo/y/z/bar"], ["foobar"]),
        (["foo**bar"], ["foobar", "foox/bar"], ["fooxbar"]),
        (["ü*"], ["über"], ["uber"]),
        (["dir", "!dir/keep", "dir/keep/not"], ["dir/x", "dir/keep/not"], ["dir/keep", "dir/keep/y"]),
        ([".."], [], ["a"]),
    ],
)  # fmt: skip
def test_an_ignore_file_is_matched_as_docker_does(lines: Sequence[str], excluded: list[str], sent: list[str]) -> None:
    ignore = Ignore(lines)
    assert [path for path in excluded if not ignore.excludes(path)] == []
    assert [path for path in sent if ignore.excludes(path)] == []


def test_a_pattern_does_not_take_for_ever() -> None:
    assert not Ignore(["**/" * 200 + "x"]).excludes("a/" * 200 + "b")


@pytest.mark.parametrize("pattern", ["!", "[", "[]a]", "a[", "[a-]", "[-a]", "a\\", "[a"])
def test_a_pattern_that_docker_refuses_is_refused(pattern: str) -> None:
    with pytest.raises(DeclarationError, match="Docker refuses"):
        Ignore([pattern])


def test_an_ignore_file_is_cleaned_as_docker_does() -> None:
    lines = ["# x", "", " /a/b/ ", "! /c ", "d/../e", "//f", "/"]
    assert list(read(lines)) == ["a/b", "!c", "e", "f", "/"]


def test_a_context_is_what_docker_would_send(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "Dockerfile": "FROM x", ".dockerignore": "*\n!src\n!kept/.env\nsrc/*.log", "src/a.py": "a",
            "src/b.log": "b",
            "kept/.env": "e", "kept/other": "o", ".git/config": "g", "src/id_rsa": "key", "src/.env.example": "x",
        },
    )  # fmt: skip
    target = find(f"context:{tmp_path}")
    found = [place.path for place, _ in pieces.everything(target)]
    assert found == [".dockerignore", "Dockerfile", "kept/.env", "src/.env.example", "src/a.py", "src/id_rsa"]
    told = {notice.path: notice.message for notice in target.notices}
    assert set(told) == {"kept/.env", "src/id_rsa"}
    assert told["src/id_rsa"].startswith("is in the build context: a private key. Keep it out: add it to .dockerignore")


def test_a_context_without_an_ignore_file_is_told_of_each_directory_once(tmp_path: Path) -> None:
    write(
        tmp_path, {".git/a": "1", ".git/b": "1", ".strongroom/store": "1", "secrets/x": "1", "secrets/y": "1", "a": ""}
    )
    target = find(f"context:{tmp_path}")
    pieces.everything(target)
    assert [notice.path for notice in target.notices] == [".git", ".strongroom", "secrets"]


def test_a_pipe_is_no_ignore_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".dockerignore")
    with pytest.raises(TargetError, match="it is not a file"):
        find(f"context:{tmp_path}")


def test_the_dockerfiles_own_ignore_file_counts(tmp_path: Path) -> None:
    write(tmp_path, {"Dockerfile": "FROM x", "Dockerfile.dockerignore": "a", ".dockerignore": "b", "a": "a", "b": "b"})
    found = pieces.texts(find(f"context:{tmp_path}"))
    assert "b" in found and "a" not in found


@pytest.mark.parametrize(
    ("path", "is_unwanted"),
    [
        (".env", True), ("a/.env.production", True), (".env.example", False), ("a/prod.env", True), ("tls.key", True),
        (".git/config", True), (".gitignore", False), ("secrets/db", True), ("src/secrets/x", False), (".npmrc", True),
        ("src/secrets.py", False), ("id_rsa.pub", False), ("deploy/id_ed25519", True), (".strongroom/store.db", True),
        ("environment", False), (".docker/config.json", True), ("config.json", False),
    ],
)  # fmt: skip
def test_what_has_no_business_in_a_context(path: str, is_unwanted: bool) -> None:
    assert bool(unwanted(path)) is is_unwanted


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return tmp_path / "repository"


@pytest.fixture
def git(repository: Path) -> Git:
    repository.mkdir()

    def run(*arguments: str) -> str:
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *identity, "-C", str(repository), *arguments], check=True, capture_output=True)
        return done.stdout.decode().strip()

    run("init", "-q", "-b", "main")
    return run


def test_a_repository_is_read_with_its_history(repository: Path, git: Git) -> None:
    write(repository, {"conf/app.env": "first-token\n", "same": "same-token\n"})
    git("add", ".")
    git("commit", "-q", "-m", "msg-token")
    first = git("rev-parse", "HEAD")
    write(repository, {"conf/app.env": "second-token\n", "copy": "same-token\n"})
    git("add", ".")
    git("commit", "-q", "-m", "second")
    second = git("rev-parse", "HEAD")
    git("checkout", "-q", "-b", "side", first)
    write(repository, {"side": "side-token\n"})
    git("add", ".")
    git("commit", "-q", "-m", "side")
    git("checkout", "-q", "main")
    git("merge", "-q", "--no-ff", "-m", "merge", "side")
    write(repository, {"same": "stash-token\n"})
    git("stash", "-q")
    lost = subprocess.run(
        ["git", "-C", str(repository), "hash-object", "-w", "--stdin"],
        input=b"lost-token",
        check=True,
        capture_output=True,
    ).stdout.decode()
    git("tag", "-a", "v1", "-m", "tag-token")
    write(repository, {"new": "untracked-token", ".gitignore": "ignored\n", "ignored": "ignored-token"})
    target = find(f"git:{repository}")

    def one(token: str) -> tuple[str, str, str]:
        (place,) = pieces.where(target, token.encode())
        return place.path, place.commit, place.shown

    assert one("first-token") == ("conf/app.env", first, "not in the present commit")
    assert one("second-token") == ("conf/app.env", second, "")
    assert one("same-token") == ("same", first, "")
    assert one("side-token")[0] == "side"
    assert one("stash-token")[0] == "same"
    assert one("msg-token")[:2] == ("commit message", first)
    assert one("tag-token")[0].startswith("tag ")
    assert one("lost-token") == (f"object {lost[:12]}", "", "in no commit")
    assert one("untracked-token") == ("new", "", "")
    assert one("ignored-token") == ("ignored", "", "")
    assert target.notices == []


def test_a_value_in_many_versions_of_a_file_is_told_once(repository: Path, git: Git) -> None:
    token, other = planted.token(), planted.token()
    for number in range(3):
        write(
            repository, {"a.conf": f"# version {number}\ntoken={token}\nagain={token}\n", "b.conf": f"token={other}\n"}
        )
        git("add", ".")
        git("commit", "-q", "-m", f"{number}")
        other = other if number else planted.token()
    (first, *_) = git("log", "--reverse", "--format=%H").splitlines()
    write(repository, {"a.conf": f"token={token}\n"})
    done = run([find(f"git:{repository}")], None, Scanner, Count())
    told = [(each.finding.place, each.finding.line) for each in done.found]
    assert [(place.path, place.commit, place.shown, line) for place, line in told if place.path == "a.conf"] == [
        ("a.conf", first, "", 2), ("a.conf", first, "", 3)
    ]  # fmt: skip
    assert [bool(place.shown) for place, _ in told if place.path == "b.conf"] == [True, False]


def test_nothing_that_a_repository_configures_is_run(repository: Path, git: Git, tmp_path: Path) -> None:
    write(repository, {".gitattributes": "* filter=evil diff=evil\n", "a": "some-token"})
    git("add", ".")
    git("commit", "-q", "-m", "first")
    evil = f"touch {tmp_path / 'ran'}"
    for key in (
        "core.pager", "core.fsmonitor", "filter.evil.clean", "filter.evil.smudge", "diff.evil.textconv",
        "diff.external",
        "diff.evil.command", "core.sshCommand", "gpg.program", "alias.log", "core.editor", "remote.origin.uploadpack",
    ):  # fmt: skip
        git("config", key, evil)
    git("config", "log.showSignature", "true")
    hooks = repository / ".git/hooks"
    for name in ("post-checkout", "reference-transaction", "fsmonitor-watchman"):
        (hooks / name).write_text(f"#!/bin/sh\n{evil}\n")
        (hooks / name).chmod(0o755)
    target = find(f"git:{repository}")
    assert len(pieces.where(target, b"some-token")) == 1
    assert not (tmp_path / "ran").exists()


def test_a_bare_repository_and_one_with_sha256_are_read(tmp_path: Path) -> None:
    for name, options in (("bare", ["--bare"]), ("wide", ["--object-format=sha256"])):
        path = tmp_path / name
        subprocess.run(["git", "init", "-q", *options, str(path)], check=True)
        subprocess.run(
            ["git", "-C", str(path), "hash-object", "-w", "--stdin"],
            input=b"lost-token",
            check=True,
            capture_output=True,
        )
        assert len(pieces.where(find(f"git:{path}"), b"lost-token")) == 1


def test_a_damaged_repository_is_told_of(repository: Path, git: Git) -> None:
    write(repository, {"a": "token-a", "b": "token-b"})
    git("add", ".")
    git("commit", "-q", "-m", "first")
    name = git("rev-parse", "HEAD:a")
    broken = repository / ".git/objects" / name[:2] / name[2:]
    broken.chmod(0o600)
    broken.write_bytes(b"nothing")
    (repository / "a").unlink()
    target = find(f"git:{repository}")
    assert len(pieces.where(target, b"token-b")) == 1
    assert target.notices


@pytest.mark.usefixtures("git")
def test_a_repository_with_many_damaged_objects_comes_to_an_end(repository: Path) -> None:
    for number in range(2000):
        file = repository / f".git/objects/{number % 256:02x}/{number:038x}"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"damaged")
    reader = Thread(target=pieces.everything, args=(find(f"git:{repository}"),), daemon=True)
    reader.start()
    reader.join(30)
    assert not reader.is_alive()


def test_a_directory_tells_of_history_that_it_leaves_out(repository: Path, git: Git) -> None:
    write(repository, {"a": "token-a"})
    git("add", ".")
    target = find(f"dir:{repository}")
    assert [place.path for place in pieces.where(target, b"token-a")] == ["a"]
    assert target.notices[0].message.endswith(f"strongroom scan git:{repository}")


def test_a_compose_file_brings_its_files_of_variables(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "compose.yaml": "services:\n  a: {env_file: a.env}\n  b: {env_file: [b.env, {path: c.env}, none.env]}\n"
            "  c: {ports: !reset []}\n",
            ".env": "1", "a.env": "2", "b.env": "3", "c.env": "4", "d.env": "5",
        },
    )  # fmt: skip
    target = find(str(tmp_path / "compose.yaml"))
    assert target.name == f"compose {tmp_path / 'compose.yaml'}"
    names = [Path(place.path).name for place, _ in pieces.everything(target)]
    assert names == ["compose.yaml", ".env", "a.env", "b.env", "c.env"]
    (tmp_path / "compose.yaml").write_text("services: [token")
    assert len(pieces.where(find(f"compose:{tmp_path / 'compose.yaml'}"), b"token")) == 1


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Dockerfile", "dockerfile"), ("Dockerfile.dev", "dockerfile"), ("compose.yml", "compose"),
        ("x.tar.gz", "archive"),
        ("docker-compose.prod.yaml", "compose"), ("x.txt", "dir"), ("compose.txt", "dir"),
        ("api.dockerfile", "dockerfile"),
    ],
)  # fmt: skip
def test_what_a_file_is_is_guessed_from_its_name(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / name).write_text("token")
    assert find(str(tmp_path / name)).name == f"{kind} {tmp_path / name}"


def _unreachable() -> Engine:
    raise EngineError("the Docker Engine cannot be reached.")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dir:", "names nothing"), ("dir:/none", "is not there"), ("archive:.", "is not a file"),
        ("git:.", "not a Git repository"),
        ("oci:a", "is not there"), ("compose:.", "is not a file"), ("context:file", "not a directory"),
        ("no-such-thing", "image:NAME"), ("", "names nothing"), ("pipe", "scan - < pipe"),
        ("dir:pipe", "scan - < pipe"), ("compose:none", "What was asked for is compose:FILE"),
    ],
)  # fmt: skip
def test_a_target_that_is_none_is_an_error_that_says_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Engine, "connect", _unreachable)
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TargetError, match=message):
        find(text)


@pytest.mark.parametrize("kind", ["dir", "compose", "dockerfile", "archive"])
def test_a_file_that_is_named_and_cannot_be_read_is_an_error(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("some-token")
    opened = Path.open

    def refused(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "file":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(TargetError, match="file cannot be read: Permission denied"):
        find(f"{kind}:{tmp_path / 'file'}")


@pytest.mark.parametrize("kind", ["dir", "compose", "dockerfile", "archive"])
def test_a_link_that_is_named_is_followed(kind: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("some-token")
    (tmp_path / "link").symlink_to("file")
    target = find(f"{kind}:{tmp_path / 'link'}")
    assert list(pieces.texts(target).values()) == [b"some-token"] and target.notices == []


def test_a_file_that_is_no_image_is_not_an_error(tmp_path: Path) -> None:
    os.truncate(os.open(tmp_path / "a.tar", os.O_CREAT | os.O_RDWR), 0)
    assert pieces.everything(find(f"archive:{tmp_path / 'a.tar'}")) == []
