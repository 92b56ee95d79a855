"""The store's key: wrapped with age for its recipients, and what is derived from it.

The key is 32 random bytes. age (through pyrage) wraps it; three keys are derived from it, one a purpose, as HKDF-Expand
does (RFC 5869, section 2.3); values are sealed with AES-256-GCM.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ...errors import IdentityError, StoreDamaged
from ...model import Name, Value

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hmac import HMAC

    from .identity import Identity

_NONCE_BYTES = 12


class Recipient(NamedTuple):
    """A public key that the store's key is wrapped to: ``age1…`` or ``ssh-ed25519 …`` / ``ssh-rsa …``."""

    key: str
    comment: str = ""

    @classmethod
    def parse(cls, text: str) -> Recipient:
        """Read a recipient, as age and ``authorized_keys`` write them.

        Raises:
            IdentityError: it is not one.
        """
        kind, _, rest = text.strip().partition(" ")
        body, _, comment = rest.strip().partition(" ")
        recipient = cls(f"{kind} {body}", comment.strip()) if kind.startswith("ssh-") else cls(kind, rest.strip())
        recipient.public_key()
        return recipient

    def public_key(self) -> object:
        """Return pyrage's form of it."""
        import pyrage

        try:
            if self.key.startswith("ssh-"):
                return pyrage.ssh.Recipient.from_str(self.key)
            return pyrage.x25519.Recipient.from_str(self.key)
        except pyrage.RecipientError:
            pass
        hint = " It is a secret identity: give the public key that belongs to it." if "SECRET-KEY" in self.key else ""
        shown = "what was given" if hint else repr(self.key[:40])
        raise IdentityError(f"{shown} is not a recipient: give an age1… key, ssh-ed25519 … or ssh-rsa ….{hint}")


class StoreKey:
    """An unwrapped store key, and all that is done with it."""

    __slots__ = ("_aead", "_audit", "_digest", "_key", "_store")

    def __init__(self, key: bytes, store_id: str) -> None:
        """Derive the keys of the store ``store_id`` from ``key``."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._key = key
        self._store = store_id
        self._aead = AESGCM(_derive(key, b"strongroom/1 value"))
        self._audit = _derive(key, b"strongroom/1 audit")
        self._digest = _derive(key, b"strongroom/1 digest")

    def __repr__(self) -> str:
        return "<store key>"

    @classmethod
    def generate(cls, store_id: str) -> StoreKey:
        """Make a new random key."""
        return cls(os.urandom(32), store_id)

    def wrap(self, recipients: Sequence[Recipient]) -> bytes:
        """Encrypt the key with age for each of the recipients."""
        import pyrage

        wrapped: bytes = pyrage.encrypt(self._key, [recipient.public_key() for recipient in recipients])
        return wrapped

    @classmethod
    def unwrap(cls, wrapped: bytes, identities: Iterable[Identity], store_id: str) -> StoreKey:
        """Decrypt a wrapped key with the first identity that can.

        Raises:
            IdentityError: none of them is a recipient of this store.
        """
        import pyrage

        tried = []
        for identity in identities:
            try:
                key = pyrage.decrypt(wrapped, identity.keys)
            except pyrage.DecryptError:
                tried.append(str(identity.path))
                continue
            if len(key) != 32:
                raise StoreDamaged("the store's wrapped key has the wrong length. Restore the store from a copy.")
            return cls(key, store_id)
        raise IdentityError(
            f"no identity opens this store (tried: {', '.join(tried) or 'none'}). Name an identity of one of its "
            "recipients with --identity or STRONGROOM_IDENTITY, or ask one of them to run: strongroom recipients add"
        )

    def seal(self, value: Value, secret_id: str, name: Name, version: int) -> bytes:
        """Encrypt a value so that it opens only as this version of this secret of this store."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, value.reveal(), self._place(secret_id, name, version))

    def open(self, sealed: bytes, secret_id: str, name: Name, version: int) -> Value:
        """Decrypt a value.

        Raises:
            StoreDamaged: it was changed, or belongs elsewhere.
        """
        from cryptography.exceptions import InvalidTag

        try:
            nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            return Value(self._aead.decrypt(nonce, body, self._place(secret_id, name, version)))
        except (InvalidTag, ValueError):
            pass
        raise StoreDamaged(
            f"version {version} of '{name}' does not open: its ciphertext was changed or put there from another place. "
            "Restore the store from a copy, or write a new version with: strongroom secret update"
        )

    def audit_mac(self, *parts: bytes) -> bytes:
        """Return the authentication code of an audit entry, or of what else must not be changed unseen."""
        return _hmac(self._audit, self._message(parts)).finalize()

    def is_audit_mac(self, code: bytes, *parts: bytes) -> bool:
        """Tell, in constant time, whether ``code`` is the ``audit_mac`` of ``parts``."""
        from cryptography.exceptions import InvalidSignature

        try:
            _hmac(self._audit, self._message(parts)).verify(code)
        except InvalidSignature:
            return False
        return True

    def digest(self, name: Name, value: Value) -> str:
        """Return a keyed digest that may leave the store: it tells equal values of one secret, nothing else."""
        message = name.encode() + b"\0" + value.reveal()
        return _hmac(self._digest, message).finalize().hex()

    def _message(self, parts: Iterable[bytes]) -> bytes:
        # Each part's length goes in before it, so that no two lists of parts read the same.
        return b"".join(len(part).to_bytes(8, "big") + part for part in (self._store.encode(), *parts))

    def _place(self, secret_id: str, name: Name, version: int) -> bytes:
        return f"strongroom/1\0{self._store}\0{secret_id}\0{name}\0{version}".encode()


def _derive(key: bytes, purpose: bytes) -> bytes:
    return _hmac(key, purpose + b"\x01").finalize()


def _hmac(key: bytes, message: bytes) -> HMAC:
    # The standard library's would load OpenSSL a second time.
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.hmac import HMAC

    code = HMAC(key, SHA256())
    code.update(message)
    return code
