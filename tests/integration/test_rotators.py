"""Rotators against a real PostgreSQL and a real Redis; a rotation that is killed anywhere is finished or undone."""

from __future__ import annotations

import json
import os
import random
import stat
import time
from pathlib import Path

import pytest

import leaks
from cli import Cli
from servers import LOCAL, Postgres, Redis

KILLS = int(os.environ.get("STRONGROOM_TEST_KILLS", "6"))


@pytest.fixture
def database(cli: Cli, postgres: Postgres) -> str:
    """Return the URI of a PostgreSQL in which the roles ``shop_a`` and ``shop_b`` are, and whose admin is known."""
    postgres.execute("DROP ROLE IF EXISTS shop_a", "DROP ROLE IF EXISTS shop_b")
    postgres.execute("CREATE ROLE shop_a LOGIN", "CREATE ROLE shop_b LOGIN")
    cli("secret", "create", "db_admin", "-", stdin=leaks.watch_for(postgres.password.encode()).decode())
    return f"postgres://root@{LOCAL}:{postgres.port}/postgres?admin_secret=db_admin"


def _credentials(cli: Cli, *options: str) -> tuple[str, str]:
    found = json.loads(cli.reveal("db", *options))
    return found["username"], found["password"]


def _rotate(cli: Cli, name: str, *options: str, **more: int) -> str:
    return cli("rotate", name, "--store-only", *options, **more).stderr  # type: ignore[arg-type]


def test_a_postgres_role(cli: Cli, postgres: Postgres, database: str) -> None:
    former = cli.secret("db")
    _rotate(cli, "db", "--with", f"{database}&role=shop_a")
    assert postgres.can_log_in("shop_a", cli.reveal("db"))
    assert not postgres.can_log_in("shop_a", former)
    cli("rollback", "db", "--store-only", "--with", f"{database}&role=shop_a")
    assert cli.reveal("db") == former
    assert postgres.can_log_in("shop_a", former)


def test_two_postgres_roles_take_turns(cli: Cli, postgres: Postgres, database: str) -> None:
    first = leaks.fresh()
    postgres.execute(f"ALTER ROLE shop_a PASSWORD '{first}'")
    cli("secret", "create", "db", "-", stdin=json.dumps({"username": "shop_a", "password": first, "host": "db"}))
    for turn in range(4):
        before = _credentials(cli)
        _rotate(cli, "db", "--with", f"{database}&roles=shop_a,shop_b")
        now = _credentials(cli)
        assert now[0] == ("shop_b", "shop_a")[turn % 2]
        assert postgres.can_log_in(*now)
        assert postgres.can_log_in(*before)  # tasks that have it still
    assert json.loads(cli.reveal("db"))["host"] == "db"


def test_a_url_names_the_role_as_well(cli: Cli, postgres: Postgres, database: str) -> None:
    cli("secret", "create", "db", "-", stdin="postgres://shop_a:x@db:5432/shop?sslmode=require")
    _rotate(cli, "db", "--with", f"{database}&roles=shop_a,shop_b", "--generate", "30", "--alphabet", "ascii")
    value = cli.reveal("db")
    assert value.startswith("postgres://shop_b:")
    assert value.endswith("@db:5432/shop?sslmode=require")
    from urllib.parse import unquote, urlsplit

    assert postgres.can_log_in("shop_b", unquote(urlsplit(value).password or ""))


@pytest.fixture
def cache(cli: Cli, redis: Redis) -> str:
    """Return the URI of a Redis whose admin is known."""
    from redis import Redis as Client

    with Client(LOCAL, redis.port, password=redis.password) as client:
        client.acl_setuser("shop", enabled=True, reset=True, keys=["*"], commands=["+get"])
    cli("secret", "create", "redis_admin", "-", stdin=leaks.watch_for(redis.password.encode()).decode())
    return f"redis://default@{LOCAL}:{redis.port}/?admin_secret=redis_admin&user=shop"


def _greets(redis: Redis, password: str, user: str = "shop") -> bool:
    from redis import AuthenticationError
    from redis import Redis as Client

    with Client(LOCAL, redis.port, username=user, password=password) as client:
        try:
            client.get("anything")
        except AuthenticationError:
            return False
        return True


def test_a_redis_user(cli: Cli, redis: Redis, cache: str) -> None:
    former = cli.secret("key")
    _rotate(cli, "key", "--with", cache)
    assert _greets(redis, cli.reveal("key"))
    assert not _greets(redis, former)
    users = (redis.directory / "users.acl").read_text()
    assert "shop" in users  # saved, for the next start
    assert cli.reveal("key") not in users


def test_a_redis_user_that_is_not_there(cli: Cli, cache: str) -> None:
    cli.secret("key")
    assert "there is no user none" in _rotate(cli, "key", "--with", cache.replace("user=shop", "user=none"), status=1)


def test_both_passwords_are_valid_until_it_finishes(cli: Cli, redis: Redis, cache: str) -> None:
    former = cli.secret("key")
    killed = cli.start("rotate", "key", "--store-only", "--with", cache)
    killed.until("key: test version 2")
    killed.kill()
    stages = json.loads(cli("secret", "inspect", "key").out)[0]["Stages"]
    if "pending" in stages:
        assert _greets(redis, former)
        _rotate(cli, "key", "--abort", "--with", cache)
        assert cli.reveal("key") == former
        assert _greets(redis, former)


