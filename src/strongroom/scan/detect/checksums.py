"""Tokens that carry a checksum, or have a structure inside: what does not add up is none."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib

_BECH32 = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_FACTORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def crc_base62(token: bytes) -> bool:
    """Say whether the last six characters are the CRC-32 of the others behind the prefix, in base 62.

    Source: https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
    """
    body = token[token.index(b"_") + 1 :]
    return base62(zlib.crc32(body[:-6])).rjust(6, b"0") == body[-6:]


def base62(number: int) -> bytes:
    """Return a number in base 62."""
    digits = bytearray()
    while number:
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return bytes(reversed(digits))


def grafana(token: bytes) -> bool:
    """Say whether the last eight digits are the CRC-32 of what stands before them, the least byte first.

    Source: https://github.com/grafana/grafana/blob/main/pkg/components/satokengen/tokengen.go
    """
    body, _, check = token.rpartition(b"_")
    return zlib.crc32(body).to_bytes(4, "little").hex().encode() == check


def jwt(token: bytes) -> bool:
    """Say whether the header and the claims of a JSON Web Token are JSON objects, and the header names an algorithm."""
    try:
        header, claims = (json.loads(unpadded(part)) for part in token.split(b".")[:2])
    except (ValueError, binascii.Error):
        return False
    return isinstance(header, dict) and isinstance(claims, dict) and header.get("alg", "none") != "none"


def discord(token: bytes) -> bool:
    """Say whether a bot's token begins with the number of an account."""
    try:
        return unpadded(token.partition(b".")[0]).isdigit()
    except binascii.Error:
        return False


def bech32(text: bytes) -> bool:
    """Say whether a Bech32 text adds up.

    Source: https://github.com/bitcoin/bips/blob/master/bip-0173.mediawiki
    """
    prefix, _, data = text.lower().rpartition(b"1")
    numbers = [letter >> 5 for letter in prefix] + [0] + [letter & 31 for letter in prefix]
    numbers += [_BECH32.find(data[index : index + 1]) for index in range(len(data))]
    checksum = 1
    for number in numbers:
        top, checksum = checksum >> 25, (checksum & 0x1FFFFFF) << 5 ^ number
        for bit, factor in enumerate(_BECH32_FACTORS):
            checksum ^= factor if top >> bit & 1 else 0
    return checksum == 1


def pem(text: bytes) -> bool:
    """Say whether what follows the first line of a PEM file begins a key, and not only the form of one.

    Lines may be joined by ``\\n``, as in JSON, and be indented, quoted or commented.
    """
    body = re.sub(rb"\\[nr]|[\s\"'+,#*>|]|//", b"", text.partition(b"KEY")[2].lstrip(b" BLOCK-"))
    body = re.sub(
        rb"^(?:(?:Proc-Type|DEK-Info|Version|Comment|Hash|Subject):?[^A-Za-z]?[^=]{0,60}?(?=M[ICH]|[A-Za-z0-9+/]{60}))+",
        b"",
        body,
    )
    letters = re.match(rb"[A-Za-z0-9+/]*", body)
    return letters is not None and len(letters[0]) >= 40 and len(set(letters[0])) > 10


def unpadded(text: bytes) -> bytes:
    """Decode base64 of either alphabet without its padding."""
    text = text.replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
    return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
