"""What a Compose file declares, and what a check says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from memory_store import MemoryStore
from strongroom import compose
from strongroom.check import Row, Status, check
from strongroom.compose import ServiceGrant, parse, parse_mode
from strongroom.compose_files import declared_store
from strongroom.delivery import declared
from strongroom.delivery.declared import Kind
from strongroom.docker import render
from strongroom.docker.users import Identity
from strongroom.errors import DeclarationError, SecretsMissing
from strongroom.model import Name, Value

FILE = Path("/project/compose.yaml")


def _parse(text: str) -> compose.Project:
    return parse(yaml.safe_load(text), FILE)


@pytest.mark.parametrize(
    ("written", "mode"),
    [
        ("0440", 0o440), ('"0440"', 0o440), ('"440"', 0o440), ("0o440", 0o440), ('"0o440"', 0o440), ("288", 0o440),
        ("440", 440), ("0", 0),
    ],
)  # fmt: skip
def test_modes_as_compose_reads_them(written: str, mode: int) -> None:
    assert parse_mode(yaml.safe_load(written)) == mode


@pytest.mark.parametrize("written", ["rw", '"0o9"', "-1", "010000", "true", "1.5", "[]", '""'])
def test_modes_that_are_none(written: str) -> None:
    with pytest.raises(ValueError, match=r"not a mode|invalid literal"):
        parse_mode(yaml.safe_load(written))


def test_grants_in_both_syntaxes() -> None:
    project = _parse("""
services:
  a:
    user: "1000"
    secrets: [s, {source: t, target: /etc/t, uid: "1", gid: 2, mode: 0400}]
secrets: {s: {external: true}, t: {file: ./t.txt, labels: [a=b]}, u: {environment: U, name: other}, v: {driver: d}}
x-strongroom: {secrets: {s: {rotate: {keep: 3}}}}
""")
    assert project.services["a"].grants == (
        ServiceGrant("s", "s", 0, 0, 0o444),
        ServiceGrant("t", "/etc/t", 1, 2, 0o400),
    )
    assert [each.key for each in project.used] == ["s", "t"]
    assert project.secrets["t"].file == Path("/project/t.txt")
    assert project.secrets["t"].labels == {"a": "b"}
    assert (project.secrets["u"].name, project.secrets["u"].named) == ("other", True)
    assert [project.policy(project.secrets[key]).keep for key in ("s", "t")] == [3, 2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "/project/compose.yaml: the file is not a mapping."),
        ("services: {a: {secrets: s}}", "services.a.secrets is not a list"),
        ("services: {a: {secrets: [s]}}", "services.a uses the secret 's', which is not declared"),
        ("services: {a: {secrets: [{target: x}]}}", "has a grant without 'source'"),
        ("services: {a: {secrets: [{source: s, mode: x}]}}\nsecrets: {s: {external: true}}", "s.mode is not a mode"),
        (
            "services: {a: {secrets: [{source: s, uid: app}]}}\nsecrets: {s: {external: true}}",
            "numbers for uid and gid",
        ),
        ("secrets: {s: {}}", "secrets.s needs exactly one of"),
        ("secrets: {s: {file: a, environment: B}}", "secrets.s needs exactly one of"),
        ("secrets: {s: {file: '${HOME}/a'}}", "which only Docker can fill in"),
        ("x-strongroom: {secrets: {s: {rotate: {keep: 0}}}}", "give a number from 1"),
        ('services: {"a; b": {}}', "services has 'a; b', which Compose does not take"),
        ('secrets: {"a\\e[31m": {file: x}}', "secrets has 'a\\x1b[31m', which Compose does not take"),
        ('secrets: {s: {environment: "A; b #"}}', "environment is 'A; b #', which names no variable"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, said: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        _parse(text)
    assert said in str(caught.value)


def test_where_each_value_is(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("x")
    project = parse(yaml.safe_load("""
services: {a: {secrets: [stored, own, absent, file, gone, set, empty, driven]}}
secrets:
  stored: {external: true}
  own: {external: true}
  absent: {external: true}
  file: {file: here}
  gone: {file: gone}
  set: {environment: SET}
  empty: {environment: EMPTY}
  driven: {driver: d}
