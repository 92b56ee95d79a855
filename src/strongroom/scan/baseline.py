"""The baseline: findings that people know of, which are not reported again.

An entry is a rule, a path, and an authentication code over both under a key derived from the value (scrypt, with the
file's own salt). It holds when lines move. A person with the file can try guesses of a short value, each of which costs
them what it costs us; equal values in two places do not look equal.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from ..errors import ScanError
from ..files import replace
from .model import Finding

_VERSION = 1
# 16 MiB and about 40 ms a distinct value: RFC 7914 names these for logging in.
_COST, _BLOCK, _LANES = 2**14, 8, 1


class Baseline:
    """What a baseline file holds."""

    def __init__(self, salt: bytes, entries: Iterable[tuple[str, str, str]]) -> None:
        """Take entries of rule, path and code."""
        self._salt = salt
        self._entries = set(entries)
        self._places = {entry[:2] for entry in self._entries}

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file.

        Raises:
            ScanError: it cannot be read, or is no baseline.
        """
        try:
            content = json.loads(path.read_bytes())
            if content["version"] != _VERSION:
                raise ScanError(f"{path} is a baseline of version {content['version']}, which this strongroom does not "
                                "know. Update strongroom, or write it anew.")  # fmt: skip
            entries = [(each["rule"], each["path"], each["code"]) for each in content["findings"]]
            return cls(bytes.fromhex(content["scrypt"]), entries)
        except OSError as error:
            raise ScanError(f"the baseline {path} cannot be read: {error.strerror}.") from None
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ScanError(f"{path} is no baseline: write one with --write-baseline.") from None

    def new(self, findings: Sequence[Finding]) -> list[bool]:
        """Tell for each finding whether it is not in the baseline."""
        possible = [each for each in findings if (each.rule, _path(each)) in self._places]
        codes = dict(zip(map(id, possible), _codes(possible, self._salt), strict=True))
        return [(each.rule, _path(each), codes.get(id(each), "")) not in self._entries for each in findings]


def write(path: Path, findings: Sequence[Finding]) -> int:
    """Write a baseline of findings, with a salt of its own, and return how many entries it has.

    Raises:
        ScanError: the file cannot be written.
    """
    salt = os.urandom(16)
    codes = _codes(findings, salt)
    entries = sorted({(each.rule, _path(each), code) for each, code in zip(findings, codes, strict=True)})
    rows = [{"rule": rule, "path": where, "code": code} for rule, where, code in entries]
    # Not called a salt: what looks like one is a finding, of other scanners' too.
    content: dict[str, Any] = {"version": _VERSION, "scrypt": salt.hex(), "findings": rows}
    try:
        replace(path, (json.dumps(content, indent=1) + "\n").encode())
    except OSError as error:
        raise ScanError(f"the baseline {path} cannot be written: {error.strerror}.") from None
    return len(entries)


def _codes(findings: Sequence[Finding], salt: bytes) -> list[str]:
    """Return the code of each finding. The slow part is done once for each distinct value, on all cores."""
    values = {each.value.reveal() for each in findings}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        keys = dict(zip(values, pool.map(lambda value: _key(value, salt), values), strict=True))
    return [_code(keys[each.value.reveal()], each) for each in findings]


def _key(value: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(value, salt=salt, n=_COST, r=_BLOCK, p=_LANES, maxmem=2 * 128 * _COST * _BLOCK, dklen=32)


def _code(key: bytes, finding: Finding) -> str:
    return hmac.digest(key, f"{finding.rule}\0{_path(finding)}".encode(), "sha256")[:16].hex()


def _path(finding: Finding) -> str:
    # A name that is no UTF-8 has surrogates; one may have the value in it.
    name = finding.place.path.encode(errors="surrogateescape").replace(finding.value.reveal(), b"*****")
    return name.decode(errors="backslashreplace")
