"""What an application needs: the variable, the mounted file, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.delivery import needed
from strongroom.delivery.needed import Needed
from strongroom.errors import StrongroomError
from strongroom.references import Reference


def need(name: str, reference: str, uid: int | None = None, gid: int | None = None, mode: int = needed.MODE,
         optional: bool = False) -> Needed:  # fmt: skip
    return Needed(name, Reference.parse(reference), uid, gid, mode, optional)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a=vault://x/y#z", [("a", "vault://x/y#z")]),
        ("a=vault://x/y#z,b=aws://n", [("a", "vault://x/y#z"), ("b", "aws://n")]),
        (" a=vault://x/y#z ,\n b=aws://n ,\n", [("a", "vault://x/y#z"), ("b", "aws://n")]),
        ("a=vault://x/y#z\nb-c.d=file:///x", [("a", "vault://x/y#z"), ("b-c.d", "file:///x")]),
        ("a=command://get,it,b=c,d=env://X", [("a", "command://get,it,b=c"), ("d", "env://X")]),
        ("app_=aws://x#*,=aws://y#*", [("app_", "aws://x#*"), ("", "aws://y#*")]),
        ("a=vault://x/y?version=2#z=1", [("a", "vault://x/y#z=1?version=2")]),
        ("a_=aws://x#*?version=2", [("a_", "aws://x#*?version=2")]),
    ],
)
def test_variable(text: str, expected: list[tuple[str, str]]) -> None:
    assert needed.parse(text) == [need(*each) for each in expected]
    assert [each.every for each in needed.parse(text)] == ["#*" in reference for _, reference in expected]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("vault://x/y#z", "NAME=REFERENCE"),
        ("a=nothing", "NAME=REFERENCE"),
        ("=vault://x", "not a secret's name"),
        ("../a=vault://x", "not a secret's name"),
        ("a/=vault://x#*", "cannot start"),
        ("a_=vault://x", "not a secret's name"),
    ],
)
def test_wrong_variable(text: str, says: str) -> None:
    with pytest.raises(StrongroomError, match=says):
        needed.parse(text)


TOML = """
[secrets]
plain = "vault://x/y#z"
key = {from = "aws://n", mode = "0440", uid = 999, gid = 1, optional = true}
octal = {from = "aws://n", mode = 0o440}
app_ = "aws://n#*"
"""
YAML = """
secrets:
  plain: vault://x/y#z
  key: {from: "aws://n", mode: "0o440", uid: 999, gid: 1, optional: true}
  octal: {from: "aws://n", mode: 0440}
  app_: "aws://n#*"
"""


@pytest.mark.parametrize(("name", "content"), [("s.toml", TOML), ("s.yaml", YAML), ("s", YAML)])
def test_file(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert needed.load(tmp_path / name) == [
        need("plain", "vault://x/y#z"),
        need("key", "aws://n", 999, 1, 0o440, True),
        need("octal", "aws://n", mode=0o440),
        need("app_", "aws://n#*"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("s.toml", "a = ", "not TOML"),
        ("s.toml", "a = 1", "no table 'secrets'"),
        ("s.yaml", "a: [", "not YAML in line"),
        ("s.yaml", "secrets: {a: 1}", "give a reference"),
        ("s.yaml", "secrets: {a: {mode: 1}}", "give a reference"),
        ("s.yaml", "secrets: {a: {from: 'x://y', target: /x}}", "'target' is not known"),
        ("s.yaml", "secrets: {a: {from: 'x://y', mode: '0999'}}", "octal"),
        ("s.yaml", "secrets: {a: {from: 'x://y', uid: root}}", "numbers"),
        ("s.yaml", "secrets: {a: {from: 'x://y', uid: -1}}", "numbers"),
        ("s.yaml", "secrets: {a: {from: 'x://y', optional: 'no'}}", "true or false"),
        ("s.yaml", "secrets: {a/b: 'x://y'}", "not a secret's name"),
        ("missing.yaml", None, "cannot be read"),
    ],
)
def test_wrong_file(tmp_path: Path, name: str, content: str | None, says: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(StrongroomError, match=says):
        needed.load(tmp_path / name)


def test_several_places() -> None:
    one, two = need("a", "x://1"), need("a", "x://2")
    assert needed.together([one, need("b", "x://1")]) == [one, need("b", "x://1")]
    assert len(needed.together([need("p_", "x://1#*"), need("p_", "x://2#*")])) == 2
    with pytest.raises(StrongroomError, match="named twice"):
        needed.together([one, two])
