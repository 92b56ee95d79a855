"""The rotator for MariaDB against a real one."""

from __future__ import annotations

import json

import pytest

import leaks
from cli import Cli
from servers import LOCAL, Mariadb


@pytest.fixture
def database(cli: Cli, mariadb: Mariadb) -> str:
    """Return the URI of a MariaDB in which ``shop``, ``shop_a`` and ``shop_b`` are, and whose admin is known."""
    mariadb.execute(*(f"CREATE OR REPLACE USER {each}@'%'" for each in ("shop", "shop_a", "shop_b")))
    cli("secret", "create", "db_admin", "-", stdin=leaks.watch_for(mariadb.password.encode()).decode())
    return f"mariadb://admin@{LOCAL}:{mariadb.port}/?admin_secret=db_admin"


def _rotate(cli: Cli, *options: str, status: int = 0) -> str:
    return cli("rotate", "db", "--store-only", *options, status=status).stderr


def test_both_passwords_are_valid_until_it_finishes(cli: Cli, mariadb: Mariadb, database: str) -> None:
    uri, former = f"{database}&user=shop", cli.secret("db")
    mariadb.execute(f"ALTER USER shop@'%' IDENTIFIED BY '{former}' REQUIRE SSL")
    killed = cli.start("rotate", "db", "--store-only", "--with", uri)
    killed.until("db: test version 2")
    killed.kill()
    if "pending" in json.loads(cli("secret", "inspect", "db").out)[0]["Stages"]:
        assert mariadb.can_log_in("shop", former)
        assert mariadb.can_log_in("shop", cli.reveal("db", "--stage", "pending"))
    _rotate(cli, "--with", uri)
    assert mariadb.can_log_in("shop", cli.reveal("db"))
    assert not mariadb.can_log_in("shop", former)

    cli("rollback", "db", "--store-only", "--with", uri)
    assert cli.reveal("db") == former
    assert mariadb.can_log_in("shop", former)
    shown = leaks.watch_for(cli.reveal("db", "--stage", "previous").encode()).decode()
    assert not mariadb.can_log_in("shop", shown)
    assert "ALTER USER" in mariadb.statements
    assert former not in mariadb.statements
    assert shown not in mariadb.statements


def test_two_users_take_turns(cli: Cli, mariadb: Mariadb, database: str) -> None:
    first = leaks.fresh()
    mariadb.execute(f"ALTER USER shop_a@'%' IDENTIFIED BY '{first}'")
    cli("secret", "create", "db", "-", stdin=json.dumps({"username": "shop_a", "password": first}))
    used = ["shop_a"]
    for _ in range(3):
        before = json.loads(cli.reveal("db"))
        _rotate(cli, "--with", f"{database}&users=shop_a,shop_b")
        now = json.loads(cli.reveal("db"))
        used.append(now["username"])
        for each in (now, before):  # tasks have that still
            assert mariadb.can_log_in(each["username"], each["password"])
    assert used == ["shop_a", "shop_b", "shop_a", "shop_b"]


def test_an_account_from_one_host_alone(cli: Cli, mariadb: Mariadb, database: str) -> None:
    mariadb.execute("CREATE OR REPLACE USER shop@'127.0.0.%'", "ALTER USER shop@'%' ACCOUNT LOCK")
    cli.secret("db")
    _rotate(cli, "--with", f"{database}&user=shop@127.0.0.%")
    assert mariadb.can_log_in("shop", cli.reveal("db"))
    mariadb.execute("DROP USER shop@'127.0.0.%'")


def test_tls_with_an_authority(cli: Cli, mariadb: Mariadb, database: str) -> None:
    cli.secret("db")
    _rotate(cli, "--with", f"{database}&user=shop&ssl_ca={mariadb.ca}")
    said = _rotate(cli, "--with", f"{database}&user=shop&ssl_ca=/etc/ssl/certs/ca-certificates.crt", status=1)
    assert f"MariaDB at {LOCAL}:{mariadb.port}" in said
    assert "certificate verify failed" in said
    assert "strongroom rotate --abort db" in said or "as it was" in said


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ("user=nobody", "MariaDB has no account nobody@%."),
        ("user=root@localhost", "logs in by unix_socket: a rotation changes accounts that log in by mysql_native"),
        ("user=shop&ssl=1", "'ssl' in 'mariadb://"),
    ],
)
def test_accounts_that_it_does_not_change(cli: Cli, mariadb: Mariadb, database: str, user: str, said: str) -> None:
    mariadb.execute("CREATE OR REPLACE USER root@localhost IDENTIFIED VIA mysql_native_password OR unix_socket")
    cli.secret("db")
    assert said in _rotate(cli, "--with", f"{database}&{user}", status=1)


def test_a_server_that_is_down(cli: Cli, mariadb: Mariadb, database: str) -> None:
    uri, former = f"{database}&user=shop", cli.secret("db")
    mariadb.stop()
    try:
        said = _rotate(cli, "--with", uri, status=1)
        assert "Version 2 of 'db' is still pending: finish it with: strongroom rotate db" in said
        assert cli.reveal("db") == former
    finally:
        mariadb.start()
    _rotate(cli, "--with", uri)
    assert mariadb.can_log_in("shop", cli.reveal("db"))
