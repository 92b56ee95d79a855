"""Whatever a finding consists of, each report is a document that parses."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from strongroom.model import Value
from strongroom.scan.model import Finding, Layer, Notice, Place
from strongroom.scan.report import Found, Report, prepare, render

SARIF = json.loads((Path(__file__).parent.parent / "schemas/sarif-2.1.0.json").read_text())
# File names that are no UTF-8 have surrogates in Python.
TEXTS = st.text(st.characters(codec=None))


@given(TEXTS, TEXTS, st.binary(min_size=1, max_size=60), st.integers(0, 10**9), st.booleans())
def test_any_finding_gives_documents_that_parse(path: str, text: str, value: bytes, line: int, show: bool) -> None:
    place = Place(path, Layer(3, text, text), text, text, text)
    found = Finding("rule", text, place, line, line, Value(value), (text,), text, text)
    items = prepare([Found(f"image {text}", found)], {"rule": text}, show_values=show)
    report = Report(items, [items[0].target], [Notice("", "")])
    texts = {each: render(report, each) for each in ("json", "sarif", "junit", "html")}
    assert all(each.encode() for each in texts.values())
    assert json.loads(texts["json"])["Line"] == line
    assert ET.fromstring(texts["junit"]).find("testsuite/testcase/failure") is not None
    jsonschema.Draft4Validator(SARIF).validate(json.loads(texts["sarif"]))
