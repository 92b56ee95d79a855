"""Random values."""

from __future__ import annotations

import string

ALPHABETS = {
    "alphanumeric": string.ascii_letters + string.digits,
    "ascii": string.ascii_letters + string.digits + string.punctuation,
    "url": string.ascii_letters + string.digits + "-_",
    "hex": "0123456789abcdef",
    "digits": string.digits,
}


def password(length: int, alphabet: str = "alphanumeric") -> bytes:
    """Return ``length`` characters drawn from one of ``ALPHABETS`` by the system's source of randomness."""
    import secrets

    characters = ALPHABETS[alphabet]
    return "".join(secrets.choice(characters) for _ in range(length)).encode()
