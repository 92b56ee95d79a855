"""What a rotation is told: policies, rotators' URIs, values that name an account, and when a secret is due."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from unittest.mock import MagicMock

import pytest

from memory_store import MemoryStore
from strongroom import policy
from strongroom.errors import DeclarationError
from strongroom.generate import ALPHABETS
from strongroom.model import Name, Value
from strongroom.policy import Generate, Policy
from strongroom.rotation import credentials, target, values
from strongroom.rotation.base import Context
from strongroom.rotation.registry import find

HERE = "x-strongroom.secrets.db.rotate"


def test_a_policy_with_everything() -> None:
    text = {"every": "30d", "generate": {"length": 40, "alphabet": "url"}, "with": "redis://h/?user=u", "keep": 3}
    assert policy.parse(text, HERE) == Policy(timedelta(days=30), Generate(40, "url"), "redis://h/?user=u", 3)
    assert policy.parse({}, HERE) == Policy()
    assert policy.parse({"generate": 12}, HERE).generate == Generate(12)
    assert policy.parse({"generate": "ed25519"}, HERE).generate == Generate(kind="ed25519")
    assert policy.parse({"generate": {"kind": "rsa"}}, HERE).generate == Generate(kind="rsa")
    turns = "postgres://a@h/?roles=a,b"
    assert policy.parse({"with": turns, "strategy": "alternating"}, HERE).rotator == turns
    assert policy.parse({"strategy": "single"}, HERE) == Policy()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], f"{HERE} is not a mapping"),
        ({"evry": "1d"}, f"{HERE}.evry is not known"),
        ({"every": "1y"}, f"{HERE}.every is '1y'"),
        ({"every": "0d"}, f"{HERE}.every is '0d'"),
        ({"keep": True}, "give a number from 1"),
        ({"generate": "dsa"}, f"{HERE}.generate is 'dsa'"),
        ({"generate": {"size": 3}}, f"{HERE}.generate.size is not known"),
        ({"generate": {"alphabet": "greek"}}, "there are alphanumeric"),
        ({"strategy": "blue-green"}, f"{HERE}.strategy is 'blue-green': give single, or alternating"),
        ({"strategy": "alternating", "with": "postgres://h/?role=a"}, "'with' names no two accounts"),
        ({"strategy": "single", "with": "mariadb://h/?users=a,b"}, "'with' names two accounts"),
    ],
)
def test_policies_that_are_none(content: object, said: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        policy.parse(content, HERE)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90m", 5400), ("12h", 43200), (" 1d ", 86400), ("2w", 1209600), ("3 h", 10800)]
)
def test_durations(text: str, seconds: int) -> None:
    assert policy.duration(text, "every").total_seconds() == seconds


def test_when_a_secret_is_due() -> None:
    store = MemoryStore()
    before = datetime.now(UTC)
    secret = store.create(Name("db"), Value(b"x"))
    due = Policy(every=timedelta(days=1)).due(secret)
    assert due and timedelta(days=1) <= due - before < timedelta(days=1, minutes=1)
    assert Policy().due(secret) is None


@pytest.mark.parametrize(
    ("value", "following"),
    [
        ('{"username": "a", "password": "p", "host": "h"}', '{"username": "b", "password": "new/", "host": "h"}'),
        ('{"username": "b", "password": "p"}', '{"username": "a", "password": "new/"}'),
        ('{"username": "root", "password": "p"}', '{"username": "a", "password": "new/"}'),
        ("postgresql://a:p%40@h:5432/shop?x=1", "postgresql://b:new%2F@h:5432/shop?x=1"),
    ],
)
def test_accounts_that_take_turns(value: str, following: str) -> None:
    made = credentials.following(Value(value.encode()), ["a", "b"], Value(b"new/")).reveal().decode()
    assert made == following if "://" in following else json.loads(made) == json.loads(following)
    assert credentials.read(Value(made.encode()), ["a", "b"]).password == "new/"


@pytest.mark.parametrize("value", ["p", "{}", '{"username": "a"}', "[1]", "postgres://a@host/db", "://"])
def test_accounts_that_take_turns_and_a_value_that_names_none(value: str) -> None:
    with pytest.raises(DeclarationError, match="the accounts a, b take turns"):
        credentials.read(Value(value.encode()), ["a", "b"])


@pytest.mark.parametrize(
    ("value", "following"),
    [
        ("postgres://a:old@h:5432/shop", "postgres://a:new%2F@h:5432/shop"),
        ("redis://:old@h/0", "redis://:new%2F@h/0"),
        ('{"username": "a", "password": "old"}', '{"username": "a", "password": "new/"}'),
        ("old", "new/"),
    ],
)
def test_one_account_keeps_the_form_of_its_value(value: str, following: str) -> None:
    assert credentials.read(Value(value.encode()), ["a"]) == ("a", "old")
    assert credentials.following(Value(value.encode()), ["a"], Value(b"new/")) == Value(following.encode())
    whole = Value(b"postgres://a:given@elsewhere/shop")
    assert credentials.following(Value(value.encode()), ["a"], whole) == whole


def test_one_account_has_a_password_alone() -> None:
    assert credentials.read(Value(b'{"any": 1}\n'), ["a"]) == ("a", '{"any": 1}')
    assert credentials.following(Value(b"old"), ["a"], Value(b"new")) == Value(b"new")


def test_a_uri_with_everything() -> None:
    parsed = target.parse("postgres://ad%40min@h:6/shop?admin_secret=s&roles=a,b&sslmode=require", 5432, "role")
    assert parsed[1:] == ("h", 6, "ad@min", "s", "shop", ("a", "b"), {"sslmode": "require"})


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("postgres://a@h/", "give postgres://ADMIN@HOST"),
        ("postgres:///?role=r", "give postgres://ADMIN@HOST"),
        ("postgres://a@h:x/?role=r", "no port that is a number"),
        ("mariadb://a@h/", "give mariadb://ADMIN@HOST"),
        ("mariadb://a@h/?user=u&tls=1", "'tls' in .* is not known"),
        ("oracle://h", "no rotator is known for oracle"),
        ("nothing", "no rotator is known for nothing"),
    ],
)
def test_uris_that_are_none(uri: str, said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        find(uri, Context("db", lambda _: Value(b"x")))


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_a_password_is_drawn_from_its_alphabet(alphabet: str) -> None:
    made = values.make(Generate(200, alphabet), "db").reveal().decode()
    assert len(made) == 200
    assert set(made) <= set(ALPHABETS[alphabet])


def test_mysql_gets_one_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in says what is asked of it: there is no MySQL to try it with."""
    pymysql, asked = pytest.importorskip("pymysql"), []
    connection = MagicMock()
    cursor = connection.__enter__.return_value.cursor.return_value.__enter__.return_value
    cursor.execute.side_effect = lambda *statement: asked.append(statement)
    cursor.fetchone.return_value = ("8.4.3",)
    monkeypatch.setattr(pymysql, "connect", lambda **_: connection)
    rotator = find("mysql://a@h/?user=u", Context("db", lambda _: Value(b"x")))
    rotator.allow(Value(b"new"), Value(b"old"))
    assert asked == [("SELECT VERSION()",), ("ALTER USER %s@%s IDENTIFIED BY %s", ("u", "%", "new"))]
