"""A build's secrets: where each comes from, and how Docker gets it.

What the option means is as in docker/buildx, util/buildflags/secrets.go, and moby/buildkit,
session/secrets/secretsprovider/store.go.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..errors import DeclarationError, InvalidValue
from ..model import Value

_KEYS = {"id": "id", "type": "type", "src": "src", "source": "src", "env": "env", "from": "reference"}
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class SecretOption(NamedTuple):
    """``--secret``: where a build's secret comes from. Without ``env``, ``src`` and ``reference`` from the store."""

    id: str
    type: str = ""
    src: str = ""
    env: str = ""
    reference: str = ""

    @classmethod
    def parse(cls, text: str) -> SecretOption:
        """Read ``id=…[,type=][,src=][,env=]`` as Docker does, and ``from=REFERENCE``, which only we know.

        Raises:
            DeclarationError: it is none.
        """
        found: dict[str, str] = {}
        for field in next(csv.reader([text]), []):
            key, equals, value = field.partition("=")
            if not equals or key.lower() not in _KEYS:
                raise DeclarationError(f"--secret {text}: '{field}' is not one of id=, type=, src=, env= and from=.")
            found[_KEYS[key.lower()]] = value
        if not found.get("id"):
            raise DeclarationError(f"--secret {text}: give it an id, as RUN --mount=type=secret,id=… names it.")
        return cls(**found)

    @property
    def alone(self) -> bool:
        """Whether it says nothing but its id."""
        return not (self.type or self.src or self.env or self.reference)

    def option(self) -> str:
        """Return it as Docker reads it."""
        fields = {"id": self.id, "type": self.type, "src": self.src, "env": self.env}
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="").writerow([f"{key}={text}" for key, text in fields.items() if text])
        return buffer.getvalue()


def resolve(option: SecretOption, in_store: bool) -> SecretOption:
    """Say where a secret comes from that is named by its id alone: the store, and where it is not there, as in Docker.

    Docker takes the variable of that name, or else the file.
    """
    if option.src and option.type == "env":
        return option._replace(env=option.src, src="")
    if option.src or option.env or option.reference or (in_store and not option.type):
        return option
    if option.type == "env" or (not option.type and option.id in os.environ):
        return option._replace(env=option.id)
    if option.type == "file" or Path(option.id).is_file():
        return option._replace(src=option.id)
    return option


def given(option: SecretOption) -> Value | None:
    """Return the value that Docker itself reads, from a file or a variable; None where it will say what is wrong.

    A newline at the end is not looked for: what copies a value leaves it out.
    """
    with suppress(OSError, InvalidValue):
        data = os.environb.get(os.fsencode(option.env), b"") if option.env else Path(option.src).read_bytes()
        return Value(data.rstrip(b"\r\n"))
    return None


class Handover:
    """Values in memory, under paths that Docker can read until this is closed. Only for this user's processes."""

    def __init__(self) -> None:
        """Hold nothing."""
        self._descriptors: list[int] = []

    def path(self, value: Value) -> str:
        """Return the path of a file that has a value in it, and cannot be changed."""
        descriptor = os.memfd_create("secret", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self._descriptors.append(descriptor)
        data = memoryview(value.reveal())
        while data:
            data = data[os.write(descriptor, data) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
        return f"/proc/{os.getpid()}/fd/{descriptor}"

    def close(self) -> None:
        """Let go of the values."""
        while self._descriptors:
            os.close(self._descriptors.pop())
