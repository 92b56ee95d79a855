"""JUnit's XML, as CI services show it: a suite a target, a failed test a finding."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from .masking import for_xml
from .report import Item, Report


def render(report: Report) -> str:
    """Return a document. A target without a finding is one test that passed."""
    root = ET.Element("testsuites", name="strongroom scan", time=f"{report.seconds:.3f}")
    total = 0
    for target in dict.fromkeys(report.targets):
        items = [item for item in report.items if item.target == target]
        total += len(items)
        count = {"tests": str(len(items) or 1), "failures": str(len(items)), "errors": "0", "skipped": "0"}
        suite = ET.SubElement(root, "testsuite", {"name": for_xml(target), **count})
        for item in items:
            _case(suite, item)
        if not items:
            ET.SubElement(suite, "testcase", name="no secrets", classname=for_xml(target))
    if report.notices:
        said = "\n".join(map(str, report.notices))
        suites = list(root)
        if suites:
            ET.SubElement(suites[-1], "system-err").text = for_xml(said)
    root.set("tests", str(sum(int(suite.get("tests", "0")) for suite in root)))
    root.set("failures", str(total))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False).join(
        ('<?xml version="1.0" encoding="UTF-8"?>\n', "\n")
    )


def _case(suite: ET.Element, item: Item) -> None:
    attributes = {"name": f"{item.rule}: {item.place}", "classname": item.target, "file": item.path}
    if item.line:
        attributes["line"] = str(item.line)
    case = ET.SubElement(suite, "testcase", {key: for_xml(text) for key, text in attributes.items()})
    failure = ET.SubElement(case, "failure", type=for_xml(item.rule), message=for_xml(f"{item.why}: {item.value}"))
    lines = [f"{item.place} {item.origin}".strip(), item.excerpt, item.fix]
    failure.text = for_xml("\n".join(line for line in lines if line))
