"""The engine: what is matched, where, and once; windows; what Hyperscan does not take; its cache."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from scanning import A_TOKEN, KEY, PASSWORD, RULES, TOKEN, Scans, Told, cut
from strongroom.errors import RulesError
from strongroom.scan.detect import windows
from strongroom.scan.detect.patterns import shortened
from strongroom.scan.detect.rules import Allowlist, Rule, RuleSet


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        directory = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(directory))
        yield directory / "strongroom"


@pytest.fixture(scope="module")
def scan() -> Scans:
    return Scans()


def test_a_match_is_told_with_its_line_and_column(scan: Scans) -> None:
    assert scan(b"first\n  x = " + A_TOKEN + b"\n") == [Told("vendor-token", 2, 7, A_TOKEN)]


def test_the_secret_is_the_first_group_or_the_one_that_is_named(scan: Scans) -> None:
    assert scan(b'password: "hunter22"') == [Told("generic-password", 1, 12, b"hunter22")]
    second = Rule("pair", "", "key=([a-z]+),([a-z]+);", secret_group=2, keywords=("key",))
    assert Scans(RuleSet((second,)))(b"key=abc,def;") == [Told("pair", 1, 9, b"def")]
    alternatives = Rule("either", "", "x(?:=(a+)|:(b+));", keywords=("x",))
    assert Scans(RuleSet((alternatives,)))(b"x:bbb;") == [Told("either", 1, 3, b"bbb")]


def test_of_two_rules_in_one_place_the_more_specific_one_is_told(scan: Scans) -> None:
    assert scan(b"password=" + A_TOKEN) == [Told("vendor-token", 1, 10, A_TOKEN)]


def test_two_secrets_in_one_line_are_two_findings_and_neither_shows_in_an_excerpt(scan: Scans) -> None:
    found = scan.findings([b"password=hunter22 " + A_TOKEN])
    assert [each.rule for each in found] == ["generic-password", "vendor-token"]
    assert {each.excerpt for each in found} == {"password=***** *****"}


def test_an_excerpt_is_short_and_one_line(scan: Scans) -> None:
    (found,) = scan.findings([b"before\n" + b"x " * 500 + b"password=hunter22 " + b"\0y" * 500 + b"\nafter"])
    assert len(found.excerpt) < 150
    assert "before" not in found.excerpt and "\n" not in found.excerpt and "\0" not in found.excerpt


def test_a_line_that_allows_it_is_left_out(scan: Scans) -> None:
    assert scan(b"password=hunter22 # gitleaks:allow\npassword=hunter23") == [
        Told("generic-password", 2, 10, b"hunter23")
    ]


def test_an_allowlist_is_asked() -> None:
    allowed = RULES._replace(allowlists=(Allowlist(regexes=("^hunter",)),))
    assert Scans(allowed)(b"password=hunter22\npassword=fisher22") == [Told("generic-password", 2, 10, b"fisher22")]


def test_a_rule_of_a_path_alone_finds_the_piece() -> None:
    scan = Scans(RuleSet((TOKEN, Rule("key-file", "A key", path=r"\.p12$"))))
    (found,) = scan.findings([b"\x30\x82"], "certs/server.p12")
    assert (found.rule, found.line, found.column) == ("key-file", 0, 0)
    assert scan.findings([b"\x30\x82"], "certs/server.p12.txt") == []


def test_keywords_may_stand_elsewhere_in_the_text_but_have_to_stand_there() -> None:
    scan = Scans(RuleSet((Rule("digits", "", r"\b[0-9]{8}\b", keywords=("acme",)),)))
    assert scan(b"12345678") == []
    assert scan(b"ACME\n\n12345678") == [Told("digits", 3, 1, b"12345678")]


@pytest.mark.parametrize("size", [1, 7, 4096, 100_000, 3_000_000])
def test_a_match_anywhere_in_a_large_piece_is_told_once(scan: Scans, size: int) -> None:
    if size < 4096:
        chunks = [*cut(b"password=hunter22\n" * 40, size)]
        assert len(scan(*chunks)) == 40
        return
    edge = windows.SIZE + windows.AHEAD
    lines = [b"nothing in this very line"] * (3 * edge // 26)
    places = {0, 200, *(edge * n // 26 + step for n in (1, 2) for step in range(-6000, 1000, 150))}
    wanted = {place: b"vnd_%020d" % place for place in sorted(places)}
    for place, token in wanted.items():
        lines[place] = token + b" "
    found = scan(*cut(b"\n".join(lines), size))
    assert [(each.line - 1, each.column, each.value) for each in found] == [(at, 1, wanted[at]) for at in wanted]


def test_a_password_at_the_edge_of_a_window_is_told_once_and_whole(scan: Scans) -> None:
    for edge in (windows.SIZE, windows.SIZE + windows.AHEAD):
        for shift in range(-30, 5):
            data = b" " * (edge + shift) + b'password = "a-longer-value"\n' + b" " * edge
            assert [each.value for each in scan(*cut(data, windows.SIZE))] == [b"a-longer-value"], shift


def test_a_long_key_across_windows_is_told_whole(scan: Scans) -> None:
    key = b"-----BEGIN PRIVATE KEY-----\n" + b"QUJDREVG\n" * 2000 + b"-----END PRIVATE KEY-----"
    for start in range(windows.SIZE - 40_000, windows.SIZE + windows.AHEAD + 2000, 13_001):
        data = b"." * start + key + b"." * windows.SIZE
        assert [(each.column, each.value) for each in scan(*cut(data, 65536))] == [(start + 1, key)]


def test_columns_in_a_line_longer_than_a_window(scan: Scans) -> None:
    start = 3 * windows.SIZE
    assert scan(b"x\n" + b"." * start + b" " + A_TOKEN)[0][1:3] == (2, start + 2)


def test_columns_are_characters(scan: Scans) -> None:
    line = "ä€😀 ".encode() + A_TOKEN
    assert [each[1:3] for each in scan(b"x\n" + line + b" " + line)] == [(2, 5), (2, 5 + len(A_TOKEN) + 5)]
    many = "ä".encode() * windows.SIZE
    assert [each[1:3] for each in scan(*cut(many + b" " + A_TOKEN, 65536))] == [(1, windows.SIZE + 2)]


def test_thirty_thousand_findings_in_one_line(scan: Scans) -> None:
    data = b",".join(b"password=hunter%05d'" % number for number in range(30_000))
    found = scan(data)
    assert len(found) == 30_000
    assert found[29_999].column == data.rfind(b"hunter") + 1


def test_a_text_of_one_letter_or_of_one_keyword(scan: Scans) -> None:
    assert scan(*[b"a" * 1_000_000] * 5) == []
    assert scan(b"password" * 500_000) == []
    assert scan(b"vnd_" * 500_000) == []


def test_an_empty_piece(scan: Scans) -> None:
    assert scan() == scan(b"") == scan(b"", b"") == []


def test_a_regex_that_hyperscan_does_not_take_is_looked_for_by_its_keywords() -> None:
    rule = Rule("wide", "", r"wide(?U)[a-z]+[0-9]", keywords=("wide",))
    assert Scans(RuleSet((rule, TOKEN)))(b"a widex1y22") == [Told("wide", 1, 3, b"widex1")]


def test_a_rule_that_cannot_be_looked_for_is_named() -> None:
    with pytest.raises(RulesError, match="rule 'anything' cannot be looked for"):
        Scans(RuleSet((Rule("anything", "", "a*"),)))


def test_the_database_is_kept_for_its_user_alone_and_made_anew_when_damaged(cache: Path) -> None:
    scan = Scans()
    (file,) = (each for each in cache.iterdir() if each.stat().st_mtime_ns == max(
        other.stat().st_mtime_ns for other in cache.iterdir()))  # fmt: skip
    for other in cache.iterdir():
        other.unlink()
    Scans()
    (file,) = cache.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    content = file.read_bytes()
    for damaged in (b"", content[:100], content[:-1], content[:200] + b"x" + content[201:]):
        file.write_bytes(damaged)
        assert Scans()(A_TOKEN) == scan(A_TOKEN)
        assert file.read_bytes()[:50] == content[:50]
    file.chmod(0o666)
    file.write_bytes(b"")
    assert Scans()(A_TOKEN) == scan(A_TOKEN)


def test_without_a_place_for_it_the_database_is_not_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert Scans()(A_TOKEN)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", os.devnull)
    assert Scans()(A_TOKEN)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert Scans()(A_TOKEN)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("regex", "short"),
    [
        (r"ghp_[0-9A-Za-z]{36}", r"ghp_[0-9A-Za-z]{36}"),
        (r"\b(pat_[0-9a-z]{36,255})", r"\b(pat_[0-9a-z]{36})"),
        (r"(?i)[\w.-]{0,50}?(?:key)=([a-z]{8,})", r"(?i)(?:key)=([a-z]{8})"),
        (r"ops_eyJ[a-z]{250,}={0,3}", r"ops_eyJ[a-z]{250}"),
        (r"\b(M[\w-]{27,38})(?:[^\w-]|\z)", r"\b(M[\w-]{27})"),
        (r"key=([^;]{3,9})(?:;|\z)", r"key=([^;]{3,9})(?:;|\z)"),
        (r"key=\d+", r"key=\d"),
        (r"a\{1,2}", r"a\{1,2}"),
        (r"a\+", r"a\+"),
        (r"[ab]{0,3}", ""),
        (r"key[\w.-]{0,40}?[ ]{1,4}=a{0,2}(?:x){0,9}y", r"key[\w.-]*[ ]+=a{0,2}(?:x){0,9}y"),
        (r"key[=.{0,9}][]x]{0,9}.{0,9}\{0,9}\.{0,9}z", r"key[=.{0,9}][]x]*.*\{0,9}\.*z"),
    ],
)
def test_what_hyperscan_looks_for_is_as_short_as_a_match_can_be(regex: str, short: str) -> None:
    assert shortened(regex) == short


def test_rules_are_told_apart() -> None:
    assert [each.rule for each in Scans(RuleSet((KEY, PASSWORD, TOKEN)))(b"password=hunter22\n" + A_TOKEN)] == [
        "generic-password",
        "vendor-token",
    ]
