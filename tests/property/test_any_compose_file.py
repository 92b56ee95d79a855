"""A grant in any Compose file, however PyYAML writes it: it is there, and nothing else changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom import edit
from strongroom.edit import Wanted


def _source(grant: Any) -> str:
    return str(grant["source"] if isinstance(grant, dict) else grant)


_NAMES = st.sampled_from(["db", "api-key", "a.b", "true", "7", "x_y"])
_SHORT = _NAMES
_LONG = st.fixed_dictionaries(
    {"source": _NAMES},
    optional={"target": st.sampled_from(["/etc/x", "t"]), "mode": st.just(0o400), "uid": st.just("5")},
)
_SERVICE = st.fixed_dictionaries(
    {"image": st.sampled_from(["x", "a: b", "#", "line\nline\n", "'\""])},
    optional={
        "secrets": st.none() | st.lists(_SHORT | _LONG, unique_by=_source),
        "environment": st.dictionaries(st.sampled_from(["A", "B"]), st.text(max_size=8)),
        "command": st.lists(st.text(max_size=5), max_size=2),
    },
)  # fmt: skip
_PROJECTS = st.fixed_dictionaries(
    {"services": st.dictionaries(_NAMES, _SERVICE, min_size=1)},
    optional={"secrets": st.none() | st.dictionaries(_NAMES, st.just({"external": True})), "x-last": st.just("- |")},
)
_WANTED = st.builds(
    Wanted, _NAMES, st.none() | st.sampled_from(["t", "/etc/a b", "true"]), st.none() | st.integers(0, 70000),
    st.none() | st.integers(0, 70000), st.none() | st.sampled_from([0, 0o400, 0o444]), st.none(),
)  # fmt: skip


@settings(deadline=None)  # what is slow is the machine
@given(_PROJECTS, _WANTED, st.sampled_from([None, True, False]), st.sampled_from([2, 4]), st.data())
def test_a_grant(project: dict[str, Any], wanted: Wanted, flow: bool | None, indent: int, data: st.DataObject) -> None:
    service = data.draw(st.sampled_from(sorted(project["services"])))
    text = yaml.safe_dump(project, default_flow_style=flow, indent=indent, width=40)
    changed = yaml.safe_load(edit.granted(text, Path("compose.yaml"), service, wanted))

    before, after = project["services"][service].get("secrets") or [], changed["services"][service]["secrets"]
    (mine,) = (each for each in after if _source(each) == wanted.source)
    former = next((each for each in before if _source(each) == wanted.source), None)
    said = {"target": wanted.target, "uid": _text(wanted.uid), "gid": _text(wanted.gid), "mode": wanted.mode}
    said = {key: value for key, value in said.items() if value is not None}
    expected = {**(former if isinstance(former, dict) else {"source": wanted.source}), **said}
    assert (mine if isinstance(mine, dict) else {"source": mine}) == expected
    assert [each for each in after if _source(each) != wanted.source] == [
        each for each in before if _source(each) != wanted.source
    ]
    assert changed["secrets"] == {wanted.source: {"external": True}, **(project.get("secrets") or {})}
    assert _without(changed, service) == _without(project, service)


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def _without(project: dict[str, Any], service: str) -> dict[str, Any]:
    services = {name: dict(each) for name, each in project["services"].items()}
    services[service].pop("secrets", None)
    return {**{key: value for key, value in project.items() if key != "secrets"}, "services": services}
