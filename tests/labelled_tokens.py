"""Makers of tokens as some vendors issue them, checksums and all."""

from __future__ import annotations

import base64
import json
import string
import zlib
from collections.abc import Callable
from random import Random

_LETTERS = string.ascii_letters + string.digits
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def _drawn(random: Random, count: int, alphabet: str = _LETTERS) -> str:
    return "".join(random.choices(alphabet, k=count))


def _hex(random: Random, count: int) -> str:
    return _drawn(random, count, "0123456789abcdef")


def _summed(prefix: str) -> Callable[[Random], str]:
    def make(random: Random) -> str:
        body = _drawn(random, 30)
        number, digits = zlib.crc32(body.encode()), ""
        while number:
            number, digit = divmod(number, 62)
            digits = _BASE62[digit] + digits
        return prefix + body + digits.rjust(6, "0")

    return make


def _jwt(random: Random) -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": _drawn(random, 8), "iat": 1700000000 + random.randrange(10**7)})
    raw = [json.dumps(part).encode() for part in parts] + [random.randbytes(32)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in raw)


def _private_key(random: Random) -> str:
    body = "MIIEowIBAAKCAQEA" + base64.b64encode(random.randbytes(600)).decode()
    lines = "\n".join(body[index : index + 64] for index in range(0, len(body), 64))
    return f"-----BEGIN RSA {'PRIVATE'} KEY-----\n{lines}\n-----END RSA {'PRIVATE'} KEY-----"


TOKENS: tuple[Callable[[Random], str], ...] = (
    _summed("ghp_"),
    _summed("npm_"),
    _jwt,
    _private_key,
    lambda random: "AKIA" + _drawn(random, 16, string.ascii_uppercase + "234567"),
    lambda random: "sk_live_" + _drawn(random, 24),
    lambda random: f"xoxb-{_drawn(random, 12, '123456789')}-{_drawn(random, 12, '123456789')}-{_drawn(random, 24)}",
    lambda random: f"SG.{_drawn(random, 22)}.{_drawn(random, 43)}",
    lambda random: "AIza" + _drawn(random, 35),
    lambda random: "glpat-" + _drawn(random, 20),
    lambda random: "dop_v1_" + _hex(random, 64),
    lambda random: "hf_" + _drawn(random, 34, string.ascii_letters),
    lambda random: "shpat_" + _hex(random, 32),
    lambda random: f"{_drawn(random, 9, '123456789')}:AA{_drawn(random, 33)}",
)
