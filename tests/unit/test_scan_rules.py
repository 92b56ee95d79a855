"""Rules in gitleaks' form: every key, both spellings of allowlists, what extends what, and what is said of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from scan_rules import find
from strongroom.errors import RulesError
from strongroom.scan.detect import builtin, kept
from strongroom.scan.detect.judge import Candidate, accepts, entropy
from strongroom.scan.detect.rules import Allowlist, Rule, RuleSet, load

RULE = """
[[rules]]
id = "acme"
description = "Acme key"
regex = '''acme_([a-z0-9]{8})_(\\d)'''
keywords = ["ACME_"]
tags = ["x"]
"""


def rules(tmp_path: Path, text: str, name: str = "gitleaks.toml") -> RuleSet:
    (tmp_path / name).write_text(text)
    return load(tmp_path / name)


def found(tmp_path: Path, text: str, line: str, path: str = "a.txt") -> list[str]:
    return [match.secret for match in find(line, path, rules(tmp_path, text))]


def test_rule(tmp_path: Path) -> None:
    loaded = rules(tmp_path, "title = 'ours'\n" + RULE)
    expected = Rule("acme", "Acme key", "acme_([a-z0-9]{8})_(\\d)", keywords=("acme_",))
    assert loaded == RuleSet((expected,), ())
    assert found(tmp_path, RULE, "acme_q7zf93kd_1") == ["q7zf93kd"]


def test_secret_group(tmp_path: Path) -> None:
    assert found(tmp_path, RULE + "secretGroup = 2\n", "acme_q7zf93kd_1") == ["1"]


def test_keys_in_any_case(tmp_path: Path) -> None:
    assert rules(tmp_path, RULE.replace("keywords", "KeyWords") + "SECRETGROUP = 2\n").rules[0].secret_group == 2


def test_entropy(tmp_path: Path) -> None:
    text = RULE + "entropy = 2.5\n"
    assert found(tmp_path, text, "acme_q7zf93kd_1") and not found(tmp_path, text, "acme_aaaabbbb_1")
    assert entropy(b"aabb") == 1.0


def test_path(tmp_path: Path) -> None:
    text = RULE + "path = '''(?i)\\.conf$'''\n"
    assert found(tmp_path, text, "acme_q7zf93kd_1", "etc/x.CONF")
    assert not found(tmp_path, text, "acme_q7zf93kd_1", "etc/x.conf.bak")


@pytest.mark.parametrize(
    "allowlist",
    [
        "[rules.allowlist]\nregexes = ['''^q7z''']",
        "[[rules.allowlists]]\nregexes = ['''^q7z''']",
        "[allowlist]\nregexes = ['''^q7z''']",
        "[[allowlists]]\nregexes = ['''^q7z''']",
        "[[allowlists]]\nregexes = ['''^q7z''']\ntargetRules = ['acme']",
        "[[rules.allowlists]]\nregexTarget = 'secret'\nregexes = ['q7zf93kd']",
        "[[rules.allowlists]]\nregexTarget = 'match'\nregexes = ['^acme_q7zf93kd_1$']",
        "[[rules.allowlists]]\nregexTarget = 'line'\nregexes = ['^x acme_']",
        "[[rules.allowlists]]\nstopwords = ['Q7ZF']",
        "[[rules.allowlists]]\npaths = ['''\\.txt$''']",
        "[[rules.allowlists]]\ncondition = 'AND'\npaths = ['''\\.txt$''']\nstopwords = ['q7zf']",
        "[[rules.allowlists]]\ncondition = '&&'\npaths = ['''\\.txt$''']\nregexes = ['q7zf']",
        "[[rules.allowlists]]\ncondition = 'OR'\npaths = ['never']\nstopwords = ['q7zf']",
    ],
)
def test_allowed(tmp_path: Path, allowlist: str) -> None:
    assert found(tmp_path, RULE, "x acme_q7zf93kd_1")
    assert not found(tmp_path, RULE + allowlist, "x acme_q7zf93kd_1")


@pytest.mark.parametrize(
    "allowlist",
    [
        "[[rules.allowlists]]\nregexes = ['^acme_']",
        "[[rules.allowlists]]\ncondition = 'AND'\npaths = ['never']\nstopwords = ['q7zf']",
        "[[rules.allowlists]]\ncondition = 'AND'\ncommits = ['abc']\nregexes = ['q7zf']",
        "[[rules]]\nid = 'other'\nregex = 'zzz'\n[[allowlists]]\nregexes = ['q7z']\ntargetRules = ['other']",
        "[allowlist]\ndescription = 'nothing'",
    ],
)
def test_not_allowed(tmp_path: Path, allowlist: str) -> None:
    assert found(tmp_path, RULE + allowlist, "x acme_q7zf93kd_1")


def test_commits() -> None:
    rule = Rule("a", regex="x", allowlists=(Allowlist(commits=("ABC1",)),))
    candidate = Candidate(rule, b"x", b"x", b"x")
    assert accepts(candidate, RuleSet((rule,)))
    assert not accepts(candidate._replace(commit="abc1"), RuleSet((rule,)))


def test_extends_ours(tmp_path: Path) -> None:
    loaded = rules(tmp_path, "[extend]\nuseDefault = true\ndisabledRules = ['github-pat', 'unheard-of']\n" + RULE)
    names = [rule.id for rule in loaded.rules]
    assert names == [rule.id for rule in load().rules if rule.id != "github-pat"] + ["acme"]


def test_extends_a_file(tmp_path: Path) -> None:
    rules(tmp_path, RULE + "[[allowlists]]\nstopwords = ['zero']", "base.toml")
    loaded = rules(
        tmp_path,
        "[extend]\npath = 'base.toml'\n[[rules]]\nid = 'acme'\nentropy = 3\nkeywords = ['more']\n"
        "[[rules.allowlists]]\nstopwords = ['one']\n",
    )
    assert loaded.allowlists == (Allowlist(stopwords=("zero",)),)
    assert loaded.rules == (
        Rule("acme", "Acme key", "acme_([a-z0-9]{8})_(\\d)", entropy=3.0, keywords=("acme_", "more"),
             allowlists=(Allowlist(stopwords=("one",)),)),
    )  # fmt: skip


def test_a_built_in_rule_is_changed(tmp_path: Path) -> None:
    changed = "[extend]\nuseDefault = true\n[[rules]]\nid = 'github-pat'\nregex = 'mine_[a-z]+'\n"
    rule = next(rule for rule in rules(tmp_path, changed).rules if rule.id == "github-pat")
    assert rule.regex == "mine_[a-z]+" and rule.check == ""
    assert rule.description == "GitHub: personal access token"


def test_allowlists_for_rules_of_another_scanner(tmp_path: Path) -> None:
    text = "[extend]\nuseDefault = true\n[[allowlists]]\nstopwords = ['x']\ntargetRules = ['not-ours', 'github-pat']\n"
    changed = [rule.id for rule in rules(tmp_path, text).rules if rule.allowlists]
    assert changed == ["github-pat"]


def test_changes_of_a_rule_of_another_scanner(tmp_path: Path) -> None:
    text = "[extend]\nuseDefault = true\n[[rules]]\nid = 'not-ours'\n[[rules.allowlists]]\nstopwords = ['x']\n" + RULE
    names = [rule.id for rule in rules(tmp_path, text).rules]
    assert names == [rule.id for rule in load().rules] + ["acme"]


def test_a_rule_that_is_not_reported(tmp_path: Path) -> None:
    text = RULE + "[[rules]]\nid = 'near'\nregex = 'near'\nskipReport = true\n"
    assert [rule.id for rule in rules(tmp_path, text).rules] == ["acme"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[rules]\n", "is not TOML"),
        ("[[rules]]\nregex = 'x'\n", "rule 1 has no id"),
        ("[[rules]]\nid = 'a'\n", "'a' has neither a regex nor a path"),
        ("[[rules]]\nid = 'a'\nregex = 'x(?=y)'\n", r"rule 'a': regex: 'x\(\?=y\)' is no regular expression of RE2"),
        ("[[rules]]\nid = 'a'\nregex = 'x'\npath = '['\n", "rule 'a': path"),
        ("[[rules]]\nid = 'a'\nregex = '(x)'\nsecretGroup = 2\n", "secretGroup is 2, and the regex has no such group"),
        ("[[rules]]\nid = 'a'\nregex = 'x'\nsecretGroup = 'b'\n", "'a': secretGroup is not the number of a group"),
        ("[[rules]]\nid = 'a'\nregex = 'x'\nentropy = 99\n", "'a': entropy is not a number of bits"),
        ("[[rules]]\nid = 'a'\nregex = 5\n", "regex is not a text"),
        ("[[rules]]\nid = 'a'\nregex = 'x'\nkeywords = 'b'\n", "keywords is not a list of texts"),
        ("[[rules]]\nid = 'a'\nregex = 'x'\n[[rules]]\nid = 'a'\nregex = 'y'\n", "two rules 'a'"),
        ("[rules]\nid = 'a'\n", "rules is not a list of tables"),
        (RULE + "[[rules.allowlists]]\n", "allows nothing"),
        (RULE + "[[rules.allowlists]]\nregexes = ['(']\n", "'acme': an allowlist: '\\(' is no regular expression"),
        (RULE + "[[rules.allowlists]]\nstopwords = ['x']\ncondition = 'XOR'\n", "condition is 'XOR'"),
        (RULE + "[[rules.allowlists]]\nregexes = ['x']\nregexTarget = 'all'\n", "regexTarget is 'all'"),
        (RULE + "[rules.allowlist]\nregexes = ['x']\n[[rules.allowlists]]\nregexes = ['x']\n", "both allowlist and"),
        (RULE + "[[allowlists]]\nregexes = ['x']\ntargetRules = ['b']\n", "names 'b', and there is no such rule"),
        ("[extend]\npath = 'nowhere.toml'\n", "cannot be read"),
        ("[extend]\npath = 'gitleaks.toml'\n", "too many files extend one another"),
        ("[extend]\npath = '/dev/zero'\n", "extend: /dev/zero is not a file"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(RulesError, match=says):
        rules(tmp_path, text)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="cannot be read: No such file"):
        load(tmp_path / "none.toml")


def test_built_in_rules_are_right() -> None:
    """What is not checked at each start is checked here."""
    for file in builtin.files():
        assert load(file).rules


def test_built_in_rules_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    expected = load()
    for _ in range(2):
        builtin.rules.cache_clear()
        assert load() == expected
    [kept] = (tmp_path / "strongroom").iterdir()
    for planted in ("[[", "[]", "{}", "null"):
        kept.write_text(planted)
        builtin.rules.cache_clear()
        assert load() == expected


def test_built_in_rules_that_others_may_have_written_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    builtin.rules.cache_clear()
    expected = load()
    [file] = (tmp_path / "strongroom").iterdir()
    kept.keep(file.name, b"[]")
    file.chmod(0o666)
    builtin.rules.cache_clear()
    assert load() == expected


def test_who_has_no_home_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", homeless)
    monkeypatch.setattr(Path, "home", lambda: homeless(Path()))
    builtin.rules.cache_clear()
    assert load().rules
