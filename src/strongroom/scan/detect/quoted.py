"""Values in quotes: given to a name, handed to a call, or the next ones in a list."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import keys, values
from .assignments import LONGEST, VARIABLE, file_of, hopeless, read
from .files import File, Kind
from .keys import Key
from .likely import Assigned, default, likely, thought_up
from .words import words

if TYPE_CHECKING:
    from .judge import Candidate

_ASKED = re.compile(r"""\(\s*["']([\w.-]+)["']\s*,[\w\s=]*["'`]\Z""")
_HASHES = re.compile(r"(?i)(?:password_hash|hash_?password|make_password|password_verify|check_?password(?:_hash)?)\Z")
_COMPARES = frozenset({"equals", "equalsignorecase", "eq", "tobe", "toequal", "compare", "compareto"})
_TOLD = re.compile(r"\s*(?:(?:#\s*define|set(?:\s+-\w+)*)\s+)?\Z|(?:.*[\s({])?:\Z")
_COMPANY = re.compile(rb"(?i)user|login|host|mail|smtp|account")
_SESSION = re.compile(rb"(?i)session\w*\(")
_GIVES = re.compile(r"(?i)(?:create|generate|load|read|find|lookup)_?[a-z]")
_ATTRIBUTE = re.compile(r"""\\?["']\s+(?!value)[\w:-]+\s*=""")
_CLOSED = re.compile(r"""\\?["'`][])]+\s*,""")  # f(g("user", "password"), "value")
_CALL = re.compile(r"""\w+\(\s*["'](?=[\w.-]+["']\s*,)""")
_LISTED = re.compile(r"""["'`]\s*,\s*["'`][$%@&]?\Z|^\s*["'`][$%@&]?\Z""")
_NEXT = re.compile(rb"""\s*,\s*["'`]""")
_SECTIONS = words("auth credentials creds keys secrets tokens")
_SEVERAL = re.compile(r"\s*[\w.]+\s*,\s*\Z")
_ENDS = re.compile(rb"\s*[;,)}\]]*\s*(?:#.*|//.*|/\*.*)?\Z")
_PUTS = re.compile(r"""(?i)(?:define|putenv|setenv|setproperty|(?:add|set)parameter|\.put|\.add)\(\s*["'`]?\Z""")
_SETOPT = re.compile(r"(?i)setopt\w*\([^,()]*,\s*\Z")
_GETS = re.compile(r"""(?i)(?:env|get|fetch|default|config|setting|option|read)\w*\(\s*["'`]?\Z""")


def quoted(candidate: Candidate) -> bool:
    """Judge a value in quotes."""
    return len(candidate.secret) <= LONGEST and not hopeless(candidate) and _quoted(candidate)


def worded(candidate: Candidate) -> bool:
    """Judge letters in quotes: no words, or the words that somebody thought up to sign sessions with."""
    found = read(candidate)
    if found.name.lower() == "secret" and _SESSION.search(candidate.before[-100:] + candidate.line):
        return thought_up(found._replace(name="session_secret"), file_of(candidate))
    return _quoted(candidate)


def _quoted(candidate: Candidate) -> bool:
    found, file = read(candidate), file_of(candidate)
    key = _called(found.name) if found.sign == "(" else keys.of(found.name)
    if not key or _elsewhere(found) or (not found.sign and not _told(candidate, found, file)):
        return False
    if _fallback(found) and not _is_name(candidate):
        return (key >= Key.SECRET or values.is_random(found.value)) and default(found, key, file)
    if found.listed and (_is_name(candidate) or not _argument(found, key) or _among(candidate, found)):
        return False
    if found.name.lower() == "pass" and "=" not in found.sign and found.value.isalpha():  # or the result of a test
        return bool(_COMPANY.search(candidate.before + candidate.line)) and likely(found, key, file)
    return likely(found, key, file)


def _is_name(candidate: Candidate) -> bool:
    """Say whether what follows a comma is the name of the next value: ``"a": "password", "b": …``."""
    after = candidate.line[candidate.line.find(candidate.match) + len(candidate.match) :].lstrip(b" \t\\\"'`")
    return after.startswith((b":", b"="))


def _called(name: str) -> Key:
    """Return what the argument of a call promises: ``setPassword(``, ``password.equals(``, ``hash_password(``."""
    owner, _, method = name.rpartition(".")
    if _HASHES.search(method):
        return Key.PASSWORD
    if _GIVES.match(method):
        return Key.NONE
    if method.lower() in _COMPARES:
        return keys.of(owner)
    return keys.of(method) if keys.ends(method) else Key.NONE


def _fallback(found: Assigned) -> bool:
    """Say whether a value follows the name of a variable, as in ``x = env("DB_PASSWORD", "y")``."""
    if asked := _ASKED.search(found.glue):
        return bool(VARIABLE.match(asked[1]))
    after = found.sign in {"||", "??", "||="} or (found.sign == "," and bool(_GETS.search(found.lead)))
    return after and bool(VARIABLE.match(found.name.rpartition(".")[2]))


def _elsewhere(found: Assigned) -> bool:
    """Say whether the name is asked for something of its own (``password.length == "12"``), or is not the value's."""
    if found.lead.endswith("::") and found.sign == ":":  # "AWS::KMS::Key": "…"
        return True
    if found.sign.lstrip("-").startswith(">") and "(" in found.sign:  # a method of it
        return True
    if _SEVERAL.match(found.lead) and "=" in found.sign:  # name, password = "…", "…"
        return True
    call = _CALL.search(found.glue)
    if _ATTRIBUTE.match(found.glue) or _CLOSED.match(found.glue) or (call and not _GETS.search(call[0])):
        return True
    if (found.lead.endswith("<") and _ATTRIBUTE.match(f"'{found.glue}")) or (found.called and found.lead.endswith("/")):
        return True
    return found.name.endswith((".length", ".type", ".name", ".id", ".text", ".html", ".css", ".attr", ".label"))


def _argument(found: Assigned, key: Key) -> bool:
    """Judge what follows a name in a call or a list: words are mostly other names there."""
    mixed, puts = values.is_mixed(found.value), bool(_PUTS.search(found.lead))
    section = found.name.lower() in _SECTIONS or ("." in found.name and not puts and not _GETS.search(found.lead))
    if section and found.sign != "(":
        return False
    setter = found.name.lower().rpartition(".")[2].startswith(("set", "with"))
    named = keys.of(found.value) and not (setter and mixed)
    if named and (setter or puts):
        named = values.is_role(found.value)
    if key < Key.SECRET or named:
        return key is Key.TOKEN and found.sign == "," and found.called and values.is_random(found.value)
    if found.sign == "(":
        return mixed or setter or bool(_HASHES.search(found.name))
    if keys.parts(found.name)[:-1] and keys.parts(found.name)[0] in keys.parts(found.value)[:-1]:
        return False  # the next of many names
    if _SETOPT.search(found.lead):
        return True
    if VARIABLE.match(found.name) and not puts:
        return False
    return (mixed or (key is Key.PASSWORD and puts)) and (found.called or found.lead.endswith("{"))


def _among(candidate: Candidate, found: Assigned) -> bool:
    """Say whether name and value are two of many texts in a list, none of which is said to be the name of the next."""
    if found.sign != "," or found.name.startswith("-") or not values.wordlike(found.value):
        return False
    if not _LISTED.search(found.lead):
        return False
    rest = candidate.line[candidate.line.find(candidate.match) + len(candidate.match) :]
    return bool(found.lead[:-1].strip() or _NEXT.match(rest))


def _told(candidate: Candidate, found: Assigned, file: File) -> bool:
    """Say whether a statement is the name and the value behind it without a sign: ``storePassword "…"``."""
    rest = candidate.line[candidate.line.find(candidate.match) + len(candidate.match) :]
    alone = _TOLD.match(found.lead) and _ENDS.match(rest) and not found.glue.endswith("`")
    return bool(alone) and file.kind in {Kind.CODE, Kind.CONFIG, Kind.SHELL}
