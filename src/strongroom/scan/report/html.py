"""One page for a browser that needs nothing else: no file beside it, and nothing from a network."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from importlib.resources import files
from string import Template

from .report import Item, Report

_FEW = 8
_HEADINGS = ("Secret", "Place", "Why", "What to do")


def render(report: Report) -> str:
    """Return the page. Its policy lets a browser run the one script that it has, and load nothing."""
    package = files(__package__ or "")
    script = package.joinpath("page.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return Template(package.joinpath("page.html").read_text("utf-8")).substitute(
        script=script,
        script_digest=digest,
        summary=escape(report.summary()),
        version=escape(version("strongroom")),
        time=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        targets=_targets(report),
        findings=_table(report) if report.items else "",
        notices=_notices(report),
    )


def _targets(report: Report) -> str:
    targets = "".join(f"<li>{escape(target)}</li>" for target in report.targets)
    if len(report.targets) <= _FEW:
        return f"<ul class=dim>{targets}</ul>"
    return f"<details class=dim><summary>{len(report.targets):,} targets</summary><ul>{targets}</ul></details>"


def _table(report: Report) -> str:
    headings = "".join(f'<th scope="col"><button type="button">{each}</button></th>' for each in _HEADINGS)
    rows = "\n".join(_row(item, len(report.targets) > 1) for item in report.items)
    return (
        '<label>Filter<input type="search" placeholder="words that a row must have"></label>'
        f'<p class="dim" id="shown" aria-live="polite"></p>\n<div class="scroll"><table>\n<thead><tr>{headings}</tr>'
        f"</thead>\n<tbody>\n{rows}\n</tbody>\n</table></div>"
    )


def _row(item: Item, several: bool) -> str:
    secret = f"<strong>{escape(item.secret or item.rule)}</strong><code class=value>{escape(item.value)}</code>"
    place = f"<code class=path>{escape(item.place)}</code>"
    for line in (item.origin, item.target if several and not item.whole else ""):
        place += f"<small class=dim>{escape(line)}</small>" if line else ""
    why = f"<span>{escape(item.why)}</span>"
    why += f"<code class=dim>{escape(item.excerpt)}</code>" if item.excerpt else ""
    return f"<tr><td>{secret}</td><td>{place}</td><td>{why}</td><td>{escape(item.fix)}</td></tr>"


def _notices(report: Report) -> str:
    if not report.notices:
        return ""
    lines = "".join(f"<li>{escape(str(each))}</li>" for each in report.notices)
    return f"<h2>Not looked at whole</h2><ul>{lines}</ul>"
