"""The reader: how an application gets its secrets. Follows ``spec/reader.md``; tested by ``spec/vectors``.

Standard library only, and little of it, since every application that uses strongroom imports this module.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from .errors import InvalidName, NotText, SecretNotFound, SecretUnreadable

# Importing typing would take longer than all the rest; a type checker takes this name for true.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn, TypeVar, overload

    _T = TypeVar("_T")

_DEFAULT_DIRECTORY = "/run/secrets"
_VARIABLE = {ord("-"): "_", ord("."): "_"} | {lower: chr(lower - 32) for lower in range(ord("a"), ord("z") + 1)}
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
# A file may change twice within one tick of its file system's clock. Two seconds is the coarsest in use (FAT).
_TICK_NS = 2_000_000_000
_ADVICE = (
    "Grant it to this service (Compose and Swarm: services.<service>.secrets; a plain process: strongroom run), "
    "or set one of these variables."
)


class _Missing:
    """The type of the marker for "no default was given", so that None can be a default."""


_MISSING = _Missing()


class _Found:
    __slots__ = ("data", "place", "signature", "text")

    def __init__(self, place: str, signature: tuple[int, int, int, int, int], data: bytes) -> None:
        self.place = place
        self.signature = signature
        self.data = data
        self.text = _decode(data)
        if seen is not None and self.text:
            seen.add(self.text)

    def __repr__(self) -> str:
        return f"<secret from {self.place}>"


_cache: dict[tuple[str, str], _Found] = {}
# What was read, once somebody wants to mask it (``integrations.logging``).
seen: set[str] | None = None


def cached() -> list[_Found]:
    """Return what is kept of what was read so far."""
    return list(_cache.values())


if TYPE_CHECKING:

    @overload
    def get_secret(name: str) -> str: ...
    @overload
    def get_secret(name: str, default: _T) -> str | _T: ...


def get_secret(name: str, default: object = _MISSING) -> object:
    """Return a secret as text, without the newlines at its end.

    Looks at the file ``/run/secrets/<name>`` (another directory by ``SECRETS_DIR``), the file that ``<NAME>_FILE``
    names, the variable ``<NAME>``, and then takes ``default`` if one was given (``None`` counts).

    Raises:
        SecretNotFound: it is in none of these places and no default was given.
        SecretUnreadable: it exists but cannot be read; a later place is never tried instead.
        NotText: its bytes are not UTF-8.
        InvalidName: the name could lead out of the directory.
    """
    directory = os.environ.get("SECRETS_DIR") or _DEFAULT_DIRECTORY
    cached = _cache.get((directory, name))
    if cached is not None and cached.text is not None and _is_unchanged(cached):
        return cached.text
    found = _find(directory, name)
    if isinstance(found, _Found):
        if found.text is None:
            raise NotText(f"the secret in {found.place} is not UTF-8 text. Read it with get_secret_bytes.")
        return found.text
    if isinstance(default, _Missing):
        raise SecretNotFound(name, found, _ADVICE)
    return default


if TYPE_CHECKING:

    @overload
    def get_secret_bytes(name: str) -> bytes: ...
    @overload
    def get_secret_bytes(name: str, default: _T) -> bytes | _T: ...


def get_secret_bytes(name: str, default: object = _MISSING) -> object:
    """Return a secret's bytes exactly as they are, newlines included. Looks and raises as ``get_secret`` does."""
    directory = os.environ.get("SECRETS_DIR") or _DEFAULT_DIRECTORY
    cached = _cache.get((directory, name))
    if cached is not None and _is_unchanged(cached):
        return cached.data
    found = _find(directory, name)
    if isinstance(found, _Found):
        return found.data
    if isinstance(default, _Missing):
        raise SecretNotFound(name, found, _ADVICE)
    return default


def get_valid_secrets(name: str) -> list[str]:
    """Return the values that are valid while a secret is being rotated, the newest first, without repeats.

    They are those of ``<name>_current``, ``<name>_previous`` and ``<name>`` that exist, found as by ``get_secret``.

    Raises:
        SecretNotFound: none of the three exists.
        SecretUnreadable, NotText, InvalidName: as ``get_secret``.
    """
    _check_name(name)
    values: list[str] = []
    places: tuple[str, ...] = ()
    for variant in (f"{name}_current", f"{name}_previous", name):
        try:
            value = get_secret(variant)
        except SecretNotFound as missing:
            places += missing.places
        else:
            if value not in values:
                values.append(value)
    if not values:
        raise SecretNotFound(name, places, _ADVICE)
    return values


def validate_password(provided: str | bytes, name: str) -> bool:
    """Tell whether ``provided`` is one of ``get_valid_secrets(name)``, in constant time. Nothing empty is ever valid.

    Raises:
        SecretNotFound, SecretUnreadable, NotText, InvalidName: as ``get_valid_secrets``.
    """
    from hashlib import sha256
    from hmac import compare_digest

    candidate = provided.encode("utf-8", "surrogatepass") if isinstance(provided, str) else bytes(provided)
    # Digests have one length, so that the comparison's time tells nothing about the secret's.
    digest = sha256(candidate).digest()
    valid = False
    for value in get_valid_secrets(name):
        valid |= compare_digest(digest, sha256(value.encode()).digest()) & (value != "")
    return valid


