"""What several test modules share."""

from __future__ import annotations

from pathlib import Path

import pyrage

from strongroom.stores.embedded import EmbeddedStore
from strongroom.stores.embedded.audit import Origin
from strongroom.stores.embedded.identity import Identity
from strongroom.stores.embedded.keys import Recipient

ORIGIN = Origin("tester", "testhost", "test")


def new_identity(name: str = "identity") -> Identity:
    """Return an age identity that is in no file."""
    return Identity(Path(name), [pyrage.x25519.Identity.generate()])


def recipient_of(identity: Identity) -> Recipient:
    """Return the recipient that an identity opens for."""
    return Recipient(identity.recipient())


def new_store(directory: Path, identity: Identity) -> EmbeddedStore:
    """Create an embedded store in ``directory``/.strongroom."""
    return EmbeddedStore.init(directory / ".strongroom", [recipient_of(identity)], lambda: [identity], ORIGIN)