"""), tmp_path / "compose.yaml")  # fmt: skip
    store = MemoryStore()
    store.create(Name("stored"), Value(b"value"))
    found = declared.locate(project.used, store, {"SET": "x", "EMPTY": ""}, {"own", "stored"})
    kinds = {each.secret.key: each.kind for each in found}
    assert kinds == {
        "stored": Kind.STORE, "own": Kind.SWARM, "absent": Kind.MISSING, "file": Kind.FILE, "gone": Kind.MISSING,
        "set": Kind.ENVIRONMENT, "empty": Kind.MISSING, "driven": Kind.DRIVER,
    }  # fmt: skip
    with pytest.raises(SecretsMissing) as caught:
        declared.require(found)
    lines = str(caught.value).splitlines()
    assert lines[0] == "3 secrets are missing, and nothing was changed."
    assert "strongroom secret create absent FILE" in lines[1]
    assert lines[2].endswith("Mend it: strongroom init --dev")
    assert lines[3].endswith("Mend it: export EMPTY")


def _check(grant: dict[str, Any], user: str | None) -> Row:
    project = parse(
        {"services": {"a": {"image": "i", "user": user, "secrets": [{"source": "s", **grant}]}},
         "secrets": {"s": {"external": True}}}, FILE,
    )  # fmt: skip
    store = MemoryStore()
    store.create(Name("s"), Value(b"value"))
    (row,) = check(project, store, None, {})
    return row


@pytest.mark.parametrize(
    ("grant", "user", "status"),
    [
        ({"mode": 0o400}, "root", Status.OK),
        ({"mode": 0o400}, "0:0", Status.OK),
        ({"mode": 0o400}, "1000", Status.UNREADABLE),
        ({"mode": 0o400, "uid": "1000"}, "1000", Status.OK),
        ({"mode": 0o040, "uid": "1000", "gid": "5"}, "1000:5", Status.UNREADABLE),
        ({"mode": 0o440, "gid": "5"}, "1000:5", Status.OK),
        ({"mode": 0o440, "gid": "5"}, "1000:6", Status.UNREADABLE),
        ({}, "1000", Status.OK),
        ({}, "app", Status.OK),  # whoever that is
        ({"mode": 0o404, "gid": "5"}, "1000:5", Status.UNREADABLE),
        ({"mode": 0o400}, "app", Status.WARNING),  # nobody knows who that is without the image
        ({"mode": 0o400}, None, Status.WARNING),
    ],
)
def test_whether_the_process_can_read_it(grant: dict[str, Any], user: str | None, status: Status) -> None:
    row = _check(grant, user)
    assert row.status is status
    assert row.failed == (status is Status.UNREADABLE)
    assert bool(row.fix) == (status is not Status.OK)


def test_unused_and_undeclared_are_warnings() -> None:
    store = MemoryStore()
    store.create(Name("lonely"), Value(b"value"))
    rows = check(_parse("services: {a: {}}\nsecrets: {b: {external: true}}"), store, None, {})
    assert [(row.secret, row.status) for row in rows] == [("b", Status.WARNING), ("lonely", Status.WARNING)]


@pytest.mark.parametrize(
    ("uid", "gid", "mode", "may"),
    [(7, 0, 0o400, True), (7, 0, 0o040, False), (0, 5, 0o040, True), (0, 9, 0o440, False), (0, 9, 0o004, True),
     (0, 5, 0o004, False)],
)  # fmt: skip
def test_the_kernel_s_rule(uid: int, gid: int, mode: int, may: bool) -> None:
    assert Identity(7, 5, frozenset({5, 6})).may_read(uid, gid, mode) == may


def test_what_docker_stack_refuses_is_replaced_in_the_text() -> None:
    text = b"""# a comment
services:
  a: {image: "i", secrets: [{source: s, mode: "0440"}, {source: t, mode: 0o400}], configs: [{source: c, mode: '0444'}]}
secrets:
  s: {environment: THE_VARIABLE}
  t: {external: true}
"""
    replaced = render._for_stack(text, FILE).decode()
    found = yaml.safe_load(replaced)
    assert [each["mode"] for each in found["services"]["a"]["secrets"]] == [0o440, 0o400]
    assert found["services"]["a"]["configs"] == [{"source": "c", "mode": 0o444}]
    assert found["secrets"]["s"] == {"file": "strongroom-environment:THE_VARIABLE"}
    assert replaced.startswith("# a comment\n")


@pytest.mark.parametrize(
    ("text", "store"),
    [
        ("x-strongroom: {store: 'vault://secret/app'}", "vault://secret/app"),
        ("x-strongroom: {store: 'strongroom:'}", ""),
        ("x-strongroom: {secrets: {}}\nservices: {store: {image: x}}", ""),
        ("services: {a: {image: x}}", ""),
        ("x-strongroom: {}", ""),
    ],
)
def test_where_the_store_is(tmp_path: Path, text: str, store: str) -> None:
    (tmp_path / "compose.yaml").write_text(text)
    (tmp_path / "below").mkdir()
    assert declared_store([], tmp_path / "below") == store
    (tmp_path / "more.yaml").write_text("x-strongroom: {store: 'aws://app'}")
    assert declared_store([tmp_path / "compose.yaml", tmp_path / "more.yaml"], tmp_path) == "aws://app"


def test_a_file_that_says_no_store_is_not_parsed(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("x-strongroom: {secrets: [}")
    assert declared_store([], tmp_path) == ""


@pytest.mark.parametrize("store", ["./secrets", "vault", "[1]", "command:///bin/date", "'${STORE}'", "''"])
def test_what_is_no_store(store: str) -> None:
    with pytest.raises(DeclarationError, match=r"x-strongroom\.store"):
        _parse(f"x-strongroom: {{store: {store}}}")
