"""``strongroom build`` on a real Engine: a secret reaches the build, and an image that kept it gets no name."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest

import engines
from cli import Cli, Result
from engines import Docker

MOUNT = "RUN --mount=type=secret,id=token "
USE = MOUNT + "sha256sum </run/secrets/token >/digest\n"


class Builder:
    """Builds Dockerfiles with the secret ``token`` in a project whose store has it."""

    def __init__(self, cli: Cli, docker: Docker, base: str) -> None:
        self.cli, self.docker, self.base = cli, docker, base
        # Some of these builds are given it in ways that show it to other processes.
        self.token = secrets.token_hex(12)
        cli("secret", "create", "token", "-", stdin=self.token)
        self.tag = f"{docker.prefix}/built:{secrets.token_hex(3)}"

    def __call__(self, dockerfile: str, *options: str, secret: str = "id=token", status: int = 0) -> Result:
        (self.cli.project / "Dockerfile").write_text(dockerfile.replace("BASE", self.base))
        (self.cli.project / ".dockerignore").write_text(".strongroom\n")
        result = self.cli("build", "--no-cache", "--secret", secret, "-t", self.tag, *options, ".", status=status)
        assert self.token not in result.out + result.stderr
        return result

    def exists(self, tag: str = "") -> bool:
        """Tell whether the image has its name."""
        return bool(self.docker.lines("images", "-q", tag or self.tag))


def rows(table: str) -> list[str]:
    """Return the rows of a table whose cells have several lines, each with its advice."""
    found: list[str] = []
    advice: dict[str, str] = {}
    for line in table.splitlines():
        if line.startswith("token "):
            found.append(line)
        elif line.startswith("FIX "):
            advice[line.split()[1]] = line
        elif line.startswith(" ") and found:
            if advice:
                advice[max(advice)] += line
            else:
                found[-1] += line
    return [row + advice[next(word for word in row.split()[::-1] if word in advice)] for row in found]


@pytest.fixture(scope="session")
def base(docker: Docker) -> Iterator[str]:
    """Return an image to build from."""
    binary, applets = engines.busybox(docker)
    name = engines.import_image(docker, f"{docker.prefix}/base:1", {"bin/busybox": binary}, applets)
    yield name
    docker("rmi", "-f", name, status=None)


@pytest.fixture
def built(dock: Cli, docker: Docker, base: str) -> Iterator[Builder]:
    dock("init")
    builder = Builder(dock, docker, base)
    yield builder
    docker("rmi", "-f", builder.tag, status=None)


# What is left of a secret in each way, and a word of the message that names the layer or what it is.
KEPT = {
    "app/token.txt": ("COPY token.txt /app/token.txt\n", "COPY token.txt"),
    "ARG TOKEN": ("ARG TOKEN\nRUN echo $TOKEN | wc -c >/count\n", "RUN"),
    "Env API_TOKEN": ("ENV API_TOKEN=$TOKEN\n", "ENV"),
    "Label com.example.token": ("LABEL com.example.token=$TOKEN\n", "labels"),
    "log/install.log": (MOUNT + "mkdir /log && echo got $(cat /run/secrets/token) >/log/install.log\n", "RUN"),
    "auth": (MOUNT + "printf u:%s $(cat /run/secrets/token) | base64 >/auth\n", "base64"),
    "kept": (MOUNT + "cp /run/secrets/token /kept\nRUN rm /kept\n", "deleted"),
}


def test_an_image_that_kept_a_secret_gets_no_name(built: Builder, docker: Docker) -> None:
    (built.cli.project / "token.txt").write_text(built.token)
    built.cli.environment["TOKEN"] = built.token
    docker("tag", built.base, built.tag)
    before = docker.inspect("image", built.tag)["Id"]
    instructions = "".join(each for each, _ in KEPT.values())
    result = built(f"FROM BASE\n{instructions}", "--build-arg", "TOKEN", status=1)
    for path, (_, word) in KEPT.items():
        (row,) = [each for each in rows(result.stderr) if path in each]
        assert word in row
    assert "holds the value of token" in result.stderr
    assert docker.inspect("image", built.tag)["Id"] == before


def test_a_secret_of_the_store_reaches_the_build_and_no_further(built: Builder) -> None:
    result = built("FROM BASE\n" + USE)
    assert built.exists()
    assert "no trace of token" in result.stderr
    entries = [json.loads(line) for line in built.cli("audit", "ls", "--format", "json").out.splitlines()]
    assert [entry["Secret"] for entry in entries if entry["Command"] == "build"] == ["token"]


def test_only_the_last_stage_counts(built: Builder) -> None:
    first = "FROM BASE AS first\n" + MOUNT + "cp /run/secrets/token /kept && echo x >/result\n"
    built(first + "FROM BASE\nCOPY --from=first /result /\n")
    assert built.exists()
    built(first, status=1)


def test_files_and_variables_are_dockers_and_looked_for_too(built: Builder) -> None:
    built.cli("secret", "rm", "token")
    (built.cli.project / "token.txt").write_text(f"{built.token}\n")
    built.cli.environment["TOKEN"] = built.token
    others = ("--secret", "id=b,src=token.txt", "--secret", "id=c,type=env,src=TOKEN")
    mounts = "".join(f"RUN --mount=type=secret,id={name} wc -c /run/secrets/{name} >/{name}\n" for name in "bc")
    built("FROM BASE\n" + USE + mounts, *others, secret="id=token,env=TOKEN")
    assert built.exists()
    kept = "FROM BASE\nRUN --mount=type=secret,id=b cp /run/secrets/b /kept\n"
    assert "kept" in built(kept, *others, secret="id=token,env=TOKEN", status=1).stderr


def test_what_the_build_prints_is_masked_and_told(built: Builder) -> None:
    result = built("FROM BASE\n" + MOUNT + "echo it is $(cat /run/secrets/token)\n", "--progress=plain")
    assert "it is *****" in result.stderr
    assert "warning: the build printed the value of token" in result.stderr


def test_an_image_is_pushed_only_after_it_was_looked_through(built: Builder) -> None:
    built.tag = "127.0.0.1:1/strongroom/built:1"
    refused = built("FROM BASE\n" + MOUNT + "cp /run/secrets/token /kept\n", "--push", status=1)
    assert "push" not in refused.stderr
    assert "not pushed" in built("FROM BASE\n" + USE, "--push", status=1).stderr
    assert built.exists()


def test_what_goes_to_a_directory_is_looked_through_there(built: Builder) -> None:
    kept = "FROM BASE\n" + MOUNT + "cp /run/secrets/token /kept\n"
    assert "Remove it: rm -r out" in built(kept, "-o", "out", status=1).stderr
    built("FROM BASE\n" + USE, "-o", "clean")
    assert (built.cli.project / "clean/digest").exists()


def test_a_build_that_fails_or_cannot_be_looked_through(built: Builder) -> None:
    missing = built("FROM BASE\n", secret="id=other", status=1).stderr
    assert "secret 'other' not found" in missing
    assert "strongroom secret create other -" in missing
    failed = built("FROM BASE\nRUN exit 3\n", status=1)
    assert "holds" not in failed.stderr
    assert not built.exists()
    assert "would push" in built("FROM BASE\n", "-o", "type=registry", status=2).stderr
    iid = built.cli.project / "iid"
    built("FROM BASE\n" + USE, "--iidfile", "iid")
    assert iid.read_text().startswith("sha256:")
