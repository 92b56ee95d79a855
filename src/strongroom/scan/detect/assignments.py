"""Values that something with a telling name is given: a secret or not, by the name and the kind of file."""

from __future__ import annotations

import re
from string import ascii_letters, digits
from typing import TYPE_CHECKING, NamedTuple

from . import files, keys, values
from .files import File, Kind
from .keys import Key

if TYPE_CHECKING:
    from .judge import Candidate

_LONGEST = 512
_DENSE_LINE = 5000  # bytes: nobody writes such lines by hand
_IN_FRONT = 1000  # bytes of a line in front of a match that are looked at: longer lines are generated
_NAME = ascii_letters + digits + "_.-"
_TAIL = re.compile(r"[\w.\-]*")
_LEAD = re.compile(
    r"[\s\-#;/*>|+$]*(?:(?:export|env|arg|set|setx|declare|local|readonly|run|-e|--env|-x|enviroment|let|var)\s+)*"
    r"(?:-x\s+)?[\"']?(?:[\w\[\]/-]+[.:/])?\Z", re.IGNORECASE,
)  # fmt: skip
_NAMED = re.compile(r"""(?i)(?:name|key|id|variable)["']?\s*[=:]?\s*["']?[\w.:-]*\Z""")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*_[A-Z0-9_]+\Z")
_ASKED = re.compile(r"""\(\s*["']([\w.-]+)["']\s*,[\w\s=]*["'`]\Z""")
_HASHES = re.compile(r"(?i)(?:password_hash|hash_?password|make_password|password_verify|check_?password(?:_hash)?)\Z")
_COMPARES = frozenset({"equals", "equalsignorecase", "eq", "tobe", "toequal", "compare", "compareto"})
_TYPE = re.compile(r"[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)*[A-Z][a-z]+\Z")
_COMMENT = re.compile(r"^\s*(?:#|//|/?\*|--|;|<!--|rem\s)", re.IGNORECASE)
_QUOTES = re.compile(rb"(?i)[\"'`#*;]|//|--|rem\s")  # where a string is open, or a comment
_LIVELY = re.compile(rb"[^A-Za-z_.:/-]")
_HUMPS = re.compile(rb"[a-z](?=[A-Z])")
# Part of each word for a password, and of what stands before a default.
_PROMISES = re.compile(
    rb"(?i)pass|pw|psw|senha|clave|contrase|kennwort|wachtwoord|motdepasse|mdp|parola|hasl|hesl|salasana|losenord|[,|?]"
)


class Assigned(NamedTuple):
    """A value, the name it is given to, what stands between the two (``glue``), and the line in front of the name."""

    name: str
    glue: str
    value: str
    lead: str

    @property
    def quoted(self) -> bool:
        """Whether the value stands in quotes."""
        return self.glue[-1:] in {'"', "'", "`"}

    @property
    def sign(self) -> str:
        """What assigns it, without spaces and quotes."""
        return self.glue.strip(" \t\"'`\\]")


def read(candidate: Candidate) -> Assigned:
    """Take a match apart that begins in a name and holds a value."""
    match, secret = candidate.match.decode(errors="replace"), candidate.secret.decode(errors="replace")
    start = max(candidate.line.find(candidate.match.partition(b"\n")[0]), 0)
    before = candidate.line[max(0, start - _IN_FRONT) : start].decode(errors="replace")
    lead = before.rstrip(_NAME)
    tail = _TAIL.match(match)
    end = tail.end() if tail else 0
    return Assigned(before[len(lead) :] + match[:end], match[end : match.rfind(secret)], secret, lead)


def hopeless(candidate: Candidate) -> bool:
    """Say whether a glance shows a plain word that no password is given: most of what code has under such names."""
    secret = candidate.secret
    if _LIVELY.search(secret) or len(_HUMPS.findall(secret)) * 6 >= len(secret):
        return False
    return not _PROMISES.search(candidate.match, 0, len(candidate.match) - len(secret))


