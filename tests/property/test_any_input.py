"""What people write is understood or refused in a sentence, whatever it is."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import yaml
from hypothesis import given
from hypothesis import strategies as st

from strongroom import compose, grants
from strongroom.cli import output
from strongroom.errors import DeclarationError, InvalidName, StrongroomError
from strongroom.generate import ALPHABETS, password
from strongroom.model import Name, Stage, move_stage

NUMBER = st.integers(0, 2**31)


@given(st.text())
def test_a_name_is_docker_s_or_refused(text: str) -> None:
    with suppress(InvalidName):
        assert Name(text) == text
        assert 1 <= len(text) <= 64 and text.isascii() and "/" not in text


@given(st.text() | st.from_regex(r"[a-z]+(=[a-z/.]+)?(,(uid|gid|mode|target)=[0-9a-z]*)*", fullmatch=True))
def test_any_grant(text: str) -> None:
    with suppress(StrongroomError):
        grant = grants.parse(text)
        assert 0 <= grant.mode <= 0o7777


@given(uid=NUMBER, gid=NUMBER, mode=st.integers(0, 0o7777), target=st.from_regex(r"[a-z/.]{1,9}", fullmatch=True))
def test_a_grant_is_read_as_it_is_written(uid: int, gid: int, mode: int, target: str) -> None:
    grant = grants.parse(f"x={target},uid={uid},gid={gid},mode={mode:o}")
    assert grant == (Name("x"), target, uid, gid, mode)


@given(st.text() | st.from_regex(r"(\{\{-? ?(json )?(\.[A-Za-z]*)*( \"[a-z]*\")? ?\}\}|[a-z ])*", fullmatch=True))
def test_any_template(template: str) -> None:
    with suppress(click.UsageError):
        output.render(template, {"Name": "x", "Labels": {"a": "b"}, "Stages": ["current"]})


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=9), below, max_size=4),
)
KEYS = st.sampled_from(["source", "target", "uid", "gid", "mode", "file", "external", "name", "environment", "driver"])
ODD = st.dictionaries(KEYS, ANY | st.sampled_from(["0440", "0x1", "a", "../b", "-1"]), max_size=5)


@given(
    services=ANY
    | st.dictionaries(st.just("api"), st.fixed_dictionaries({"secrets": st.lists(st.just("x") | ODD) | ODD})),
    secrets=ANY | st.dictionaries(st.just("x"), ODD),
)
def test_any_compose_file(services: Any, secrets: Any) -> None:
    text = yaml.safe_dump({"services": services, "secrets": secrets})
    with suppress(DeclarationError, InvalidName):
        project = compose.parse(yaml.safe_load(text), Path("compose.yaml"))
        for service in project.services.values():
            assert all(0 <= grant.mode <= 0o7777 for grant in service.grants)


@given(st.binary(max_size=200) | st.text().map(str.encode))
def test_any_bytes_as_a_compose_file(tmp_path_factory: Any, data: bytes) -> None:
    path = tmp_path_factory.mktemp("project") / "compose.yaml"
    path.write_bytes(data)
    with suppress(DeclarationError, InvalidName):
        compose.load(path)


@given(length=st.integers(1, 300), alphabet=st.sampled_from(list(ALPHABETS)))
def test_generated_passwords(length: int, alphabet: str) -> None:
    made = password(length, alphabet).decode()
    assert len(made) == length
    assert set(made) <= set(ALPHABETS[alphabet])


@given(st.lists(st.tuples(st.sampled_from(list(Stage)), st.integers(1, 4)), min_size=1))
def test_stages_always_have_a_current_once_set(moves: list[tuple[Stage, int]]) -> None:
    stages: dict[Stage, int] = {Stage.CURRENT: 1}
    for stage, version in moves:
        before = stages
        stages = move_stage(stages, stage, version)
        assert stages[stage] == version
        if stage is Stage.CURRENT and before[Stage.CURRENT] != version:
            assert stages[Stage.PREVIOUS] == before[Stage.CURRENT]
            assert stages.get(Stage.PENDING) != version
