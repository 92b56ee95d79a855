"""Finds the store that a URI names, and reads references of any stores side by side. Imports only what is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from threading import Lock
from typing import NamedTuple

from ..errors import InvalidReference, StoreUnsupported, StrongroomError
from ..model import Value
from ..references import EVERY_FIELD, Reference
from .base import Store
from .managers import Content, Lease, Leasing, Manager, Wanted
from .retry import DEFAULT_LIMIT, all_or_error, side_by_side

GROUP = "strongroom.stores"
# Ours are known without a search: looking through all that is installed takes longer than reading a secret.
_OWN = {
    "aws": "aws", "azure": "azure", "command": "command", "env": "env", "file": "file", "gcp": "gcp",
    "pass": "password_store", "sops": "sops", "vault": "vault",
}  # fmt: skip


class Fetched(NamedTuple):
    """What a reference names: values by field (under '' for the whole), and where they are leased, the lease.

    References to fields of one path share what was read, and so the lease.
    """

    reference: Reference
    values: Mapping[str, Value]
    version: int | str | None = None
    lease: Lease | None = None

    @property
    def value(self) -> Value:
        """The value of a reference that names one."""
        (only,) = self.values.values()
        return only


class References:
    """Reads references. Keeps one manager a scheme, so that a login serves all that is read."""

    def __init__(self, limit: float = DEFAULT_LIMIT) -> None:
        """Give each call so many seconds."""
        self._limit = limit
        self._managers: dict[str, Manager] = {}
        self._making = Lock()

    def read(self, references: Sequence[Reference]) -> list[Fetched]:
        """Read them all side by side, each path once, and return them in the order asked for.

        Raises:
            StrongroomError: the first that fails. ``StoreUnavailable`` may pass, all others do not.
        """
        return all_or_error(self.try_read(references))

    def try_read(self, references: Sequence[Reference]) -> list[Fetched | StrongroomError]:
        """Read them all as ``read`` does; an error stands in the place of each that fails."""
        groups: dict[str, dict[Wanted, None]] = {}
        for each in references:
            groups.setdefault(each.scheme, {})[Wanted(each.path, each.version)] = None

        def fetch(scheme: str) -> Sequence[Content | StrongroomError]:
            return self._manager(scheme).fetch(list(groups[scheme]))

        found: dict[tuple[str, Wanted], Content | StrongroomError] = {}
        for scheme, contents in zip(groups, side_by_side(fetch, list(groups)), strict=True):
            for index, wanted in enumerate(groups[scheme]):
                found[scheme, wanted] = contents if isinstance(contents, StrongroomError) else contents[index]
        return [_pick(each, found[each.scheme, Wanted(each.path, each.version)]) for each in references]

    def content(self, reference: Reference) -> Content:
        """Return what lies at a reference's path.

        Raises:
            StrongroomError: as ``read``.
        """
        (found,) = all_or_error(self._manager(reference.scheme).fetch([Wanted(reference.path, reference.version)]))
        return found

    def logins(self) -> list[Lease]:
        """Return the leases of the logins that were made: to be renewed as those of values are.

        Raises:
            StrongroomError: one ended, and cannot be made anew.
        """
        found = [each.login() for each in self._managers.values() if isinstance(each, Leasing)]
        return [each for each in found if each]

    def renew(self, lease: Lease) -> Lease:
        """Prolong a lease; see ``Leasing.renew``.

        Raises:
            StoreUnavailable: it may be tried again.
            StoreRefused: it has ended, or ends: fetch again.
        """
        return self._leasing(lease).renew(lease)

    def revoke(self, lease: Lease) -> bool:
        """End a lease, or a login with all that it leased; see ``Leasing.revoke``.

        Raises:
            StoreUnavailable, StoreRefused: it was not ended.
        """
        return self._leasing(lease).revoke(lease)

    def close(self) -> None:
        """Let go of connections. Logins and leases stay."""
        for each in self._managers.values():
            each.close()

    def _manager(self, scheme: str) -> Manager:
        with self._making:
            if scheme not in self._managers:
                self._managers[scheme] = find(scheme)(self._limit)
            return self._managers[scheme]

    def _leasing(self, lease: Lease) -> Leasing:
        manager = self._manager(lease.scheme)
        if not isinstance(manager, Leasing):
            raise StoreUnsupported(f"{lease.scheme}:// leases nothing.")
        return manager


def read_references(references: Sequence[Reference], limit: float = DEFAULT_LIMIT) -> list[Fetched]:
    """Read references as ``References.read`` does, where nothing has to be renewed."""
    reader = References(limit)
    try:
        return reader.read(references)
    finally:
        reader.close()


def open_store(uri: str, limit: float = DEFAULT_LIMIT) -> Store:
    """Return the store that a URI such as ``vault://secret/myapp`` names.

    Raises:
        InvalidReference: it names none.
        StoreUnsupported: nothing that is installed knows its scheme, or it can be read by references only.
        StoreUnavailable, StoreRefused: it was asked what it is, and did not say.
    """
    scheme, path = check_uri(uri)
    manager = find(scheme)(limit)
    try:
        return manager.store(path)
    except BaseException:
        manager.close()
        raise


def check_uri(uri: str) -> tuple[str, str]:
    """Return scheme and path of a store's URI.

    Raises:
        InvalidReference: it is none.
    """
    scheme, separator, path = uri.partition("://")
    if not scheme or not separator or "#" in path or "?" in path:
        raise InvalidReference(f"'{uri}' names no store: give SCHEME://PATH, such as vault://secret/myapp.")
    return scheme, path


def find(scheme: str) -> Callable[[float], Manager]:
    """Return what makes the manager of a scheme.

    Raises:
        StoreUnsupported: nothing that is installed knows it.
    """
    found: Callable[[float], Manager]
    if scheme in _OWN:
        found = import_module(f".{_OWN[scheme]}", __package__).Manager
        return found
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP, name=scheme):
        found = entry.load()
        break
    else:
        raise StoreUnsupported(f"no store is known for {scheme}://. There are: {', '.join(_known())}.")
    return found


def _known() -> Iterable[str]:
    from importlib.metadata import entry_points

    return sorted({f"{name}://" for name in (*_OWN, *(entry.name for entry in entry_points(group=GROUP)))})


def _pick(reference: Reference, content: Content | StrongroomError) -> Fetched | StrongroomError:
    if isinstance(content, StrongroomError):
        return content
    try:
        if reference.field == EVERY_FIELD:
            values = content.fields()
        elif reference.field is None:
            values = {"": content.whole()}
        else:
            values = {reference.field: content.field(reference.field)}
    except StrongroomError as error:
        return error
    return Fetched(reference, values, content.version, content.lease)
