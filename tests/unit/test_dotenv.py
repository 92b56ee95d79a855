"""Reading a ``.env`` file as Docker Compose reads it, and choosing what becomes a secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom import dotenv
from strongroom.errors import DeclarationError, InvalidValue

PATH = Path(".env")


# What Docker Compose 2 made of the same lines.
@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("V=plain", "plain"), ("export V=exp", "exp"), ("V: yaml", "yaml"), ("V= lead  trail   ", "lead  trail"),
        ("V=un#hash", "un#hash"), ("V=un #hash", "un"), ("V= # only", "# only"), ('V="a" # c', "a"),
        ('V="dq $A ${A}"', "dq one one"), ("V='sq $A ${A} \\n'", "sq $A ${A} \\n"), ("V=a\\$A", "a\\one"),
        ('V="esc \\n \\t \\" \\\\ \\$A"', 'esc \n \t " \\ $A'), ('V="q\\w"', "q\\w"), ("V=s\\n", "s\\n"),
        ('V="multi\nline"', "multi\nline"), ('V=a"b"c', 'a"b"c'), ("V=a'b", "a'b"), ("V=$$x", "$x"), ("V=p$2x", "p$2x"),
        ("V=x$", "x$"), ("V=", ""), ("V=''", ""), ("V=a\r", "a"),
    ],
)  # fmt: skip
def test_a_value_is_what_compose_makes_of_it(line: str, text: str) -> None:
    found = dotenv.read(f"# first\n\nA=one\n{line}\nB=last".encode(), PATH)
    assert (found["A"].text, found["V"].text, found["B"].text) == ("one", text, "last")


@pytest.mark.parametrize("line", ["what is this", "= x", "V='open", 'V="open', "V='a'b", "{}", "a,b=c"])
def test_what_is_not_such_a_file(line: str) -> None:
    with pytest.raises(DeclarationError) as raised:
        dotenv.read(f"\n{line}\n".encode(), PATH)
    assert "line 2" in str(raised.value)
    assert line not in str(raised.value)


@given(st.binary(max_size=60) | st.text("AB='\"$\\{} \n#:\t\0", max_size=40).map(str.encode))
def test_any_file_is_read_or_refused(data: bytes) -> None:
    try:
        found = dotenv.read(data, PATH)
        dotenv.records(dotenv.choose(found, PATH, list(found)))
    except (DeclarationError, InvalidValue):
        pass


FILE = b"""POSTGRES_USER=shop
POSTGRES_PASSWORD=hunter2hunter2
DATABASE_URL=postgres://$POSTGRES_USER:${POSTGRES_PASSWORD}@db/shop
API_KEY=${OTHER}
EMPTY_TOKEN=
LOG_LEVEL=${LEVEL:-info}
"""


def test_what_holds_a_secret_is_chosen() -> None:
    found = dotenv.read(FILE.replace(b"API_KEY=${OTHER}", b""), PATH)
    chosen = dotenv.choose(found, PATH)
    assert list(chosen) == ["POSTGRES_PASSWORD", "DATABASE_URL"]
    assert chosen["DATABASE_URL"].reveal() == b"postgres://shop:hunter2hunter2@db/shop"
    assert [secret.name for secret, _ in dotenv.records(chosen)] == ["postgres_password", "database_url"]
    assert list(dotenv.choose(found, PATH, ["POSTGRES_USER"])) == ["POSTGRES_USER"]
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ((), r"line 4: API_KEY refers to \$\{OTHER\}"), (("NONE",), "no variable NONE"),
        (("EMPTY_TOKEN",), "line 5: EMPTY_TOKEN has no value"), (("LOG_LEVEL",), "line 6: LOG_LEVEL refers to"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_over(wanted: tuple[str, ...], said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        dotenv.choose(dotenv.read(FILE, PATH), PATH, wanted)


def test_two_variables_of_one_name() -> None:
    found = dotenv.read(b"Db_Password=a-long-one\nDB_PASSWORD=another-one\n", PATH)
    with pytest.raises(DeclarationError, match="Db_Password and DB_PASSWORD would have one name"):
        dotenv.records(dotenv.choose(found, PATH))
