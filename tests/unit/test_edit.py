"""Granting a secret in a Compose file: in whatever style it is written, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from strongroom import compose, edit
from strongroom.compose import ServiceGrant
from strongroom.edit import Wanted
from strongroom.errors import DeclarationError

PATH = Path("compose.yaml")
FULL = Wanted("db", "pass", 1000, 1001, 0o400)
GRANT = ServiceGrant("db", "pass", 1000, 1001, 0o400)
STYLES = {
    "no secrets": "services:\n  api:\n    image: x # the image\n    # a comment\n  web: {image: y}\n",
    "no newline at the end": "services:\n  api:\n    image: x",
    "a list in block style": "services:\n  api:\n    secrets:\n      - other # why\n    image: x\nsecrets:\n  other:\n"
    "    file: ./other # here\n\n# the end\n",
    "a list that is not indented": "services:\n  api:\n    secrets:\n    - other\nsecrets:\n  other: {file: ./other}\n",
    "a list in flow style": "services: {api: {image: x, secrets: [other]}}\nsecrets: {other: {file: ./o}}\n",
    "an empty list": "services:\n  api:\n    secrets: []\nsecrets: {}\n",
    "nothing where they should be": "services:\n  api:\n    secrets:\n    image: x\nsecrets:\n",
    "granted in short": "services:\n  api:\n    secrets:\n      - db # mine\n      - other\nsecrets:\n  db:\n"
    "    external: true\n  other: {file: ./o}\n",
    "granted at length": "services:\n  api:\n    secrets:\n      - source: db\n        target: else # where\n"
    "        mode: 0444\n      - other\nsecrets:\n  db: {external: true}\n  other: {file: ./o}\n",
    "granted at length in flow style": 'services: {api: {secrets: [{source: db, uid: "7"}]}}\n'
    "secrets: {db: {external: true}}\n",
    "JSON": '{"services": {"api": {"image": "x"}}, "secrets": {"other": {"file": "./o"}}}',
    "a text block at the end": "services:\n  api:\n    command: |\n      sleep 1\n\nvolumes: {}\n",
    "an alias at the end of the file": "services:\n  web: &w\n    image: y\n    tty: true\n"
    "  api:\n    image: x\n  b: *w\n",
    "a merge at the end of the service": "x-a: &a\n  image: x\nservices:\n  api:\n    user: '1000'\n    <<: *a\n# b\n",
    "an alias at the end of a list in flow style": "x-a: &a other\nservices: {api: {secrets: [*a]}}\n"
    "secrets: {other: {file: ./o}}\n",
    "a merge of others": "x-a: &a {image: x}\nservices:\n  api:\n    <<: *a\n    user: '1000'\n",
}


@pytest.mark.parametrize("style", STYLES)
def test_every_style(style: str) -> None:
    text = STYLES[style]
    changed = edit.granted(text, PATH, "api", FULL)
    before, after = (compose.parse(yaml.safe_load(each), PATH) for each in (text, changed))
    others = [each for each in before.services["api"].grants if each.source != "db"]
    assert sorted(after.services["api"].grants, key=str) == sorted([*others, GRANT], key=str)
    assert after.secrets["db"].external
    assert after.services.get("web") == before.services.get("web")
    for line in text.splitlines():
        if "#" in line:
            assert line.partition("#")[2] in changed
    assert edit.granted(changed, PATH, "api", FULL) == changed


@pytest.mark.parametrize("style", STYLES)
def test_a_bare_grant_changes_no_grant_that_is_there(style: str) -> None:
    text = STYLES[style]
    changed = edit.granted(text, PATH, "api", Wanted("db"))
    before, after = (compose.parse(yaml.safe_load(each), PATH).services["api"].grants for each in (text, changed))
    assert {each for each in before if each.source == "db"} <= set(after)
    assert "db" in {each.source for each in after}


def test_a_line_is_all_that_changes() -> None:
    text = STYLES["a list in block style"]
    changed = edit.granted(text, PATH, "api", Wanted("db", mode=0o400)).splitlines()
    assert [line for line in changed if line not in text.splitlines()] == [
        "      - {source: db, mode: 0400}",
        "  db: {external: true}",
    ]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ("{DB_PASS: hunter, A: b}", {"DB_PASS_FILE": "/run/secrets/db", "A": "b"}),
        ("\n      DB_PASS: hunter # bad\n      A: b", {"DB_PASS_FILE": "/run/secrets/db", "A": "b"}),
        ("\n      - DB_PASS=hunter\n      - A=b", ["DB_PASS_FILE=/run/secrets/db", "A=b"]),
        ("[A=b, DB_PASS]", ["A=b", "DB_PASS_FILE=/run/secrets/db"]),
    ],
)
def test_a_file_instead_of_a_variable(environment: str, expected: object) -> None:
    text = f"services:\n  api:\n    image: x\n    environment: {environment}\n"
    changed = yaml.safe_load(edit.granted(text, PATH, "api", Wanted("db", instead_of="DB_PASS")))
    assert changed["services"]["api"]["environment"] == expected
    with_target = edit.granted(text, PATH, "api", Wanted("db", "/etc/x", instead_of="DB_PASS"))
    assert "/etc/x" in str(yaml.safe_load(with_target)["services"]["api"]["environment"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("services: {web: {}}", "has no service 'api' (its services: web)"),
        ("services: [", "line 1 is not YAML"),
        ("- a", "the file is not a mapping"),
        ("services: 5", "services is not a mapping"),
        ("services: {api: }", "services.api is not a mapping"),
        ("services: {api: {secrets: db}}", "is not a list"),
        ("x: &x {secrets: [a]}\nservices: {api: {<<: *x}}", "by hand"),
        ("x: &x [a]\nservices: {api: {secrets: *x}, web: {secrets: *x}}", "shared with others"),
        ("services: {api: &x {image: a}, web: *x}", "shared with others"),
    ],
)
def test_what_cannot_be_edited_is_said(text: str, said: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        edit.granted(text, PATH, "api", FULL)
    assert said in str(caught.value)


def test_a_variable_that_is_not_there() -> None:
    with pytest.raises(DeclarationError, match=r"environment has no DB_PASS"):
        edit.granted("services: {api: {image: x}}", PATH, "api", Wanted("db", instead_of="DB_PASS"))


def test_aliases_of_aliases_take_no_time() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20))
    text = f"{bomb}services: {{api: {{image: x}}, web: {{x-y: *a19}}}}\n"
    assert edit.granted(text, PATH, "api", Wanted("db")) != text


def test_what_is_nested_too_deep_is_no_yaml(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text("a: " + "[" * 50_000)
    for reads in (lambda: edit.grant(path, "api", FULL), lambda: compose.load(path)):
        with pytest.raises(DeclarationError, match="is not YAML"):
            reads()


def test_line_ends_of_windows_stay(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_bytes(b"services:\r\n  api:\r\n    image: x\r\n")
    edit.grant(path, "api", Wanted("db"))
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) == 5 and all(line.endswith(b"\r\n") for line in lines)


def test_the_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text(STYLES["no secrets"])
    path.chmod(0o640)
    assert edit.grant(path, "api", FULL)
    assert not edit.grant(path, "api", FULL)
    assert path.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["compose.yaml"]
    with pytest.raises(DeclarationError, match="cannot be read"):
        edit.grant(tmp_path / "absent", "api", FULL)
