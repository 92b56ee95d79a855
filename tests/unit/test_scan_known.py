"""Known values: each way of writing them, exactly, and no other."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from random import Random
from urllib.parse import quote, quote_plus

import pytest

from scanning import Scans, cut, knowing
from strongroom.model import Value
from strongroom.scan.detect import windows
from strongroom.scan.detect.known import Known
from strongroom.scan.detect.rules import RuleSet

WEAK = b"correcthorse"
ODD = 'p"w/ä+ x\\y9&z'.encode()
PEM = (
    b"-----BEGIN PRIVATE KEY-----\n"
    b"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgnq8KJr7Xf4Z1mO2b\n"
    b"1sWcQ9vN3xYtR6uE5pL8kJhGfDhRANCAAQqL3mN7vB2xZ9cK4jH6gFdS8aPoIuY\n"
    b"-----END PRIVATE KEY-----\n"
)
WAYS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda value: b"x = " + value,
    "base64": base64.b64encode,
    "base64 after one": lambda value: base64.b64encode(b":" + value + b"\n"),
    "base64 after two": lambda value: base64.urlsafe_b64encode(b"::" + value),
    "base64 in base64": lambda value: base64.b64encode(b"x " + base64.b64encode(b"y " + value)),
    "hex": lambda value: value.hex().encode(),
    "HEX": lambda value: b"0x" + (b"= " + value).hex().upper().encode(),
    "URL": lambda value: quote(value).encode(),
    "URL, all": lambda value: b"next%3D" + quote(value, "").encode(),
    "form": lambda value: b"a=" + quote_plus(value).encode(),
    "JSON": lambda value: json.dumps({"a": value.decode()}).encode(),
    "JSON, not only ASCII": lambda value: json.dumps({"a": value.decode()}, ensure_ascii=False).encode(),
    "JSON in JSON": lambda value: json.dumps(json.dumps({"a": value.decode()})).encode(),
    "UTF-16 LE": lambda value: ("\ufeffa = " + value.decode()).encode("utf-16-le"),
    "UTF-16 BE": lambda value: ("\ufeffa = " + value.decode()).encode("utf-16-be"),
    "gzip in base64": lambda value: base64.b64encode(gzip.compress(b"x " + value)),
    "JSON in base64": lambda value: base64.b64encode(json.dumps({"a": value.decode()}).encode()),
}


def scans(*values: bytes) -> Scans:
    return Scans(RuleSet(()), knowing(*values))


@pytest.mark.parametrize("value", [WEAK, ODD, PEM, b"h7k2"], ids=["weak", "odd", "key", "short"])
@pytest.mark.parametrize("way", WAYS)
def test_a_value_in_each_way_is_found_and_named(value: bytes, way: str) -> None:
    (found,) = scans(b"another-value", value).findings([b"first\n" + WAYS[way](value.strip())])
    assert (found.rule, found.secret, found.value) == ("known-value", "secret1", Value(value.rstrip(b"\n")))
    assert found.description == "Version 1 of the secret 'secret1'"
    if way == "as it is":
        assert (found.line, found.column, found.encoding) == (2, 5, ())


def test_other_values_are_not_found() -> None:
    scan = scans(WEAK, ODD, b"h7k2", b"0123456789abcdef")
    for text in (
        b"correcthors",
        b"correcthorses",
        b"xcorrecthorse",
        b"correct horse",
        b"h7k2x",
        b"ah7k2",
        b"0123456789abcde",
    ):
        for way in ("as it is", "base64", "hex", "URL", "JSON", "UTF-16 LE"):
            assert scan(WAYS[way](text)) == [], (text, way)


@pytest.mark.parametrize(
    "text", [b'"correcthorse"', b"a:correcthorse@b", b"a\\ncorrecthorse", b"p%3Dcorrecthorse", b"\xc3\xa4correcthorse,"]
)
def test_a_word_ends_at_punctuation_and_escapes(text: bytes) -> None:
    assert [each.value for each in scans(WEAK)(text)] == [WEAK]


def test_a_value_across_windows_is_told_once() -> None:
    scan = scans(b"k3y" * 2000, WEAK)
    for start in range(windows.SIZE - 7000, windows.SIZE + windows.AHEAD + 9000, 5555):
        data = b"." * start + b"k3y" * 2000 + b"\n" + b"." * windows.SIZE
        assert [each.column for each in scan(*cut(data, 65536))] == [start + 1]


def test_a_very_long_value_is_found() -> None:
    value = Random(1).randbytes(400_000).hex().encode()[:500_000]
    assert [each[:3] for each in scans(value)(b"\n " + value + b"\n")] == [("known-value", 2, 2)]


def test_lines_of_a_value_are_one_finding_however_they_are_indented() -> None:
    scan = scans(PEM)
    indented = b"key: |\n" + b"".join(b"    " + line + b"\n" for line in PEM.splitlines())
    (found,) = scan.findings([indented])
    assert (found.line, found.description) == (3, "A line of version 1 of the secret 'secret0'")
    assert len(scan(PEM.splitlines()[1] + b"\n" * 300 + PEM.splitlines()[2])) == 2
    assert scan(b"-----BEGIN PRIVATE KEY-----\n") == []


def test_a_known_value_is_told_whatever_allows_it() -> None:
    assert len(scans(WEAK)(b"x = correcthorse # gitleaks:allow")) == 1


def test_a_known_value_wins_over_a_rule(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert [each.rule for each in Scans(known=knowing(WEAK))(b"password = correcthorse")] == ["known-value"]


def test_a_value_that_is_too_short_is_said() -> None:
    scan = scans(b"abc", WEAK)
    assert scan(b"abc correcthorse")[0].value == WEAK
    (notice,) = scan.scanner.notices
    assert notice.path == "secret0" and "shorter than 4 bytes" in notice.message


def test_equal_values_are_told_by_the_first() -> None:
    known = Known([("new", 2, Value(WEAK)), ("old", 1, Value(WEAK))])
    assert [each.secret for each in Scans(RuleSet(()), known).findings([WEAK])] == ["new"]


def test_nothing_known_is_written(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    scan = scans(WEAK)
    assert scan(WEAK)
    from pathlib import Path

    assert not any(WEAK in file.read_bytes() for file in Path(str(tmp_path)).rglob("*") if file.is_file())
