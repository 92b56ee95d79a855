"""``strongroom exec`` with a real OpenBao and a real PostgreSQL: leases, logins, and managers that fail."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import leaks
import proxy
import servers
from cli import STRONGROOM, Cli
from databases import APPLICATION, Dynamic
from engines import until
from proxy import Spoiler
from servers import OpenBao, Postgres

# A lease for so many seconds, at most for how long, and how long the application runs. Longer: 20 60 180.
LEASE, MOST, SECONDS = map(int, os.environ.get("STRONGROOM_TEST_LEASE", "4 9 16").split())
KEY = "key=vault://secret/app#api_key"


@pytest.fixture(scope="module")
def dynamic(openbao: OpenBao, postgres: Postgres) -> Dynamic:
    return Dynamic(openbao, postgres)


@pytest.fixture
def memory() -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(dir="/dev/shm"))
    yield base
    shutil.rmtree(base)


class App:
    """An application below ``strongroom exec``, and what was said on both sides."""

    def __init__(self, cli: Cli, memory: Path, *arguments: str, **environment: str) -> None:
        self.out = cli.project / "out"
        self.err = cli.project / "err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [STRONGROOM, "exec", "--directory", str(memory), *arguments], cwd=cli.project, stdout=out, stderr=err,
                env=cli.variables() | environment,
            )  # fmt: skip

    def said(self) -> str:
        return self.err.read_text()

    def lines(self, word: str) -> list[str]:
        return [line for line in self.out.read_text().splitlines() if line.startswith(word)]

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


def secret_id(cli: Cli, dynamic: Dynamic) -> dict[str, str]:
    path = cli.project / "secret-id"
    path.write_text(leaks.watch_for(dynamic.secret_id.encode()).decode())
    path.chmod(0o400)
    return {"VAULT_SECRET_ID_FILE": str(path)}


def test_stays_logged_in(empty: Cli, memory: Path, dynamic: Dynamic) -> None:
    """Leases are renewed; at their end new users come before the old ones go; at the end all are given back."""
    variables = dynamic.role(LEASE, MOST, login_seconds=LEASE + 2) | secret_id(empty, dynamic)
    app = App(
        empty, memory, "--watch", "--signal", "HUP", "--", sys.executable, "-c", APPLICATION,
        str(dynamic.postgres.port), str(SECONDS), **variables,
    )  # fmt: skip
    assert app.process.wait(SECONDS + 60) == 0, app.said()
    assert len(set(app.lines("user"))) >= SECONDS // MOST, "it should have had several users"
    assert len(app.lines("user")) > SECONDS
    assert app.lines("environment") == ["environment VAULT_ADDR VAULT_ROLE_ID VAULT_SECRET_ID_FILE"]
    assert (memory / "api_key").read_text() == dynamic.key
    until(lambda: not dynamic.users())
    assert "written anew: db_password, db_username" in app.said()


@pytest.mark.parametrize("way", [(), ("--watch",)], ids=["becomes", "watches"])
def test_what_was_leased_in_vain_is_given_back(
    empty: Cli, memory: Path, dynamic: Dynamic, way: tuple[str, ...]
) -> None:
    variables = dynamic.role(60, 60) | secret_id(empty, dynamic)
    variables["STRONGROOM_SECRETS"] += ",x=vault://secret/app#missing"
    before = dynamic.users()
    assert (
        "no field 'missing'"
        in empty("exec", "--directory", str(memory), *way, "--", "true", environment=variables, status=1).stderr
    )
    until(lambda: dynamic.users() <= before)  # OpenBao ends what a login leased a moment after the login


def test_without_watch_it_is_said_that_a_lease_ends(empty: Cli, memory: Path, dynamic: Dynamic) -> None:
    variables = dynamic.role(60, 60) | secret_id(empty, dynamic)
    app = App(empty, memory, "--", "true", **variables)
    assert app.process.wait(30) == 0
    assert "leased ends in 60 s, and nothing renews it without --watch" in app.said()


@pytest.mark.parametrize("way", [(), ("--watch",)], ids=["becomes", "watches"])
def test_a_secret_id_in_a_variable_goes_no_further(
    empty: Cli, memory: Path, dynamic: Dynamic, way: tuple[str, ...]
) -> None:
    variables = dynamic.role(60, 60) | {"VAULT_SECRET_ID": dynamic.secret_id}
    app = App(empty, memory, *way, "--", "env", **variables | {"STRONGROOM_SECRETS": KEY})
    assert app.process.wait(30) == 0
    names = {line.partition("=")[0] for line in app.lines("")}
    assert {name for name in names if "VAULT" in name} == {"VAULT_ADDR", "VAULT_ROLE_ID"}
    assert dynamic.secret_id not in app.out.read_text() + app.said()


def test_the_manager_is_away_for_a_while(empty: Cli, memory: Path, dynamic: Dynamic) -> None:
    """The last good values stay, it is said once, and a change that came meanwhile arrives afterwards."""
    variables = dynamic.role(60, 60) | secret_id(empty, dynamic)
    app = App(
        empty, memory, "--watch", "--interval", "0.3", "--timeout", "1", "--", "sleep", "60",
        **variables | {"STRONGROOM_SECRETS": KEY},
    )  # fmt: skip
    until((memory / "key").exists)
    dynamic.openbao.seal()
    try:
        until(lambda: "sealed" in app.said())
        time.sleep(2)
        assert app.said().count("keeps the last good values") == 1
        assert (memory / "key").read_text() == dynamic.key
    finally:
        dynamic.openbao.unseal()
    dynamic.set_key()
    until(lambda: (memory / "key").read_text() == dynamic.key)
    until(lambda: "all secrets are fresh again" in app.said())
    assert app.end() == 143


def test_a_login_that_was_revoked_is_made_anew(empty: Cli, memory: Path, dynamic: Dynamic) -> None:
    variables = dynamic.role(60, 60) | secret_id(empty, dynamic)
    app = App(
        empty, memory, "--watch", "--interval", "0.3", "--", "sleep", "60",
        **variables | {"STRONGROOM_SECRETS": KEY},
    )  # fmt: skip
    until((memory / "key").exists)
    dynamic.openbao.api("PUT", "sys/leases/revoke-prefix/auth/approle/login")
    dynamic.set_key()
    until(lambda: (memory / "key").read_text() == dynamic.key)
    assert app.end() == 143


def test_starts_from_the_cache_while_the_manager_is_down(empty: Cli, memory: Path, dynamic: Dynamic) -> None:
    variables = dynamic.role(60, 60) | secret_id(empty, dynamic)
    empty("init")
    identity = empty.home / ".config/strongroom/identity"
    cached = ["--identity", str(identity), "exec", "--directory", str(memory), "--timeout", "1",
              "--cache", str(empty.project / "cache"), "--", "sh", "-c", 'cat "$KEY_FILE"']  # fmt: skip
    empty.environment |= variables | {"STRONGROOM_SECRETS": KEY}
    assert empty(*cached, reveals=True).out == dynamic.key
    assert (empty.project / "cache").stat().st_mode & 0o777 == 0o600
    assert dynamic.key.encode() not in (empty.project / "cache").read_bytes()
    empty.environment["VAULT_ADDR"] = f"http://127.0.0.1:{servers.free_port()}"
    result = empty(*cached, reveals=True)
    assert result.out == dynamic.key
    assert "cannot be reached" in result.stderr
    assert "is used for 'key'" in result.stderr
    # What was leased is not in it, nor what nobody asked for before.
    for reference in (f"{dynamic.users_path}#password", "secret/app#other"):
        empty.environment["STRONGROOM_SECRETS"] = f"key=vault://{reference}"
        assert "cannot be reached" in empty(*cached, status=1).stderr
    (empty.project / "cache").write_bytes(b"damaged")
    assert "damaged" in empty(*cached, status=1).stderr


def test_the_cache_is_not_for_what_was_taken_away(empty: Cli, memory: Path, dynamic: Dynamic) -> None:
    variables = dynamic.role(60, 60) | secret_id(empty, dynamic)
    empty("init")
    cached = ["--identity", str(empty.home / ".config/strongroom/identity"), "exec", "--directory", str(memory),
              "--cache", str(empty.project / "cache"), "--", "true"]  # fmt: skip
    empty.environment |= variables | {"STRONGROOM_SECRETS": KEY}
    empty(*cached)
    (empty.project / "secret-id").chmod(0o600)
    (empty.project / "secret-id").write_text("11111111-2222-3333-4444-555555555555")
    assert "logging in by approle failed" in empty(*cached, status=1).stderr


@pytest.mark.parametrize("way", [(), ("--watch",)], ids=["becomes", "watches"])
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (proxy.half, "was cut short"),
        (proxy.slow(3), "did not answer within"),
        (proxy.status(429, "Too Many Requests"), "too many requests (429)"),
        (proxy.status(503, "Service Unavailable"), "sealed or not ready (503)"),
        (proxy.status(403, "Forbidden"), "denies access"),
        (proxy.status(404, "Not Found"), "nothing answers at auth/approle/login"),
    ],
    ids=["half", "slow", "429", "503", "403", "404"],
)
def test_nothing_is_started_while_the_manager_fails(
    empty: Cli, memory: Path, dynamic: Dynamic, way: tuple[str, ...], fault: Spoiler, says: str
) -> None:
    variables = dynamic.role(60, 60) | secret_id(empty, dynamic)
    with proxy.proxy(dynamic.openbao.port, *[fault] * 100) as between:
        result = empty(
            "exec", "--directory", str(memory), "--timeout", "1", *way, "--", "sh", "-c", "echo started", status=1,
            environment=variables | {"VAULT_ADDR": between.address},
        )  # fmt: skip
    assert result.out == ""
    assert says in result.stderr
    assert list(memory.iterdir()) == []


@pytest.mark.parametrize("after", range(2, 5))  # a login is not tried again: a secret id may serve once
def test_one_failure_later_costs_another_try(empty: Cli, memory: Path, dynamic: Dynamic, after: int) -> None:
    """Whichever request's answer is cut short, the file is whole."""
    variables = dynamic.role(60, 60) | secret_id(empty, dynamic) | {"STRONGROOM_SECRETS": KEY}
    with proxy.proxy(dynamic.openbao.port, *[lambda answer, _: answer] * (after - 1), proxy.half) as between:
        result = empty("exec", "--directory", str(memory), "--", "sh", "-c", 'cat "$KEY_FILE"', reveals=True,
                       environment=variables | {"VAULT_ADDR": between.address})  # fmt: skip
    assert result.out == dynamic.key


def test_a_path_that_is_not_allowed_and_one_that_is_not_there(empty: Cli, memory: Path, dynamic: Dynamic) -> None:
    variables = dynamic.role(60, 60) | secret_id(empty, dynamic)
    for reference, says in (("secret/forbidden#x", "denies access"), ("secret/app#missing", "no field 'missing'")):
        result = empty("exec", "--directory", str(memory), "--", "sh", "-c", "echo started", status=1,
                       environment=variables | {"STRONGROOM_SECRETS": f"{KEY},x=vault://{reference}"})  # fmt: skip
        assert (result.out, says in result.stderr) == ("", True)
        assert list(memory.iterdir()) == []
