"""The baseline: what it recognises, and that no value can be read from it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from strongroom.errors import ScanError
from strongroom.model import Value
from strongroom.scan import baseline
from strongroom.scan.baseline import Baseline
from strongroom.scan.model import Finding, Layer, Place


def finding(value: str, path: str = "a/settings.py", rule: str = "generic", line: int = 3) -> Finding:
    return Finding(rule, "A password", Place(path), line, 1, Value(value.encode()))


def test_what_is_in_it_is_not_new_wherever_its_line_is(tmp_path: Path) -> None:
    path, known = tmp_path / "baseline.json", finding("hunter2")
    assert baseline.write(path, [known, known, finding("other")]) == 2
    loaded = Baseline.load(path)
    moved = known._replace(line=99, place=Place("a/settings.py", Layer(3, "sha256:1"), shown="deleted by layer 4"))
    others = [finding("hunter3"), finding("hunter2", "b.py"), finding("hunter2", rule="else")]
    assert loaded.new([known, moved, *others, finding("other")]) == [False, False, True, True, True, False]


def test_no_value_is_in_it_and_no_bare_digest_of_one(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    baseline.write(path, [finding("hunter2"), finding("hunter2", "has hunter2 in its name"), finding("hunter2", "b")])
    text = path.read_text()
    assert "hunter2" not in text
    for name in ("md5", "sha1", "sha256", "sha512", "blake2b"):
        assert hashlib.new(name, b"hunter2").hexdigest()[:16] not in text
    codes = [each["code"] for each in json.loads(text)["findings"]]
    assert len(set(codes)) == 3  # equal values look different
    assert path.stat().st_mode & 0o777 == 0o600
    baseline.write(path, [finding("hunter2")])
    assert json.loads(path.read_text())["findings"][0]["code"] not in codes  # a salt of its own


def test_names_that_are_no_utf_8(tmp_path: Path) -> None:
    path, strange = tmp_path / "baseline.json", finding("hunter2", "caf\udce9.txt")
    baseline.write(path, [strange])
    assert Baseline.load(path).new([strange]) == [False]


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"version": 1}',
                                  '{"version": 1, "scrypt": "x", "findings": []}',
                                  '{"version": 1, "scrypt": "00", "findings": [{"rule": "a"}]}'])  # fmt: skip
def test_what_is_no_baseline_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(ScanError, match="is no baseline"):
        Baseline.load(path)


def test_one_of_another_version_or_none_at_all(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text('{"version": 2}')
    with pytest.raises(ScanError, match="version 2"):
        Baseline.load(path)
    with pytest.raises(ScanError, match="cannot be read"):
        Baseline.load(tmp_path / "none.json")
    with pytest.raises(ScanError, match="cannot be written"):
        baseline.write(tmp_path / "no/directory.json", [])
