"""Rules, as gitleaks' configuration writes them: what a secret looks like, and what is allowed all the same.

The built-in rules are files of the same form in ``strongroom/scan/rules``, with two keys of our own: ``fix`` says what
to do about a finding (at the top of a file, for all of its rules), and ``check`` names what a match must stand besides
(``checks.py``).

Source of the form: https://github.com/gitleaks/gitleaks#configuration
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import RulesError

BUILT_IN = Path(__file__).parent.parent / "rules"
_DEPTH = 4  # files that extend one another
_TARGETS = ("secret", "match", "line")
_CONDITIONS = {"": "OR", "OR": "OR", "||": "OR", "AND": "AND", "&&": "AND"}
_PATTERNS = ("commits", "paths", "regexes", "stopwords")


class Allowlist(NamedTuple):
    """What is no finding although a rule matches: any (``OR``) or all (``AND``) of the kinds of patterns it gives."""

    description: str = ""
    condition: str = "OR"
    commits: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    regexes: tuple[str, ...] = ()
    regex_target: str = "secret"
    stopwords: tuple[str, ...] = ()


class Rule(NamedTuple):
    """What one kind of secret looks like.

    ``regex`` is of RE2's syntax, and empty for a rule that looks at paths alone. ``secret_group`` is the group that
    holds the secret; 0 is the first group that matched something, or the whole match where there is none. ``entropy``
    is the least number of bits a character; 0 asks for none. A piece without any of the lower-case ``keywords`` cannot
    match. A ``silent`` one is not reported, as it only supports another scanner's rules.
    """

    id: str
    description: str = ""
    regex: str = ""
    secret_group: int = 0
    entropy: float = 0.0
    keywords: tuple[str, ...] = ()
    path: str = ""
    allowlists: tuple[Allowlist, ...] = ()
    fix: str = ""
    check: str = ""
    silent: bool = False


class RuleSet(NamedTuple):
    """Rules, the more particular first, and what is allowed for all of them."""

    rules: tuple[Rule, ...]
    allowlists: tuple[Allowlist, ...] = ()


NONE = RuleSet(())


def load(config: Path | None = None) -> RuleSet:
    """Return the rules of a file in gitleaks' form; the built-in ones without a file.

    Raises:
        RulesError: the file cannot be read, or a rule in it is wrong.
    """
    if config is None:
        from .builtin import rules

        return rules()
    found = _extended(config, _DEPTH)
    for rule in found.rules:
        _compiled(rule, config)
    return found._replace(rules=tuple(rule for rule in found.rules if not rule.silent))


def parse(file: Path) -> Mapping[str, Any]:
    """Return what a file says, with its keys in lower case, as gitleaks reads them.

    Raises:
        RulesError: the file cannot be read, or is not TOML.
    """
    try:
        return _lower(tomllib.loads(file.read_text("utf-8")))  # type: ignore[no-any-return]
    except OSError as error:
        raise RulesError(f"the rules in {file} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise RulesError(f"{file} is not TOML: {error}.") from None


def read(content: Mapping[str, Any], where: str, base: RuleSet = NONE) -> RuleSet:
    """Return the rules that a parsed file declares, over those that it extends.

    Raises:
        RulesError: a rule is wrong.
    """
    fix = _text(content, "fix", where)
    rules = {rule.id: rule for rule in base.rules}
    declared: dict[str, Rule] = {}
    for index, table in enumerate(_tables(content, "rules", where)):
        rule = _rule(table, f"{where}: rule {index + 1}", fix)
        if rule.id in declared:
            raise RulesError(f"{where}: there are two rules '{rule.id}': give each an id of its own.")
        declared[rule.id] = rules[rule.id] = _over(rules[rule.id], rule) if rule.id in rules else rule
    for rule in declared.values():
        if not rule.regex and not rule.path:
            if not base.rules:
                raise RulesError(f"{where}: rule '{rule.id}' has neither a regex nor a path: it can find nothing.")
            del rules[rule.id]  # it changes a rule that another scanner has
    everywhere = list(base.allowlists)
    for table in _allowlist_tables(content, where):
        allowlist = _allowlist(table, where)
        targets = _texts(table, "targetrules", where)
        if not targets:
            everywhere.append(allowlist)
        for target in targets:
            if target in rules:
                rules[target] = rules[target]._replace(allowlists=(*rules[target].allowlists, allowlist))
            elif not base.rules:  # of a set that is extended, another scanner may have more rules
                raise RulesError(f"{where}: an allowlist's targetRules names '{target}', and there is no such rule.")
    return RuleSet(tuple(rules.values()), tuple(everywhere))


def _extended(config: Path, depth: int) -> RuleSet:
    if not depth:
        raise RulesError(f"{config}: too many files extend one another: put their rules into fewer.")
    content = parse(config)
    extend = content.get("extend", {})
    if not isinstance(extend, Mapping):
        raise RulesError(f"{config}: extend is not a table: write [extend].")
    base = NONE
    if extend.get("usedefault") is True:
        base = load()
    if path := _text(extend, "path", f"{config}: extend"):
        beside = config.parent / path  # gitleaks looks from where it is run
        file = beside if beside.exists() else Path(path)
        if file.exists() and not file.is_file():  # such as a device, which has no end
            raise RulesError(f"{config}: extend: {path} is not a file.")
        more = _extended(file, depth - 1)
        over = {rule.id: rule for rule in base.rules} | {rule.id: rule for rule in more.rules}
        base = RuleSet(tuple(over.values()), (*base.allowlists, *more.allowlists))
    disabled = frozenset(_texts(extend, "disabledrules", f"{config}: extend"))
    base = base._replace(rules=tuple(rule for rule in base.rules if rule.id not in disabled))
    return read(content, str(config), base)


def _rule(table: Mapping[str, Any], where: str, fix: str) -> Rule:
    name = _text(table, "id", where)
    if not name:
        raise RulesError(f"{where} has no id: give it a name of its own.")
    where = f"{where} '{name}'"
    group, entropy = table.get("secretgroup", 0), table.get("entropy", 0.0)
    if isinstance(group, bool) or not isinstance(group, int) or group < 0:
        raise RulesError(f"{where}: secretGroup is not the number of a group.")
    if isinstance(entropy, bool) or not isinstance(entropy, int | float) or not 0 <= entropy <= 8:
        raise RulesError(f"{where}: entropy is not a number of bits from 0 to 8.")
    return Rule(
        name,
        _text(table, "description", where),
        _text(table, "regex", where),
        group,
        float(entropy),
        tuple(keyword.lower() for keyword in _texts(table, "keywords", where)),
        _text(table, "path", where),
        tuple(_allowlist(each, where) for each in _allowlist_tables(table, where)),
        _text(table, "fix", where) or fix,
        _text(table, "check", where),
        table.get("skipreport") is True,
    )


def _over(base: Rule, rule: Rule) -> Rule:
    """Return ``base`` with what ``rule`` says; keywords and allowlists are added to those that are there."""
    return Rule(
        rule.id,
        rule.description or base.description,
        rule.regex or base.regex,
        rule.secret_group or base.secret_group,
        rule.entropy or base.entropy,
        (*base.keywords, *rule.keywords),
        rule.path or base.path,
        (*base.allowlists, *rule.allowlists),
        rule.fix or base.fix,
        rule.check or ("" if rule.regex else base.check),
        rule.silent or base.silent,
    )


def _allowlist_tables(table: Mapping[str, Any], where: str) -> Iterable[Mapping[str, Any]]:
    """Return the allowlists of a rule or of a file, in the older spelling or the newer one."""
    older = table.get("allowlist")
    newer = _tables(table, "allowlists", where)
    if older is None:
        return newer
    if newer:
        raise RulesError(f"{where} has both allowlist and allowlists: keep [[allowlists]] alone.")
    if not isinstance(older, Mapping):
        raise RulesError(f"{where}: allowlist is not a table.")
    return [older] if older.keys() - {"description"} else []


def _allowlist(table: Mapping[str, Any], where: str) -> Allowlist:
    where = f"{where}: an allowlist"
    condition = _CONDITIONS.get(_text(table, "condition", where).upper())
    if condition is None:
        raise RulesError(f"{where}'s condition is '{table['condition']}': give AND or OR.")
    target = _text(table, "regextarget", where) or "secret"
    if target not in _TARGETS:
        raise RulesError(f"{where}'s regexTarget is '{target}': give secret, match or line.")
    commits, paths, regexes, stopwords = (_texts(table, kind, where) for kind in _PATTERNS)
    if not (commits or paths or regexes or stopwords):
        raise RulesError(f"{where} allows nothing: give it commits, paths, regexes or stopwords.")
    for pattern in (*paths, *regexes):
        _compile(pattern, where)
    return Allowlist(
        _text(table, "description", where), condition, commits, paths, regexes, target,
        tuple(word.lower() for word in stopwords),
    )  # fmt: skip


def _compiled(rule: Rule, config: Path) -> None:
    where = f"{config}: rule '{rule.id}'"
    _compile(rule.path, f"{where}: path")
    if _compile(rule.regex, f"{where}: regex") < rule.secret_group:
        raise RulesError(f"{where}: secretGroup is {rule.secret_group}, and the regex has no such group.")


def _compile(pattern: str, where: str) -> int:
    """Return how many groups a pattern has."""
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        return int(re2.compile(pattern, options).groups)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else error
        raise RulesError(f"{where}: '{pattern}' is no regular expression of RE2's syntax: {reason}.") from None


def _tables(table: Mapping[str, Any], key: str, where: str) -> list[Mapping[str, Any]]:
    return _listed(table, key, where, lambda each: isinstance(each, Mapping), f"tables: write [[{key}]]")


def _texts(table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    return tuple(_listed(table, key, where, lambda each: isinstance(each, str), "texts"))


def _listed(table: Mapping[str, Any], key: str, where: str, right: Callable[[Any], bool], of: str) -> list[Any]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(map(right, found)):
        raise RulesError(f"{where}: {key} is not a list of {of}.")
    return found


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    found = table.get(key, "")
    if not isinstance(found, str):
        raise RulesError(f"{where}: {key} is not a text.")
    return found


def _lower(content: Any) -> Any:  # noqa: ANN401 (whatever TOML has)
    if isinstance(content, Mapping):
        return {key.lower(): _lower(value) for key, value in content.items()}
    return [_lower(each) for each in content] if isinstance(content, list) else content