def test_a_program_of_the_user_s_own(cli: Cli, tmp_path: Path) -> None:
    log, program = tmp_path / "log", tmp_path / "rotator"
    program.write_text(f"""#!/usr/bin/env python3
import json, sys
request = json.load(sys.stdin)
with open({str(log)!r}, "a") as file:
    print(request["step"], request["secret"], sorted(request), file=file)
if request["value"].startswith("bad") and request["step"] == "test":
    print("it says", request["value"], file=sys.stderr)
    sys.exit(3)
""")
    program.chmod(stat.S_IRWXU)
    cli.secret("key")
    _rotate(cli, "key", "--with", f"command://{program}")
    both, one = "['other', 'secret', 'step', 'value']", "['secret', 'step', 'value']"
    assert log.read_text().splitlines() == [f"allow key {both}", f"test key {one}", f"only key {both}"]

    refused = cli("rotate", "key", "--store-only", "--with", f"command://{program}", "--value", "-",
                  stdin=leaks.fresh("bad"), status=1)  # fmt: skip
    assert "rotator test: it says <secret> Version 2 of 'key' is current everywhere, as it was." in refused.stderr


def test_a_database_that_is_down(cli: Cli, postgres: Postgres, database: str) -> None:
    cli.secret("db")
    uri = f"{database}&role=shop_a"
    _rotate(cli, "db", "--with", uri)
    former = cli.reveal("db")
    postgres.stop()
    try:
        said = _rotate(cli, "db", "--with", uri, status=1)
        assert "Version 3 of 'db' is still pending: finish it with: strongroom rotate db" in said
        assert cli.reveal("db") == former
    finally:
        postgres.start()
    _rotate(cli, "db", "--with", uri)
    assert postgres.can_log_in("shop_a", cli.reveal("db"))
    assert json.loads(cli("secret", "inspect", "db").out)[0]["Stages"]["current"] == 3


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), 2, "name the secrets to rotate, or give --due"),
        (("x", "--due"), 2, "name the secrets to rotate, or give --due"),
        (("absent", "--store-only"), 1, "secret 'absent' not found"),
        (("key", "--store-only", "--with", "oracle://x"), 1, "no rotator is known for oracle"),
        (("key", "--store-only", "--with", "postgres://a:b@h/?role=r"), 1, "holds a password"),
        (("key", "--store-only", "--with", "postgres://a@h/"), 1, "give postgres://ADMIN@HOST"),
        (("key", "--store-only", "--with", "command://x"), 1, "names no program"),
        (("key", "--store-only", "--generate", "dsa"), 1, "give a length, or one of rsa"),
        (("key", "--store-only", "--pattern", "["), 1, "is no regular expression"),
        (("key", "--store-only", "--abort"), 1, "no rotation of 'key' is under way"),
    ],
)  # fmt: skip
def test_wrong_usage(cli: Cli, arguments: tuple[str, ...], status: int, said: str) -> None:
    cli.secret("key")
    assert said in cli("rotate", *arguments, status=status).stderr
    assert cli("secret", "inspect", "key", "--format", "{{.Stages.current}}").out == "1\n"


@pytest.mark.parametrize(
    ("options", "start"),
    [
        (("--generate", "rsa"), "-----BEGIN PRIVATE KEY-----"),
        (("--generate", "ed25519"), "-----BEGIN PRIVATE KEY-----"),
        (("--generate", "certificate"), "-----BEGIN PRIVATE KEY-----"),
        (("--pattern", "sk_[a-f]{4}-[0-9]{30}"), "sk_"),
    ],
)
def test_what_is_generated(cli: Cli, options: tuple[str, ...], start: str) -> None:
    cli.secret("key")
    for _ in range(2):
        _rotate(cli, "key", *options)
        assert cli.reveal("key").startswith(start)
    if "certificate" in options:
        from cryptography import x509

        found = x509.load_pem_x509_certificate(cli.reveal("key").encode())
        assert found.subject.rfc4514_string() == "CN=key"


def test_killed_at_any_moment(cli: Cli, postgres: Postgres, redis: Redis, database: str, cache: str) -> None:
    """Afterwards the same command or --abort ends in a state in which what is current logs in."""
    random.seed(4)
    cli.secret("key")
    password = leaks.fresh()
    postgres.execute(f"ALTER ROLE shop_a PASSWORD '{password}'")
    cli("secret", "create", "db", "-", stdin=json.dumps({"username": "shop_a", "password": password}))
    ways = {"db": f"{database}&roles=shop_a,shop_b", "key": cache}
    for name, uri in ways.items():
        _rotate(cli, name, "--with", uri)
    for _ in range(KILLS):
        name, uri = random.choice(list(ways.items()))
        killed = cli.start("rotate", name, "--store-only", "--with", uri)
        time.sleep(random.uniform(0.05, 0.6))
        killed.kill()
        stages = json.loads(cli("secret", "inspect", name).out)[0]["Stages"]
        ending = random.choice([(), ("--abort",)]) if "pending" in stages else ()
        _rotate(cli, name, *ending, "--with", uri)
        assert "pending" not in json.loads(cli("secret", "inspect", name).out)[0]["Stages"]
        assert postgres.can_log_in(*_credentials(cli)) if name == "db" else _greets(redis, cli.reveal("key"))
    cli("audit", "verify")
