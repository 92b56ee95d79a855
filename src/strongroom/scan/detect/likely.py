"""Whether a value is a secret, given what its name promises, what kind of file it is in, and what it looks like."""

from __future__ import annotations

import re
from typing import NamedTuple

from . import keys, values
from .files import File, Kind
from .keys import Key

COMMENT = re.compile(r"^\s*(?:#|//|/?\*|--|;|<!--|rem\s)", re.IGNORECASE)
_TYPE = re.compile(r"[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)*[A-Z][a-z]+\Z")
_CAMEL = re.compile(r"[a-z][A-Z]")
_COMPOUND = re.compile(r"[a-z][._-]|[a-z][A-Z]|[A-Z]_")
# A user's name in front of the password, in quotes as well.
_BESIDE = re.compile(r"""(?i)(?:user|login|mail|account)\w*["']?\s*(?:=>|[:=,])\s*[bu]?["'][^"'$]{2,}["'],?\s""")
_NUMBER = re.compile(r"\d+")


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

    @property
    def called(self) -> bool:
        """Whether the name stands in quotes."""
        return self.glue.lstrip("\\")[:1] in {'"', "'", "`"}

    @property
    def listed(self) -> bool:
        """Whether the value is an argument, or follows the name in a list."""
        return self.sign in {",", "("} or (self.sign[:1] == "," and self.sign[-1:] == "(")


def likely(found: Assigned, key: Key, file: File) -> bool:
    """Say whether a value is a secret."""
    value = found.value.strip()
    if len(value) < 3 or values.left_open(value) or (key < Key.PASSWORD and values.made_up(value)):
        return False
    if values.is_file(value) or values.is_mail(value) or values.is_version(value):
        return False
    if values.is_random(value):
        return _random(found, key, file)
    if file.language or file.dense or key < Key.TOKEN or len(value) < 4:
        return False
    if key is Key.SECRET and thought_up(found, file):
        return True
    if values.is_code(value) or values.is_other(value) or (values.is_prose(value) and not _exclaimed(found, key)):
        return False
    if key is Key.TOKEN:
        return len(value) >= 12 and values.is_gibberish(value) and not values.is_expression(value)
    settings = file.kind in {Kind.CONFIG, Kind.SHELL, Kind.UNKNOWN} and not COMMENT.match(found.lead)
    if keys.of(value) and values.is_role(value):
        named = _COMPOUND.search(found.name) and value.islower()
        return bool(named) and settings and not file.template and not file.strict and key is Key.PASSWORD
    if _repeats(found, value, file):
        return False
    if key is Key.SECRET:
        return values.is_mixed(value) and len(value) >= 6 and not _names(found, value)
    if settings or values.is_mixed(value):
        return True
    word = values.is_name(value) or (value.istitle() and value.isalpha() and values.wordlike(value))
    if word:
        given = found.sign == "(" or (_BESIDE.search(found.lead) and not keys.of(value))
        return bool(given) and not (values.is_constant(value) or values.is_role(value))
    return file.kind is not Kind.PROSE or (found.quoted and (found.called or "=" in found.sign))


def default(found: Assigned, key: Key, file: File) -> bool:
    """Say whether a value is a secret that holds where a variable of the environment is not set."""
    value = found.value.strip()
    if values.is_random(value):
        return likely(found, key, file)
    odd = values.left_open(value) or values.is_other(value) or values.is_code(value) or value.isupper()
    return len(value) >= 4 and not odd and not (keys.of(value) and values.is_role(value))


def thought_up(found: Assigned, file: File) -> bool:
    """Say whether somebody thought a value up to sign something with: a word, or a few, that name nothing else."""
    value = found.value.strip()
    if not keys.signs(found.name) or file.language or file.template or file.kind is Kind.PROSE:
        return False
    if len(value) < 4 or values.left_open(value) or values.is_constant(value) or not re.fullmatch(r"[\w -]+", value):
        return False
    named = values.is_role(value) or set(keys.parts(value)) <= set(keys.parts(found.name))
    if named or (keys.of(value) and _CAMEL.search(value)):
        return False
    words = value.split()
    return len(words) == 1 or (len(words) < 4 and value.islower() and not any(map(values.is_role, words)))


def _exclaimed(found: Assigned, key: Key) -> bool:
    """Say whether a value is one word that ends as passwords do, and messages as well, which nothing is set to."""
    return key is Key.PASSWORD and "=" in found.sign and found.value.endswith("!") and found.value[:-1].isalpha()


def _repeats(found: Assigned, value: str, file: File) -> bool:
    """Say whether a value is the name again, in code also in part, or a constant that stands for one."""
    if value == found.name.removeprefix("this.").removeprefix("self."):
        return True
    code = file.kind is Kind.CODE
    if "_" in value and values.is_constant(value) and (code or keys.of(value)):
        return True
    return code and not _NUMBER.search(value) and set(keys.parts(value)) <= set(keys.parts(found.name))


def _names(found: Assigned, value: str) -> bool:
    """Say whether a value only names what it stands for, or its type."""
    if set(keys.parts(value)) <= set(keys.parts(found.name)) or values.is_constant(value) or _TYPE.match(value):
        return True
    words = _NUMBER.sub("", value)
    return values.is_role(words) and bool(keys.of(words) or "value" in words)


def _random(found: Assigned, key: Key, file: File) -> bool:
    value = found.value.strip()
    if (file.dense and key < Key.SECRET) or (file.language and key is not Key.SECRET):
        return False
    if values.is_public(value) or values.is_url(value):
        return False
    if key is Key.WEAK:
        if file.kind is Kind.MARKUP or len(value) < 16 or values.is_uuid(value) or values.is_path(value):
            return False
        return keys.is_salt(found.name) or not (values.is_hash(value) or values.is_digest(value))
    return key is not Key.TOKEN or not (values.is_uuid(value) or values.is_expression(value))
