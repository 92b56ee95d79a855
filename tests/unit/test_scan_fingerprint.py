"""Fingerprints: what is found with them, and for which values there are none."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

import leaks
from strongroom.errors import ScanError
from strongroom.model import Value
from strongroom.scan.detect.fingerprint import Fingerprints, write

VALUE = leaks.fresh()


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Fingerprints:
    path = tmp_path_factory.mktemp("fingerprints") / "file"
    content, without = write([("db_password", 3, Value(f"{VALUE}\n".encode()))])
    assert not without
    leaks.record(content, "a file of fingerprints")
    path.write_bytes(content)
    return Fingerprints.load(path)


@pytest.mark.parametrize("around", [
    "{}", "password={}", "password: {}\n", '"password":"{}"}', "postgres://u:{}@host/db", "-p {};", "?token={}&x=1",
    "\0{}\xff",
])  # fmt: skip
@pytest.mark.parametrize(
    "encode", [str, lambda text: base64.b64encode(text.encode()).decode(), lambda text: text.encode().hex()]
)
def test_it_is_found_where_it_is_a_word(known: Fingerprints, around: str, encode: Callable[[str], str]) -> None:
    data = around.replace("{}", encode(VALUE)).encode("latin-1")
    (hit,), _ = known.look(data)
    assert (hit.secret, hit.rule) == ("db_password", "known-value")
    assert data[hit.start : hit.end] == hit.value


def test_it_is_told_in_each_place(known: Fingerprints) -> None:
    hits, _ = known.look(f"a={VALUE}\nb={VALUE}\n".encode())
    assert len(hits) == 2


def test_no_part_of_another_word_is_taken_for_it(known: Fingerprints) -> None:
    assert not known.look(f"x{VALUE} {VALUE}0 {VALUE[:-1]} {VALUE.upper()}".encode())[0]


@pytest.mark.parametrize("value", [
    "hunter2", "correcthorsebattery", "Sup3r-Secret-Passw0rd-2024", "two words and a half more", "1234567890123456",
    "aaaaaaaaaaaaaaaaaaaaaaaa", "short1A",
])  # fmt: skip
def test_what_could_be_guessed_has_none(value: str) -> None:
    assert write([("a", 1, Value(value.encode()))])[1] == ["a"]


def test_of_a_key_a_line_is_looked_for(tmp_path: Path) -> None:
    lines = [base64.b64encode(leaks.fresh().encode() * 2).decode() for _ in range(3)]
    key = "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----", ""])
    (tmp_path / "file").write_bytes(write([("tls_key", 1, Value(key.encode()))])[0])
    (hit,), _ = Fingerprints.load(tmp_path / "file").look(key.encode())
    assert hit.secret == "tls_key"


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "[" * 100_000, '{"version": 1, "key": "00"}', '{"version": 1, "key": "x", "values": []}']
)
def test_what_has_none_is_said_to_have_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "file").write_text(text)
    with pytest.raises(ScanError, match="no fingerprints"):
        Fingerprints.load(tmp_path / "file")
    (tmp_path / "file").write_text('{"version": 2}')
    with pytest.raises(ScanError, match="version 2"):
        Fingerprints.load(tmp_path / "file")
