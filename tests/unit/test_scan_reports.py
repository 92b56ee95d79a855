"""Reports: what each format shows of a finding, what none of them shows, and that foreign text stays text."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

import jsonschema
import pytest

import leaks
from strongroom.model import Value
from strongroom.scan.model import Finding, Layer, Notice, Place
from strongroom.scan.report import Found, Report, masking, prepare, render, table
from strongroom.scan.report.advice import fix

# Microsoft's copy of the OASIS schema, from the npm package @microsoft/jest-sarif (MIT).
SARIF = json.loads((Path(__file__).parent.parent / "schemas/sarif-2.1.0.json").read_text())
EVIL = "a\x1b[31mb\u202ec<script>alert(1)</script>&\"'\x00\ufffe\nd"


def finding(value: str, path: str = "src/settings.py", line: int = 3, **others: object) -> Finding:
    made = Finding("generic-password", "A password", Place(path), line, 9, Value(value.encode()))
    return made._replace(**others)  # type: ignore[arg-type]


def report(*findings: Finding, target: str = "dir .", show_values: bool = False) -> Report:
    items = prepare([Found(target, each) for each in findings], {}, show_values=show_values)
    return Report(items, [target], [Notice("big.zip", "nested too deep")], 12, 3_400_000, 0.5)


def shown(made: Report) -> dict[str, str]:
    """Return all reports by format."""
    file = io.StringIO()
    table.show(made, file)
    return {"table": file.getvalue()} | {each: render(made, each) for each in ("json", "sarif", "junit", "html")}


def every(check: Callable[[str], bool], made: Report) -> None:
    for name, text in shown(made).items():
        assert check(text), name


def test_a_value_shows_nowhere_unless_it_is_asked_for() -> None:
    value = leaks.fresh()
    layer = Layer(2, "sha256:00ff", f"RUN |1 TOKEN={value} /bin/sh -c curl -H {quote(value + '/')}")
    made = finding(value, f"logs/{value}.txt", excerpt=f"password = {value}", place=Place(f"x/{value}", layer))
    every(lambda text: value not in text and "generic-password" in text, report(made))
    every(lambda text: value in text, report(made, show_values=True))


@pytest.mark.parametrize("encode", [
    lambda value: base64.b64encode(value).decode(), lambda value: base64.b64encode(b"u:" + value + b"\n").decode(),
    lambda value: base64.b64encode(b"u" + value).decode(), bytes.hex, lambda value: value.hex().upper(),
    lambda value: quote(value, safe=""), lambda value: json.dumps(value.decode())[1:-1],
])  # fmt: skip
def test_a_value_shows_in_no_encoding(encode: Callable[[bytes], str]) -> None:
    value = leaks.fresh('p"/+ä ').encode()
    layer = Layer(0, "", f"RUN echo {encode(value)}")
    made = report(finding(value.decode(), place=Place("history 1", layer)))
    assert made.items[0].instruction.count("*****") >= 1
    assert encode(value) not in made.items[0].instruction


def test_another_finding_on_the_line_is_masked_too() -> None:
    one, other = leaks.fresh(), leaks.fresh()
    line = f"https://{one}:{other}@host"
    made = report(finding(one, excerpt=line), finding(other, excerpt=line))
    every(lambda text: one not in text and other not in text, made)


def test_a_finding_that_is_left_out_is_masked_all_the_same() -> None:
    one, other = leaks.fresh(), leaks.fresh()
    layer = Layer(0, "", f"RUN curl -u {one}:{other} host")
    new, known = (finding(each, place=Place("history 1", layer), excerpt=f"{one}:{other}") for each in (one, other))
    (item,) = prepare([Found("image x", new)], {}, beside=[Found("image x", known)])
    assert item.instruction == "RUN curl -u *****:***** host"
    assert item.excerpt == "*****:*****"


@pytest.mark.parametrize(("value", "expected"), [
    ("hunter2", "*****"), ("correct horse battery staple", "*****"), ("ghp_shortish", "*****"),
    ("ghp_0123456789abcdefghij0123", "ghp_*****"), ("AKIA0123456789ABCDEF", "AKIA*****"),
    ("0123456789abcdef0123456789", "*****"), ("long_password_with_no_prefix", "*****"),
    ("glpat-0123456789abcdefghij", "glpat-*****"),
])  # fmt: skip
def test_only_public_prefixes_of_long_tokens_are_shown(value: str, expected: str) -> None:
    assert masking.mask(Value(value.encode())) == expected


def test_foreign_text_stays_text() -> None:
    made = finding(
        EVIL + "0" * 20, EVIL, excerpt=EVIL, description=EVIL, place=Place(EVIL, Layer(0, "", EVIL), shown=EVIL)
    )
    for values in (False, True):
        texts = shown(report(made, show_values=values))
        for name, text in texts.items():
            assert "\x1b" not in text and "\u202e" not in text and "\x00" not in text, name
        assert "<script>alert" not in texts["html"]
        assert ET.fromstring(texts["junit"]).find("testsuite/testcase/failure") is not None
        jsonschema.Draft4Validator(SARIF).validate(json.loads(texts["sarif"]))


def test_targets_and_notices_are_harmless_too() -> None:
    target = f"dir {EVIL}\udcff"
    (item,) = prepare([Found(target, finding("hunter2hunter2"))], {})
    texts = shown(Report.of([item], [target, "dir b"], [Notice(EVIL, f"{EVIL}\udcff")], files=1, size=1, seconds=0.1))
    for name, text in texts.items():
        assert all(each.isprintable() or each == "\n" for each in text.encode().decode()), name
    assert "<script>alert" not in texts["html"]
    first, second = ET.fromstring(texts["junit"])
    assert (first.get("failures"), second.get("failures")) == ("1", "0")
    (run,) = json.loads(texts["sarif"])["runs"]
    assert run["results"][0]["properties"]["target"] == first.get("name")


def test_a_notice_without_a_path_is_its_message_alone() -> None:
    texts = shown(Report.of([], ["dir a"], [Notice("", "many are left out")], files=1, size=1, seconds=0.1))
    for name in ("html", "junit", "sarif"):
        assert "many are left out" in texts[name] and ": many" not in texts[name], name


@pytest.mark.parametrize("path", ["keys/id_rsa", "of/a/target/keys/id_rsa"])
def test_a_path_that_is_all_that_was_found_is_seen(path: str) -> None:
    made = report(finding("keys/id_rsa", path, line=0))
    every(lambda text: path in text, made)
    assert made.items[0].value == "*****"


def test_sarif_names_place_rule_and_notices() -> None:
    (run,) = json.loads(render(report(finding("hunter2hunter2", "a dir/ä.py")), "sarif"))["runs"]
    (result,) = run["results"]
    physical = result["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"]["uri"] == "a%20dir/%C3%A4.py"
    assert physical["region"]["startLine"] == 3
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "generic-password"
    assert "big.zip" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]


def test_a_target_that_was_named_twice_is_one_suite() -> None:
    (item,) = prepare([Found("dir .", finding("hunter2hunter2"))], {})
    root = ET.fromstring(render(Report([item], ["dir .", "dir ."]), "junit"))
    assert (root.get("failures"), len(root)) == ("1", 1)


def test_a_clean_scan_is_a_passed_test_and_an_empty_log() -> None:
    texts = shown(report())
    assert texts["table"] == "" == texts["json"]
    suite = ET.fromstring(texts["junit"])[0]
    assert (suite.get("failures"), suite.get("tests")) == ("0", "1")
    assert json.loads(texts["sarif"])["runs"][0]["results"] == []
    assert "nothing found in 12 files, 3.4 MB" in texts["html"]


def test_the_key_outlives_moved_lines_and_rebuilt_layers() -> None:
    first = finding("hunter2hunter2", excerpt="p = hunter2hunter2", place=Place("a", Layer(1, "sha256:1", "COPY")))
    second = first._replace(line=90, place=Place("a", Layer(2, "sha256:2", "COPY")))
    other = first._replace(rule="other")
    keys = [report(each).items[0].key for each in (first, second, other)]
    assert keys[0] == keys[1] != keys[2]
    assert report(first, show_values=True).items[0].key == keys[0]


def test_the_table_gives_each_advice_once() -> None:
    key = finding("x" * 30, rule="private-key", line=9)
    lines = shown(report(finding("one"), finding("two", line=5), key))["table"].splitlines()
    rows = [line.split()[-1] for line in lines if "src/settings.py" in line]
    assert rows == ["1", "1", "2"]
    assert [line.split()[:2] for line in lines if line.startswith("FIX")] == [["FIX", "1"], ["FIX", "2"]]


@pytest.mark.parametrize(("kind", "changes", "words"), [
    ("dir", {"secret": "db_password"}, ["strongroom rotate db_password", "/run/secrets/db_password"]),
    ("image", {"place": Place("app/.npmrc", Layer(1, "", "COPY . /app"), shown="deleted by layer 3")},
     ["strongroom ignore", "--mount=type=secret", "later one deletes"]),
    ("image", {"place": Place("history 2", None)}, ["--mount=type=secret"]),
    ("image", {"place": Place("Env TOKEN", None)}, ["/run/secrets"]),
    ("git", {"place": Place("a", commit="abc")}, ["git filter-repo"]),
    ("container", {"place": Place("Env TOKEN")}, ["'secrets:'"]),
    ("container", {"place": Place("logs")}, ["MaskSecrets"]),
    ("dir", {"rule": "private-key"}, ["new key", "strongroom secret create"]),
])  # fmt: skip
def test_what_to_do_depends_on_what_and_where(kind: str, changes: dict[str, object], words: Sequence[str]) -> None:
    advice = fix(finding("x")._replace(**changes), kind)  # type: ignore[arg-type]
    assert all(word in advice for word in words), advice


def test_a_value_that_a_store_has_need_not_be_put_into_one() -> None:
    assert "secret create" not in fix(finding("x", secret="db_password"), "dir")
