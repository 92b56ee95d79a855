"""Identities: the private keys that open stores. They lie outside the project, in files that only their owner reads."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import IdentityError

_AGE_ENCRYPTED = (b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----")
Ask = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Identity:
    """One identity file, opened: age X25519 keys, or an SSH key."""

    path: Path
    keys: Sequence[object] = field(repr=False)

    def recipient(self) -> str:
        """Return the public key of its first key. That of an SSH key is read from the ``.pub`` file beside it.

        Raises:
            IdentityError: there is no such file.
        """
        import pyrage

        first = self.keys[0]
        if isinstance(first, pyrage.x25519.Identity):
            return str(first.to_public())
        public = self.path.with_name(f"{self.path.name}.pub")
        try:
            return public.read_text().strip()
        except OSError as error:
            raise IdentityError(f"the public key {public} cannot be read: {error.strerror}.") from None


def default_path() -> Path:
    """Return where the user's own identity lies: ``$XDG_CONFIG_HOME/strongroom/identity``."""
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "strongroom" / "identity"


def candidates() -> list[Path]:
    """Return the identity files to try when none was named: the user's own, then the usual SSH keys."""
    ssh = Path.home() / ".ssh"
    return [path for path in (default_path(), ssh / "id_ed25519", ssh / "id_rsa") if path.exists()]


def is_encrypted(path: Path) -> bool:
    """Tell whether an identity file has a passphrase; of one that cannot be read, that it has none.

    An SSH key says so inside: the name of its cipher stands in clear text (PROTOCOL.key of OpenSSH).
    """
    try:
        data = path.read_bytes().lstrip()
    except OSError:
        return False
    if data.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----"):
        body = b"".join(data.splitlines()[1:4])
        with suppress(ValueError):
            return b"\x00\x00\x00\x04none" not in base64.b64decode(body[: len(body) // 4 * 4])[:32]
    return data.startswith(_AGE_ENCRYPTED) or b"ENCRYPTED" in data[:200]


def load(path: Path, ask: Ask) -> Identity:
    """Open an identity file; ``ask`` gives the passphrase of an encrypted one.

    Raises:
        IdentityError: it is not there, readable by others, no identity, or the passphrase is wrong.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        data = path.read_bytes()
    except OSError as error:
        raise IdentityError(f"the identity {path} cannot be read: {error.strerror}.") from None
    if mode & 0o077:
        raise IdentityError(f"the identity {path} can be read by others (mode {mode:04o}). Run: chmod 600 {path}")
    if data.lstrip().startswith(_AGE_ENCRYPTED):
        data = _decrypt(path, data, ask)
    return Identity(path, _parse(path, data))


def create(path: Path, passphrase: str | None) -> Identity:
    """Create an age identity file with mode 0600, encrypted if a passphrase is given.

    Raises:
        IdentityError: there is one at ``path`` already, or it cannot be written.
    """
    import pyrage

    identity = pyrage.x25519.Identity.generate()
    data = f"# public key: {identity.to_public()}\n{identity}\n".encode()
    if passphrase is not None:
        data = pyrage.passphrase.encrypt(data, passphrase, armored=True)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_new(path, data)
    except FileExistsError:
        raise IdentityError(f"there is an identity at {path} already.") from None
    except OSError as error:
        raise IdentityError(f"the identity {path} cannot be written: {error.strerror}.") from None
    return Identity(path, [identity])


def write_new(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 that is there whole or not at all.

    Raises:
        FileExistsError: there is one already.
    """
    import tempfile

    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # created with mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)  # unlike rename, refuses to replace
    finally:
        Path(temporary).unlink()


def _decrypt(path: Path, data: bytes, ask: Ask) -> bytes:
    import pyrage

    try:
        plain: bytes = pyrage.passphrase.decrypt(data, ask(f"Passphrase of {path}: "))
    except pyrage.DecryptError:
        raise IdentityError(f"the passphrase does not open the identity {path}.") from None
    return plain


def _parse(path: Path, data: bytes) -> list[object]:
    import pyrage

    try:
        if b"PRIVATE KEY-----" in data:
            return [pyrage.ssh.Identity.from_buffer(data)]
        lines = (line.strip() for line in data.decode().splitlines())
        keys = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (pyrage.IdentityError, UnicodeDecodeError):
        keys = []
    if not keys:
        hint = " An SSH key with a passphrase does not work here: use an age identity." if b"PRIVATE" in data else ""
        raise IdentityError(f"{path} is not an identity: give an age identity file or an SSH private key.{hint}")
    return keys
