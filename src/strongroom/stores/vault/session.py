"""A login to a Vault: made when it is first needed, renewed, and made anew where its method can."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from ...errors import AccessDenied, StoreRefused
from ..managers import Lease
from .client import Client, Json
from .settings import Login, Settings

SCHEME = "vault"
_LOGIN = "login/"


class Session:
    """Requests with a login. Many threads may use it at once."""

    def __init__(self, client: Client, login: Login, address: str) -> None:
        """Ask nothing yet."""
        self._client = client
        self._login = login
        self._address = address
        self._lock = threading.Lock()
        self._count = 0
        self._seconds = 0.0
        self._renewable = False

    @classmethod
    def from_environment(cls, limit: float) -> Session:
        """Return the session that the environment speaks of.

        Raises:
            StoreRefused: what it says makes no sense.
        """
        settings = Settings.from_environment()
        return cls(Client(settings, limit), Login.from_environment(), settings.address)

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, repeatable: bool = True
    ) -> Json | None:
        """Ask Vault, logged in; see ``Client.request``. A login that ended is made anew once.

        Raises:
            StoreUnavailable, AccessDenied, StoreRefused: as ``Client.request``.
        """
        count = self.enter()
        try:
            return self._client.request(method, path, body, repeatable=repeatable)
        except AccessDenied as error:
            if self.is_alive():
                raise AccessDenied(f"{error} Its policies for this login do not allow it.") from None
            if not self._login.path:
                raise AccessDenied(f"{error} The token has ended, was revoked, or is wrong: log in again.") from None
        self.enter(count)
        return self._client.request(method, path, body, repeatable=repeatable)

    def lease(self) -> Lease | None:
        """Return the lease of the login; None where it has no end.

        Raises:
            StoreUnavailable, AccessDenied, StoreRefused: there is no login.
        """
        count = self.enter()
        if not self._login.path and not self._seconds:
            data = (self.request("GET", "auth/token/lookup-self") or {}).get("data") or {}
            self._seconds, self._renewable = float(data.get("ttl") or 0), bool(data.get("renewable"))
        return self._lease(count) if self._seconds else None

    def renew(self, lease: Lease) -> Lease:
        """Prolong the login; or where it has come near its last moment, log in anew.

        Raises:
            StoreUnavailable, AccessDenied, StoreRefused: it cannot be prolonged.
        """
        if self._number(lease) != self._count:
            return self._lease(self._count)
        left = 0.0
        if lease.renewable:
            try:
                answer = self._client.request("POST", "auth/token/renew-self", {}) or {}
                left = float((answer.get("auth") or {}).get("lease_duration") or 0)
            except AccessDenied:
                if not self._login.path:
                    raise AccessDenied(f"the token for {self._address} ended, or was revoked.") from None
            except StoreRefused:
                left = 0.0
        if left < lease.seconds / 2 and self._login.path:
            self.enter(self._number(lease))
            return self._lease(self._count)
        if not left:
            raise StoreRefused(f"the token for {self._address} cannot be renewed.")
        return lease._replace(seconds=left)

    def revoke(self, lease: Lease) -> bool:
        """End a login that was made here, with all that it leased. A token that was given stays: False."""
        if not self._login.path:
            return False
        if self._number(lease) == self._count:
            self._client.request("POST", "auth/token/revoke-self", {})
            self._client.token = ""
        return True

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def enter(self, ended: int | None = None) -> int:
        """Log in, where nobody is or the login of that number has ended; return the number of the present one.

        Raises:
            StoreUnavailable, AccessDenied: it did not work.
        """
        with self._lock:
            if self._client.token and ended != self._count:
                return self._count
            if not self._login.path:
                if not self._login.token:
                    raise AccessDenied(
                        f"there is no login for Vault at {self._address}: set VAULT_TOKEN, or VAULT_ROLE_ID and "
                        "VAULT_SECRET_ID_FILE, or log in with: vault login"
                    )
                self._client.token = self._login.token
            else:
                self._log_in()
            self._count += 1
            return self._count

    def _log_in(self) -> None:
        login = self._login
        body = dict(login.body)
        if login.wrapped_secret_id:
            body["secret_id"] = self._unwrap(login.wrapped_secret_id)
            self._login = Login(login.method, login.path, body)
        try:
            answer = self._client.request("POST", f"auth/{login.path}", body, token="", repeatable=False)
        except (StoreRefused, AccessDenied) as error:
            raise AccessDenied(f"logging in by {login.method} failed: {error}") from None
        auth = (answer or {}).get("auth") or {}
        if not auth.get("client_token"):
            raise AccessDenied(f"logging in by {login.method} failed: nothing answers at auth/{login.path}.")
        self._client.token = auth["client_token"]
        self._seconds = float(auth.get("lease_duration") or 0)
        self._renewable = bool(auth.get("renewable"))

    def _unwrap(self, token: str) -> str:
        """Return the secret id that a wrapping token holds, once.

        A token that was opened, or made for something else, means that somebody came between.
        """
        try:
            made = self._client.request("POST", "sys/wrapping/lookup", {"token": token}, token="")
            path = str(((made or {}).get("data") or {}).get("creation_path"))
            if not (path.startswith("auth/") and path.endswith("/secret-id")):
                raise AccessDenied(f"the wrapped secret id was not made by an AppRole, but by {path}. Do not trust it.")
            answer = self._client.request("POST", "sys/wrapping/unwrap", {}, token=token, repeatable=False)
            return str((answer or {})["data"]["secret_id"])
        except (StoreRefused, KeyError) as error:
            if isinstance(error, AccessDenied) and "Do not trust" in str(error):
                raise
            raise AccessDenied(
                "the wrapped secret id cannot be opened: it has ended, or somebody opened it before. If nobody of "
                "yours did, it was stolen: revoke it."
            ) from None

    def is_alive(self) -> bool:
        """Return whether the login holds."""
        try:
            return self._client.request("GET", "auth/token/lookup-self") is not None
        except StoreRefused:
            return False

    def _lease(self, count: int) -> Lease:
        return Lease(SCHEME, f"{_LOGIN}{count}", self._seconds, self._renewable)

    @staticmethod
    def _number(lease: Lease) -> int:
        return int(lease.id.removeprefix(_LOGIN))


def is_login(lease: Lease) -> bool:
    """Return whether a lease is a login's."""
    return lease.id.startswith(_LOGIN)
