"""The last known good values, encrypted with age to the identity that opens them: for a start while a manager is down.

What a manager leases is never kept: its lease would have ended.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DeliveryError
from ..model import Value
from ..references import Reference

if TYPE_CHECKING:
    from ..stores.embedded.identity import Identity
    from ..stores.registry import Fetched

_FORMAT = "strongroom values 1"


class Cache:
    """A file of values by reference."""

    def __init__(self, path: Path, identity: Identity) -> None:
        """Keep values in a file that ``identity`` opens."""
        self._path, self._identity = path, identity
        self._values: dict[str, dict[str, Value]] | None = None
        self._saved: dict[str, Mapping[str, Value]] = {}
        self._at = 0.0

    def get(self, reference: Reference) -> dict[str, Value] | None:
        """Return a reference's values by field, if they were kept.

        Raises:
            DeliveryError: the file is damaged, or another identity opens it.
        """
        if self._values is None:
            self._values = self._load()
        return self._values.get(str(reference))

    def age(self) -> str:
        """Return how old the values are."""
        seconds = max(0, int(time.time() - self._at))
        return f"{seconds // 3600} h {seconds % 3600 // 60} min" if seconds >= 3600 else f"{seconds // 60} min"

    def keep(self, fetched: Sequence[Fetched], report: Callable[[str], None]) -> None:
        """Save the values; that they cannot be is reported, and no reason not to start with them."""
        try:
            self.save(fetched)
        except DeliveryError as error:
            report(str(error))

    def save(self, fetched: Sequence[Fetched]) -> None:
        """Replace the file by these values, if they are other ones. It is there whole, with mode 0600, or not at all.

        Raises:
            DeliveryError: it cannot be written.
        """
        import pyrage

        from ..stores.embedded.keys import Recipient

        values = {str(each.reference): each.values for each in fetched if each.lease is None}
        if values == self._saved:
            return
        content = {
            "format": _FORMAT,
            "at": time.time(),
            "values": {
                reference: {field: base64.b64encode(value.reveal()).decode() for field, value in each.items()}
                for reference, each in values.items()
            },
        }
        recipient = Recipient.parse(self._identity.recipient()).public_key()
        data = pyrage.encrypt(json.dumps(content).encode(), [recipient])
        try:
            descriptor, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                Path(temporary).replace(self._path)
            except BaseException:
                with suppress(OSError):
                    Path(temporary).unlink()
                raise
        except OSError as error:
            raise DeliveryError(f"the cache {self._path} cannot be written: {error.strerror}.") from None
        self._saved = values

    def _load(self) -> dict[str, dict[str, Value]]:
        import pyrage

        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise DeliveryError(f"the cache {self._path} cannot be read: {error.strerror}.") from None
        try:
            content = json.loads(pyrage.decrypt(data, self._identity.keys))
            if content["format"] != _FORMAT:
                raise ValueError
            self._at = float(content["at"])
            return {
                reference: {field: Value(base64.b64decode(text)) for field, text in each.items()}
                for reference, each in content["values"].items()
            }
        except pyrage.DecryptError:
            raise DeliveryError(
                f"the cache {self._path} is damaged, or {self._identity.path} is not the identity that opens it."
            ) from None
        except (ValueError, KeyError, TypeError):
            raise DeliveryError(f"the cache {self._path} is not what strongroom wrote. Remove it.") from None