def quoted(candidate: Candidate) -> bool:
    """Judge a value in quotes."""
    if len(candidate.secret) > _LONGEST or hopeless(candidate):
        return False
    found, file = read(candidate), _file(candidate)
    key = _called(found.name) if found.sign == "(" else keys.of(found.name)
    if not key or _elsewhere(found):
        return False
    if _fallback(found) and not _is_name(candidate):
        return key >= Key.SECRET and default(found, file)
    if found.sign in {",", "("} and (_is_name(candidate) or not _argument(found, key)):
        return False
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
    return keys.of(owner if method.lower() in _COMPARES else method)


def may_be_bare(path: str, _data: bytes, _end: int) -> bool:
    """Say whether a value without quotes can be a text: not where all texts are quoted."""
    return _has_bare(files.of(path))


def bare(candidate: Candidate) -> bool:
    """Judge a value without quotes, at the end of a line."""
    if len(candidate.secret) > _LONGEST or candidate.secret.endswith(b":"):  # a URL, whose // is no comment
        return False
    found, file = read(candidate), _file(candidate)
    key = keys.of(found.name)
    if not key or not _has_bare(file) or _is_code(found.value):
        return False
    tight = found.glue == "=" or _VARIABLE.match(found.name)
    if file.kind is Kind.SHELL and found.glue != "=":
        return False
    structured = bool(_LEAD.match(found.lead))
    if not structured and not values.is_random(found.value):
        return False
    if file.kind is Kind.PROSE and tight:
        file = file._replace(kind=Kind.CONFIG)
    elif file.kind is Kind.PROSE and not values.is_mixed(found.value):
        return False
    return likely(found, key, file)


def may_be_inline(path: str, data: bytes, end: int) -> bool:
    """Say whether ``name=value`` may stand in a string or a comment, in a file whose code is full of it."""
    if files.of(path).kind not in {Kind.CODE, Kind.MARKUP}:
        return True
    low = max(0, end - 2 * _IN_FRONT)
    return bool(_QUOTES.search(data, max(low, data.rfind(b"\n", low, end)), end))


def inline(candidate: Candidate) -> bool:
    """Judge ``name=value`` within a line: in a command, a query, a connection string."""
    if hopeless(candidate):
        return False
    found, file = read(candidate), _file(candidate)
    key = keys.of(found.name)
    if not key or _is_code(found.value) or (found.value.isupper() and found.value.isalpha()):
        return False
    if file.kind in {Kind.CODE, Kind.MARKUP} and not (_in_string(found.lead) or _COMMENT.match(found.lead)):
        return False
    if file.kind is Kind.PROSE:
        file = file._replace(kind=Kind.CONFIG)
    return likely(found, key, file) and (key is Key.PASSWORD or values.is_random(found.value))


def element(candidate: Candidate) -> bool:
    """Judge the text of an XML element that is named after a secret."""
    tag = re.match(r"<(?:[\w-]+:)?([\w.\-]+)", candidate.match.decode(errors="replace"))
    name = tag[1] if tag else ""
    found = Assigned(name, '"', candidate.secret.decode(errors="replace"), "")
    key = keys.of(name)
    return bool(key) and likely(found, key, _setting(candidate))


def instruction(candidate: Candidate) -> bool:
    """Judge the value that ``ENV NAME value`` gives."""
    name = candidate.match.split(None, 2)[1].decode(errors="replace")
    found = Assigned(name, "=", candidate.secret.decode(errors="replace"), "")
    key = keys.of(name)
    return bool(key) and name.isupper() and likely(found, key, _setting(candidate))


def named(candidate: Candidate) -> bool:
    """Judge the value of a variable, a property or a parameter that stands beside its name."""
    text = candidate.match.decode(errors="replace")
    if files.of(candidate.path).kind is Kind.CODE and text[-1:] not in {'"', "'", "<"}:
        return False
    found = read(candidate)
    key = keys.of(found.name)
    return bool(key) and bool(_NAMED.search(found.lead)) and likely(found, key, _setting(candidate))


