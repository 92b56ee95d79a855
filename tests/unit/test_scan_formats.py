"""Each built-in rule finds its examples, and refuses what only resembles them; two hundred vendors are known."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from scan_rules import find
from scanning import Scans
from strongroom.scan.detect.builtin import files
from strongroom.scan.detect.rules import load

HERE = Path(__file__).parent / "scan_examples"
RULES = {rule.id: rule for rule in load().rules}
EXAMPLES = {
    rule: each for file in sorted(HERE.glob("*.toml")) for rule, each in tomllib.loads(file.read_text("utf-8")).items()
}
FINDS = [(rule, text) for rule, each in EXAMPLES.items() for text in each["finds"]]
REFUSES = [(rule, text) for rule, each in EXAMPLES.items() for text in each["refuses"]]


def place(text: str) -> tuple[str, str]:
    """Return the path that an example names (``path|||text``), and its text put together."""
    path, colon, rest = text.partition("|||")
    return (path, rest.replace("<>", "")) if colon else ("", text.replace("<>", ""))


@pytest.mark.parametrize(("rule", "text"), FINDS, ids=[f"{rule}-{index}" for index, (rule, _) in enumerate(FINDS)])
def test_finds(rule: str, text: str) -> None:
    path, example = place(text)
    assert rule in {match.rule for match in find(example + "\n" if "|||" in text else f"x {example}\n", path)}


@pytest.mark.parametrize(("rule", "text"), REFUSES, ids=[f"{rule}-{index}" for index, (rule, _) in enumerate(REFUSES)])
def test_refuses(rule: str, text: str) -> None:
    path, example = place(text)
    assert rule not in {match.rule for match in find(example + "\n", path)}


def test_the_engine_finds_what_plain_reading_finds() -> None:
    """Hyperscan and a glance only save work: nothing that RE2 and the judgement find alone is lost by them."""
    scans, lost = Scans(load()), []
    for rule, text in FINDS:
        path, example = place(text)
        whole = example + "\n" if "|||" in text else f"x {example}\n"
        values = [each.value.reveal().decode() for each in scans.findings([whole.encode()], path)]
        plain = {match.secret for match in find(whole, path) if match.rule == rule}
        if not any(secret in value or value in secret for secret in plain for value in values):
            lost.append((rule, path))
    assert lost == []


def test_each_rule_has_examples() -> None:
    assert set(EXAMPLES) == set(RULES)
    assert all(each["finds"] and each["refuses"] for each in EXAMPLES.values())


def test_vendors() -> None:
    vendors = {rule.description.partition(": ")[0] for rule in RULES.values() if ": " in rule.description}
    assert len(vendors) >= 200


def test_sources() -> None:
    """Who knows a format says where it is documented; what is generic is nobody's format."""
    for file in files():
        text = file.read_text("utf-8")
        if not file.stem.startswith("generic"):
            assert text.count("[[rules]]") == len(re.findall(r"^\[\[rules\]\] # source: https://\S+$", text, re.M)), (
                file
            )


def test_rules_are_whole() -> None:
    for rule in RULES.values():
        assert rule.description and rule.fix and rule.keywords, rule.id
        assert all(word == word.lower() and len(word) > 1 for word in rule.keywords), rule.id
        assert not rule.allowlists, rule.id


@pytest.mark.parametrize("filler", ["x", "0", "*"])
def test_filled_tokens(filler: str) -> None:
    """A token whose random part is one character again and again is none."""
    for rule, text in FINDS:
        value = place(text)[1].strip("'\"")
        if RULES[rule].check == "token" and "=" not in value:
            filled = value[:12] + filler * (len(value) - 12)
            assert rule not in {match.rule for match in find(filled + "\n")}, rule
