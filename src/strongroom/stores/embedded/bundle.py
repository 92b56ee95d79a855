"""Bundles: all secrets of a store with their versions, as one age-encrypted file that another store can take over."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ...errors import IdentityError, StoreDamaged, StoreUnsupported, StrongroomError
from ...model import Name, Secret, Stage, Value, Version, check_labels
from .identity import Identity
from .keys import Recipient

_FORMAT = "strongroom bundle"
_VERSION = 1


def is_encrypted(data: bytes) -> bool:
    """Tell whether a file is encrypted with age, as bundles are."""
    return data.startswith(b"age-encryption.org/")


def record(secret: Secret, values: Mapping[int, Value]) -> dict[str, Any]:
    """Return one secret as a bundle keeps it."""
    return {
        "name": secret.name,
        "labels": dict(secret.labels),
        "created_at": secret.created_at.isoformat(),
        "stages": dict(secret.stages),
        "versions": [
            {
                "number": version.number,
                "created_at": version.created_at.isoformat(),
                "destroyed_at": version.destroyed_at and version.destroyed_at.isoformat(),
                "value": base64.b64encode(values[version.number].reveal()).decode()
                if version.number in values
                else None,
            }
            for version in secret.versions
        ],
    }


def encrypt(records: Sequence[Mapping[str, Any]], recipients: Sequence[Recipient], passphrase: str | None) -> bytes:
    """Return the bundle, encrypted to the recipients, or with the passphrase where one is given."""
    import pyrage

    plain = json.dumps({"format": _FORMAT, "version": _VERSION, "secrets": records}).encode()
    if passphrase is not None:
        return bytes(pyrage.passphrase.encrypt(plain, passphrase))
    return bytes(pyrage.encrypt(plain, [recipient.public_key() for recipient in recipients]))


def decrypt(
    data: bytes, identities: Iterable[Identity], passphrase: str | None
) -> list[tuple[Secret, dict[int, Value]]]:
    """Open a bundle.

    Raises:
        IdentityError: no identity, or not this passphrase, opens it.
        StoreDamaged: it is not a bundle.
        StoreUnsupported: a newer strongroom wrote it.
    """
    plain = _decrypt(data, identities, passphrase)
    try:
        content = json.loads(plain)
        if content["format"] == _FORMAT and content["version"] > _VERSION:
            raise StoreUnsupported(f"the bundle has format {content['version']}. Upgrade strongroom to import it.")
        if content["format"] == _FORMAT:
            return [_parse(each) for each in content["secrets"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    except StrongroomError:
        raise
    raise StoreDamaged("what was decrypted is not a strongroom bundle. Give a file that strongroom export wrote.")


def _decrypt(data: bytes, identities: Iterable[Identity], passphrase: str | None) -> bytes:
    import pyrage

    if passphrase is not None:
        try:
            return bytes(pyrage.passphrase.decrypt(data, passphrase))
        except pyrage.DecryptError:
            raise IdentityError("the passphrase does not open the bundle, or the file is not one.") from None
    for identity in identities:
        try:
            return bytes(pyrage.decrypt(data, identity.keys))
        except pyrage.DecryptError:
            continue
    raise IdentityError(
        "no identity opens the bundle, or the file is not one. Name an identity with --identity, "
        "or use --passphrase if it was exported with one."
    )


def _parse(content: Mapping[str, Any]) -> tuple[Secret, dict[int, Value]]:
    versions = tuple(
        Version(
            int(each["number"]),
            datetime.fromisoformat(each["created_at"]),
            datetime.fromisoformat(each["destroyed_at"]) if each["destroyed_at"] else None,
        )
        for each in content["versions"]
    )
    values = {
        int(each["number"]): Value(base64.b64decode(each["value"], validate=True))
        for each in content["versions"]
        if each["value"] is not None
    }
    if {version.number for version in versions if not version.destroyed_at} != values.keys():
        raise ValueError("a version without its value")
    created = datetime.fromisoformat(content["created_at"])
    stages = {Stage(stage): int(number) for stage, number in content["stages"].items()}
    if Stage.CURRENT not in stages or not set(stages.values()) <= values.keys():
        raise ValueError("a stage without its version")
    name, labels = Name(content["name"]), check_labels(content["labels"])
    return Secret("", name, created, created, labels, versions, stages), values
