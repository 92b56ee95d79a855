"""Rotators against a real PostgreSQL and a real Redis; a rotation that is killed anywhere is finished or undone."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import stat
import subprocess
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import leaks
from cli import Cli
from projects import missing
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


def test_a_role_whose_value_is_a_url(cli: Cli, postgres: Postgres, database: str) -> None:
    former = leaks.fresh()
    postgres.execute(f"ALTER ROLE shop_a PASSWORD '{former}'")
    cli("secret", "create", "db", "-", stdin=f"postgres://shop_a:{former}@db:5432/shop")
    _rotate(cli, "db", "--with", f"{database}&role=shop_a")
    assert (value := urlsplit(cli.reveal("db"))).netloc.endswith("@db:5432")
    assert postgres.can_log_in("shop_a", leaks.watch_for((value.password or "").encode()).decode())
    assert not postgres.can_log_in("shop_a", former)
    given = leaks.fresh()
    cli("rotate", "db", "--store-only", "--with", f"{database}&role=shop_a", "--value", "-",
        stdin=f"postgres://shop_a:{given}@elsewhere:5432/shop")  # fmt: skip
    assert urlsplit(cli.reveal("db")).hostname == "elsewhere"
    assert postgres.can_log_in("shop_a", given)


def test_the_first_value_may_name_somebody_else(cli: Cli, postgres: Postgres, database: str) -> None:
    cli("secret", "create", "db", "-", stdin=f"postgres://root:{postgres.password}@db/shop")
    uri = f"{database}&roles=shop_a,shop_b"
    killed = cli.start("rotate", "db", "--store-only", "--with", uri)
    killed.until("db: allow version 2")
    killed.kill()
    cli("rotate", "db", "--store-only", "--with", uri, "--abort")
    assert postgres.can_log_in("root", postgres.password)
    _rotate(cli, "db", "--with", uri)
    assert urlsplit(cli.reveal("db")).username == "shop_a"


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


def test_a_redis_url(cli: Cli, redis: Redis, cache: str) -> None:
    former = leaks.fresh()
    cli("secret", "create", "key", "-", stdin=f"redis://shop:{former}@cache:6379/0")
    _rotate(cli, "key", "--with", cache)
    value = urlsplit(cli.reveal("key"))
    assert (value.username, value.hostname) == ("shop", "cache")
    assert _greets(redis, leaks.watch_for((value.password or "").encode()).decode())


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


def test_a_pattern(cli: Cli) -> None:
    cli.secret("key")
    _rotate(cli, "key", "--pattern", "sk_[a-f]{4}-[0-9]{30}")
    assert re.fullmatch("sk_[a-f]{4}-[0-9]{30}", cli.reveal("key"))


def _openssl(*arguments: str, value: str) -> str:
    done = subprocess.run(["openssl", *arguments], input=value, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("kind", "said"), [("rsa", "Private-Key: (3072 bit"), ("ed25519", "ED25519 Private-Key")])
def test_keys_are_what_openssl_knows(cli: Cli, kind: str, said: str) -> None:
    former = cli.secret("key")
    _rotate(cli, "key", "--generate", kind)
    value = cli.reveal("key")
    assert value != former
    assert said in _openssl("pkey", "-check", "-noout", "-text", value=value)


def test_certificates_are_what_openssl_knows(cli: Cli) -> None:
    """A certificate keeps its subject and names from one rotation to the next, and belongs to the new key."""
    first = ("req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "1", "-subj", "/O=Shop/CN=shop.example",
             "-addext", "subjectAltName=DNS:shop.example,IP:10.0.0.1", "-keyout", "-", "-out", "-")  # fmt: skip
    cli("secret", "create", "key", "-", stdin=_openssl(*first, value=""))
    _rotate(cli, "key", "--generate", "certificate")
    value = cli.reveal("key")
    shown = _openssl("x509", "-noout", "-subject", "-ext", "subjectAltName", "-checkend", "34000000", value=value)
    assert "subject=O = Shop, CN = shop.example" in shown
    assert "DNS:shop.example, IP Address:10.0.0.1" in shown
    assert "Certificate will not expire" in shown
    assert _openssl("x509", "-noout", "-pubkey", value=value) == _openssl("pkey", "-pubout", value=value)

    cli.secret("other")
    _rotate(cli, "other", "--generate", "certificate")
    assert "CN = other" in _openssl("x509", "-noout", "-subject", value=cli.reveal("other"))


def test_the_unit_is_what_systemd_knows(cli: Cli, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        missing("systemd-analyze is not installed")
    cli.project = cli.project.rename(tmp_path / "a project, 100%c")
    service, timer = cli("rotate", "--unit").out.split("# Save as strongroom-rotate.timer")
    for suffix, text in (("service", service), ("timer", f"# {timer}")):
        (tmp_path / f"strongroom-rotate.{suffix}").write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.glob("strongroom-rotate.*")))],
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


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
