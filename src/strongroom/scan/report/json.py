"""JSON: an object a finding, a line each."""

from __future__ import annotations

import json

from .report import Item, Report


def render(report: Report) -> str:
    """Return one line of JSON for each finding."""
    return "".join(json.dumps(_object(item), ensure_ascii=False) + "\n" for item in report.items)


def _object(item: Item) -> dict[str, object]:
    layer = {"Number": item.layer, "Digest": item.layer_digest, "Instruction": item.instruction}
    return {
        "Target": item.target,
        "Rule": item.rule,
        "Description": item.description,
        "Secret": item.secret,
        "Value": item.value,
        "Path": item.path,
        "Line": item.line,
        "Column": item.column,
        "Encoding": list(item.encoding),
        "Layer": None if item.layer is None else layer,
        "Platform": item.platform,
        "Commit": item.commit,
        "Shown": not item.shown,
        "Hidden": item.shown,
        "Excerpt": item.excerpt,
        "Fix": item.fix,
        "Fingerprint": item.key,
    }