def likely(found: Assigned, key: Key, file: File) -> bool:
    """Say whether a value is a secret, given what its name promises and what kind of file it is in."""
    value = found.value.strip()
    if len(value) < 3 or values.left_open(value) or (key < Key.PASSWORD and values.made_up(value)):
        return False
    if values.is_file(value) or values.is_mail(value) or values.is_version(value):
        return False
    if values.is_random(value):
        return _random(value, key, file)
    if file.language or file.dense or key < Key.SECRET or len(value) < 4:
        return False
    if values.is_code(value) or values.is_other(value) or values.is_prose(value):
        return False
    settings = file.kind in {Kind.CONFIG, Kind.SHELL, Kind.UNKNOWN} and not _COMMENT.match(found.lead)
    if keys.of(value) and values.is_role(value):
        return (
            settings
            and not file.template
            and not file.strict
            and key is Key.PASSWORD
            and value.islower()
            and _compound(found.name)
        )
    if value == found.name:
        return False
    if key is Key.SECRET:
        named = values.is_constant(value) or set(keys.parts(value)) <= set(keys.parts(found.name)) or _TYPE.match(value)
        return values.is_mixed(value) and len(value) >= 6 and not named
    if settings or values.is_mixed(value):
        return True
    return not values.is_name(value) and not (value.istitle() and value.isalpha()) and file.kind is not Kind.PROSE


def default(found: Assigned, file: File) -> bool:
    """Say whether a value is a secret that holds where a variable of the environment is not set."""
    value = found.value.strip()
    if values.is_random(value):
        return likely(found, keys.of(found.name), file)
    odd = values.left_open(value) or values.is_other(value) or values.is_code(value) or value.isupper()
    return len(value) >= 4 and not odd and not (keys.of(value) and values.is_role(value))


def _fallback(found: Assigned) -> bool:
    """Say whether a value follows the name of a variable, as in ``x = env("DB_PASSWORD", "y")``."""
    if asked := _ASKED.search(found.glue):
        return bool(_VARIABLE.match(asked[1]))
    after = found.sign in {"||", "??"} or (found.sign == "," and _quoted_name(found))
    return after and bool(_VARIABLE.match(found.name.rpartition(".")[2]))


def _quoted_name(found: Assigned) -> bool:
    return found.glue.lstrip("\\")[:1] in {'"', "'", "`"}


def _random(value: str, key: Key, file: File) -> bool:
    if file.dense and key < Key.SECRET:
        return False
    if key is Key.WEAK:
        return (
            file.kind is not Kind.MARKUP
            and len(value) >= 16
            and not values.is_uuid(value)
            and not values.is_hash(value)
        )
    if values.is_url(value) or values.is_public(value):
        return False
    return key is not Key.TOKEN or not (values.is_uuid(value) or values.is_expression(value))


def _has_bare(file: File) -> bool:
    return not file.strict and file.kind not in {Kind.CODE, Kind.MARKUP}


def _file(candidate: Candidate) -> File:
    file = files.of(candidate.path)
    return file._replace(dense=True) if len(candidate.line) > _DENSE_LINE else file


def _setting(candidate: Candidate) -> File:
    """Return the file, as one that holds settings unless it is a page or holds texts."""
    file = _file(candidate)
    page = candidate.path.lower().endswith((".html", ".htm", ".xhtml", ".vue", ".jsp", ".svg"))
    return file if page else file._replace(kind=Kind.CONFIG)


def _elsewhere(found: Assigned) -> bool:
    """Say whether the name is asked for something of its own (``password.length == "12"``), or is a type's."""
    if found.lead.endswith("::") and found.sign == ":":  # "AWS::KMS::Key": "…"
        return True
    return found.name.endswith((".length", ".type", ".name", ".id", ".text", ".html", ".css", ".attr", ".label"))


def _argument(found: Assigned, key: Key) -> bool:
    """Judge what follows a name in a call or a list: words are mostly other names there."""
    mixed = values.is_mixed(found.value)
    setter = found.name.lower().rpartition(".")[2].startswith(("set", "with"))
    if key < Key.SECRET or (keys.of(found.value) and not (setter and mixed)):
        return False
    if found.sign == ",":
        return mixed and _quoted_name(found)
    return mixed or setter or not values.wordlike(found.value)


def _is_code(value: str) -> bool:
    return values.is_expression(value) or (not values.is_random(value) and values.is_code(value))


def _compound(name: str) -> bool:
    return bool(re.search(r"[a-z][._-]|[a-z][A-Z]|[A-Z]_", name))


def _in_string(lead: str) -> bool:
    """Say whether a quote is open at the end of ``lead``."""
    return any(lead.count(quote) % 2 for quote in ('"', "'", "`"))
