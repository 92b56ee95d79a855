"""SARIF 2.1.0 (OASIS), as code scanning services read it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .report import Item, Report

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_HOME = "https://pypi.org/project/strongroom/"
# What GitHub sorts by: a number from 0 to 10, of which 9 and more are critical, and 7 and more high.
_KNOWN, _GUESSED = "9.5", "8.0"


def render(report: Report) -> str:
    """Return a log with one run."""
    rules = {item.rule: item for item in reversed(report.items)}
    order = {rule: index for index, rule in enumerate(sorted(rules))}
    driver = {
        "name": "strongroom",
        "version": version("strongroom"),
        "informationUri": _HOME,
        "rules": [_rule(rules[rule]) for rule in order],
    }
    notices = [{"level": "warning", "message": {"text": str(notice)}} for notice in report.notices]
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notices}],
        "results": [_result(item, order[item.rule]) for item in report.items],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _rule(item: Item) -> dict[str, Any]:
    return {
        "id": item.rule,
        "shortDescription": {"text": item.description or item.rule},
        "help": {"text": item.fix},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["security", "secret"], "security-severity": _KNOWN if item.secret else _GUESSED},
    }


def _result(item: Item, index: int) -> dict[str, Any]:
    where = f" of {item.target}" + (f", {item.origin}" if item.origin else "")
    what = f"{item.why} ({f'secret {item.secret}' if item.secret else item.value}) in {item.place}{where}."
    properties: dict[str, Any] = {
        "target": item.target,
        "fix": item.fix,
        "encoding": list(item.encoding),
        "commit": item.commit,
    }
    if item.layer is not None:
        properties["layer"] = {"number": item.layer, "digest": item.layer_digest, "instruction": item.instruction}
    return {
        "ruleId": item.rule,
        "ruleIndex": index,
        "level": "error",
        "message": {"text": f"{what} {item.fix}"},
        "locations": [{"physicalLocation": _physical(item), "logicalLocations": _logical(item)}],
        "partialFingerprints": {"strongroom/v1": item.key},
        "properties": properties,
    }


def _physical(item: Item) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": _uri(item.path) or quote(item.target)}}
    if item.line:
        region: dict[str, Any] = {"startLine": item.line}
        if item.column:
            region["startColumn"] = item.column
        if item.excerpt:
            region["snippet"] = {"text": item.excerpt}
        location["region"] = region
    return location


def _uri(path: str) -> str:
    """Return a path as what comes after the root of the sources, which is where the scan runs."""
    if not path.startswith("/"):
        return quote(path)
    here = f"{Path.cwd()}/"
    return quote(path.removeprefix(here)) if path.startswith(here) else f"file://{quote(path)}"


def _logical(item: Item) -> Sequence[dict[str, str]]:
    name = f"{item.target} {item.origin}".strip()
    return [{"fullyQualifiedName": name, "kind": "resource"}]
