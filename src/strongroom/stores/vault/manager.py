"""Reads any path of a Vault, renews what it leased, and opens a project's store in a KV engine."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import NamedTuple

from ...errors import AccessDenied, InvalidReference, SecretNotFound, StoreRefused, StoreUnsupported, StrongroomError
from ...model import Stage
from ..base import Store
from ..managers import Content, Lease, Wanted
from ..retry import side_by_side
from .session import SCHEME, Session, is_login


class Mount(NamedTuple):
    """Where a secrets engine is: its path, ending in a slash, and its type; KV engines have a version."""

    path: str
    kind: str
    version: int


class Manager:
    """A Vault, as the environment names it."""

    def __init__(self, limit: float) -> None:
        """Give each request so many seconds. Nothing is asked yet.

        Raises:
            StoreRefused: what the environment says makes no sense.
        """
        self._session = Session.from_environment(limit)
        self._mounts: list[Mount] = []
        self._lock = threading.Lock()

    def fetch(self, wanted: Sequence[Wanted]) -> Sequence[Content | StrongroomError]:
        """Read paths side by side. Of a KV engine's second version, any version or stage."""
        if wanted:  # one login, and mostly one mount, for all
            try:
                self._mount(_clean(wanted[0].path))
            except StrongroomError as error:
                if not isinstance(error, SecretNotFound | InvalidReference):
                    return [error] * len(wanted)
        return side_by_side(self._fetch, wanted)

    def store(self, path: str) -> Store:
        """Return the secrets below a path of a KV engine as a store.

        Raises:
            StoreUnavailable, StoreRefused: Vault was asked what is there.
            StoreUnsupported: it is another engine.
        """
        clean = _clean(path)
        mount = self._mount(clean)
        if mount.kind != "kv":
            raise StoreUnsupported(
                f"vault://{clean} is an engine of type {mount.kind}, which keeps no secrets: name its paths in "
                "references."
            )
        prefix = f"{clean}/".removeprefix(mount.path)
        if mount.version == 2:
            from .kv2 import Kv2Store

            return Kv2Store(self._session, mount.path, prefix)
        from .kv1 import open_kv1

        return open_kv1(self._session, mount.path, prefix)

    def login(self) -> Lease | None:
        """Return the lease of the login."""
        return self._session.lease()

    def renew(self, lease: Lease) -> Lease:
        """Prolong a lease by as long as it was given for.

        Raises:
            StoreUnavailable: it may be tried again.
            StoreRefused: it ended, or cannot be prolonged.
        """
        if is_login(lease):
            return self._session.renew(lease)
        if not lease.renewable:
            raise StoreRefused(f"the lease {lease.id} cannot be renewed.")
        body = {"lease_id": lease.id, "increment": int(lease.seconds)}
        answer = self._session.request("POST", "sys/leases/renew", body)
        if not answer or not answer.get("lease_duration"):
            raise StoreRefused(f"the lease {lease.id} ended.")
        return lease._replace(seconds=float(answer["lease_duration"]), renewable=bool(answer["renewable"]))

    def revoke(self, lease: Lease) -> bool:
        """End a lease, or the login and all its leases; a token that was given stays.

        Raises:
            StoreUnavailable, StoreRefused: it was not ended.
        """
        if is_login(lease):
            return self._session.revoke(lease)
        self._session.request("POST", "sys/leases/revoke", {"lease_id": lease.id, "sync": True})
        return True

    def close(self) -> None:
        """Close connections."""
        self._session.close()

    def _fetch(self, wanted: Wanted) -> Content:
        path = _clean(wanted.path)
        uri = f"vault://{path}"
        mount = self._mount(path)
        if mount.kind == "kv" and mount.version == 2:
            from .kv2 import read

            return read(self._session, mount.path, path.removeprefix(mount.path), wanted.version, uri)
        if wanted.version not in (None, Stage.CURRENT):
            raise StoreUnsupported(f"{uri} has no versions: leave ?version={wanted.version} out.")
        answer = self._session.request("GET", path)
        if not answer or not answer.get("data"):
            raise SecretNotFound(uri, ("Vault has nothing there",), "Look at the path, and at VAULT_NAMESPACE.")
        lease = None
        if answer.get("lease_id"):
            lease = Lease(SCHEME, answer["lease_id"], float(answer["lease_duration"]), bool(answer["renewable"]))
        return Content(uri, answer["data"], None, lease)

    def _mount(self, path: str) -> Mount:
        """Return the mount that a path belongs to, as the command line ``vault kv`` finds it."""
        self._session.enter()
        with self._lock:
            for known in self._mounts:
                if f"{path}/".startswith(known.path):
                    return known
            try:
                answer = self._session.request("GET", f"sys/internal/ui/mounts/{path}")
            except AccessDenied as error:  # Vault says so to everybody, root too, where there is no engine
                problem = f"vault://{path} is below no engine, or its policies allow this login nothing there."
                raise AccessDenied(problem if self._session.is_alive() else str(error)) from None
            data = (answer or {}).get("data")
            if not data:
                raise SecretNotFound(f"vault://{path}", ("Vault has no engine there",), "Look at the path.")
            kind = "kv" if data["type"] in ("kv", "generic") else data["type"]
            mount = Mount(data["path"], kind, int((data.get("options") or {}).get("version") or 1))
            self._mounts.append(mount)
            return mount


def _clean(path: str) -> str:
    clean = path.strip("/")
    if not clean or any(part in ("", ".", "..") for part in clean.split("/")):
        raise InvalidReference(f"'vault://{path}' is no path: give MOUNT/PATH, such as vault://secret/myapp/db.")
    return clean
