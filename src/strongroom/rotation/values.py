"""New values: passwords, texts after a pattern, and keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ..errors import DeclarationError
from ..generate import password
from ..model import Value
from ..policy import Generate

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

_RSA_BITS = 3072
_CERTIFICATE_DAYS = 397


def make(wanted: Generate, name: str, current: Value | None = None) -> Value:
    """Return a new value. A certificate takes its subject and names over from the ``current`` one.

    Raises:
        DeclarationError: the pattern is no regular expression.
    """
    if wanted.kind == "rsa":
        from cryptography.hazmat.primitives.asymmetric import rsa

        return Value(_pem(rsa.generate_private_key(65537, _RSA_BITS)))
    if wanted.kind == "ed25519":
        from cryptography.hazmat.primitives.asymmetric import ed25519

        return Value(_pem(ed25519.Ed25519PrivateKey.generate()))
    if wanted.kind == "certificate":
        return Value(_certificate(name, current))
    if wanted.pattern:
        return Value(_after(wanted.pattern))
    return Value(password(wanted.length, wanted.alphabet))


def _after(pattern: str) -> bytes:
    import random
    import re

    import rstr

    try:
        return str(rstr.Rstr(random.SystemRandom()).xeger(pattern)).encode()
    except re.error as error:
        raise DeclarationError(f"the pattern '{pattern}' is no regular expression: {error}.") from None


def _pem(key: CertificateIssuerPrivateKeyTypes) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _certificate(name: str, current: Value | None) -> bytes:
    """Return a key and a certificate that it signed itself, in one PEM text."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding

    key, now, former = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC), _read(current)
    subject = former.subject if former else x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    names: x509.GeneralNames | x509.SubjectAlternativeName = x509.SubjectAlternativeName([x509.DNSName(name)])
    if former:
        for extension in former.extensions:
            if isinstance(extension.value, x509.SubjectAlternativeName):
                names = extension.value
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=_CERTIFICATE_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pem(key) + certificate.public_bytes(Encoding.PEM)


def _read(current: Value | None) -> x509.Certificate | None:
    from cryptography import x509

    if current is None or b"BEGIN CERTIFICATE" not in current.reveal():
        return None
    try:
        return x509.load_pem_x509_certificates(current.reveal())[0]
    except ValueError:
        return None