def _is_unchanged(cached: _Found) -> bool:
    try:
        return _signature(os.stat(cached.place)) == cached.signature
    except (OSError, ValueError):
        return False


def _signature(status: os.stat_result) -> tuple[int, int, int, int, int]:
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_dev)


def _find(directory: str, name: str) -> _Found | tuple[str, ...]:
    """Return what was found first, or all the places that were looked at, with what was seen there."""
    _check_name(name)
    path = f"{directory}{name}" if directory.endswith("/") else f"{directory}/{name}"
    found = _read_file(path, (directory, name))
    if found is not None:
        return found
    variable = name.translate(_VARIABLE)
    named = f"{variable}_FILE"
    path_from_variable = os.environ.get(named)
    if path_from_variable:
        found = _read_file(path_from_variable, ("", path_from_variable), named)
        if found is None:
            raise SecretUnreadable(
                f"{named} names {path_from_variable}, which does not exist. Create that file, or unset {named}."
            )
        return found
    value = os.environ.get(variable)
    if value:
        data = os.fsencode(value)
        return _Found(variable, (0, 0, 0, 0, 0), data)
    return (
        f"no file {path}",
        f"{named} is {'not set' if path_from_variable is None else 'empty'}",
        f"{variable} is {'not set' if value is None else 'empty'}",
    )


def _check_name(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        refused = True
    else:
        refused = name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name
    if refused:
        raise InvalidName(f"{name!r} is not a secret's name: give one without '/', '\\' or NUL, as in 'db_password'.")


def _read_file(path: str, key: tuple[str, str], variable: str | None = None) -> _Found | None:
    """Return what the file at ``path`` holds, or None where there is no such file."""
    cached = _cache.get(key)
    if cached is not None and _is_unchanged(cached):
        return cached
    _cache.pop(key, None)
    try:
        descriptor = os.open(path, _OPEN_FLAGS)
    except OSError as error:
        if error.errno == errno.ENOENT and not os.path.islink(path):
            return None
        _refuse(path, error, variable)
    except ValueError:
        raise SecretUnreadable(f"{variable or path!r} is not a path: it contains a NUL byte.") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            _refuse_kind(path, status, variable)
        data = _read_all(descriptor, status.st_size)
    except OSError as error:
        _refuse(path, error, variable)
    finally:
        os.close(descriptor)
    found = _Found(path, _signature(status), data)
    if time.time_ns() - status.st_ctime_ns > _TICK_NS:
        _cache[key] = found
    return found


def _read_all(descriptor: int, size: int) -> bytes:
    chunks = []
    while chunk := os.read(descriptor, max(size, 1 << 16)):
        chunks.append(chunk)
    return b"".join(chunks)


def _decode(data: bytes) -> str | None:
    """Return the text without the newlines at its end, or None for bytes that are not UTF-8."""
    end = len(data)
    while end and data[end - 1] == 0x0A:  # \n
        end -= 2 if end > 1 and data[end - 2] == 0x0D else 1  # \r
    try:
        return data[:end].decode()
    except UnicodeDecodeError:
        return None


def _refuse(path: str, error: OSError, variable: str | None) -> NoReturn:
    """Raise what an operating system's error means to the person who has to mend it."""
    origin = f" (named by {variable})" if variable else ""
    if error.errno == errno.ENOENT:
        target = os.readlink(path)
        raise SecretUnreadable(
            f"{path}{origin} is a link to {target}, which does not exist. Mount what it leads to, or remove the link."
        ) from None
    if error.errno in (errno.EACCES, errno.EPERM):
        raise SecretUnreadable(_permission_message(path, origin)) from None
    raise SecretUnreadable(f"{path}{origin} cannot be read: {error.strerror}.") from None


def _permission_message(path: str, origin: str) -> str:
    user = f"uid {os.geteuid()}, gid {os.getegid()}" if hasattr(os, "geteuid") else "its user"
    try:
        status = os.stat(path)
    except OSError:
        return (
            f"{path}{origin} cannot be reached: this process ({user}) may not look into a directory on the way to it."
        )
    owner, mode = f"{status.st_uid}:{status.st_gid}", f"{stat.S_IMODE(status.st_mode):04o}"
    return (
        f"{path}{origin} exists, but this process ({user}) may not read it: its owner is {owner}, its mode {mode}. "
        "Grant the secret with the process's uid (or gid) and mode 0400 (or 0440)."
    )


def _refuse_kind(path: str, status: os.stat_result, variable: str | None) -> NoReturn:
    origin = f" (named by {variable})" if variable else ""
    if stat.S_ISDIR(status.st_mode):
        raise SecretUnreadable(
            f"{path}{origin} is a directory, not a file. Docker makes one when it mounts a file that is not there: "
            "remove it, create the file, and start the container anew."
        )
    raise SecretUnreadable(f"{path}{origin} is not a regular file. Put the secret into a file.")
