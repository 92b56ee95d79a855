"""Asks Azure Key Vault: each failure in one sentence."""

from __future__ import annotations

import base64
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from ...errors import (
    AccessDenied,
    InvalidReference,
    SecretNotFound,
    StoreRefused,
    StoreUnavailable,
    StoreUnsupported,
    StrongroomError,
)
from ...model import Stage
from ..managers import Content, SideBySide, Wanted
from ..retry import Deadline, asked_to_wait, explained, patiently
from .versions import current_of, numbered

if TYPE_CHECKING:
    from .store import AzureStore

BINARY = "application/octet-stream; base64"
_DOMAIN = "vault.azure.net"
_PASSES = (408, 429)
_R = TypeVar("_R")


class Manager(SideBySide):
    """Key Vaults, as whoever the SDK finds."""

    at_once = 10  # as many connections as the SDK keeps

    def __init__(self, limit: float) -> None:
        """Give each request so many seconds. Nothing is asked yet.

        Raises:
            StoreUnsupported: the SDK is not installed.
        """
        super().__init__(limit)
        self._clients: dict[str, Any] = {}
        self._making = threading.Lock()
        try:
            import azure.identity
            import azure.keyvault.secrets  # noqa: F401
        except ImportError:
            raise StoreUnsupported(
                "azure:// needs azure-keyvault-secrets and azure-identity. Install them with: "
                "pip install 'strongroom[azure]'"
            ) from None
        for name in ("azure", "msal", "urllib3"):  # what they log would be printed: our errors say it
            logging.getLogger(name).addHandler(logging.NullHandler())

    def store(self, path: str) -> AzureStore:
        """Return a vault's secrets, or those whose names start with what follows the vault and a dash."""
        from .store import AzureStore

        vault, _, prefix = path.strip("/").partition("/")
        if not vault or "/" in prefix:
            raise InvalidReference(f"'azure://{path}' names no store: give azure://VAULT or azure://VAULT/PREFIX.")
        return AzureStore(self, vault, prefix)

    def close(self) -> None:
        """Close connections."""
        for each in self._clients.values():
            each.close()
        if "_credential" in self.__dict__:
            self._credential.close()

    @cached_property
    def _credential(self) -> Any:  # noqa: ANN401 - the SDK's own
        from azure.identity import DefaultAzureCredential

        return DefaultAzureCredential()

    def _client(self, vault: str) -> Any:  # noqa: ANN401
        from azure.keyvault.secrets import SecretClient

        with self._making:
            if vault not in self._clients:
                timeout = max(1.0, self._limit / 3)
                host = vault if set(vault) & set(".:") else f"{vault}.{_DOMAIN}"
                self._clients[vault] = SecretClient(
                    f"https://{host}", self._credential, retry_total=0, connection_timeout=timeout, read_timeout=timeout
                )
            return self._clients[vault]

    def ask(self, vault: str, uri: str, call: Callable[[Any], _R], *, repeatable: bool = True) -> _R:
        """Call ``call`` with the client of a vault.

        Raises:
            StoreUnavailable: Azure did not answer as it should within the time limit.
            AccessDenied, StoreRefused: it refuses.
            SecretNotFound: there is no such secret or version.
        """
        return patiently(
            lambda: explained(lambda: call(self._client(vault)), _failure, uri),
            Deadline(self._limit),
            repeatable=repeatable,
        )

    def read(self, vault: str, name: str, version: int | str | None, uri: str) -> Content:
        """Read a version of a secret: mostly with one request, since the newest one tells which is current.

        Raises:
            SecretNotFound: there is none.
        """
        if isinstance(version, str) and not isinstance(version, Stage):
            return _content(uri, self._get(vault, name, version, uri), version)
        if version in (None, Stage.CURRENT):
            newest = self._get(vault, name, None, uri, disabled=True)
            if newest and (number := current_of(newest.properties)) is not None:
                return _content(uri, newest, number or newest.properties.version)
        found = numbered(self.versions(vault, name, uri))
        number = version if isinstance(version, int) else found.stages.get(Stage(version or Stage.CURRENT), 0)
        if number not in found.versions:
            place = f"it has no {version or 'current'} version"
            raise SecretNotFound(uri, (place,), f"See: az keyvault secret list-versions --name {name}")
        return _content(uri, self._get(vault, name, found.versions[number].version, uri), number)

    def versions(self, vault: str, name: str, uri: str) -> list[Any]:
        """Return what Azure says of all versions of a secret."""
        return self.ask(vault, uri, lambda client: list(client.list_properties_of_secret_versions(name)))

    def _get(self, vault: str, name: str, version: str | None, uri: str, *, disabled: bool = False) -> Any:  # noqa: ANN401
        """Return a version; where it may be ``disabled``, None if it is."""
        try:
            return self.ask(vault, uri, lambda client: _whole(client.get_secret(name, version)))
        except StoreRefused as error:
            if not disabled or "is disabled" not in str(error):
                raise
            return None

    def _fetch(self, wanted: Wanted) -> Content:
        uri = f"azure://{wanted.path}"
        vault, _, name = wanted.path.strip("/").partition("/")
        if not vault or not name or "/" in name:
            raise InvalidReference(f"'{uri}' names no secret: give azure://VAULT/SECRET, such as azure://shop/db.")
        return self.read(vault, name, wanted.version, uri)


def _whole(secret: Any) -> Any:  # noqa: ANN401
    """Return an answer that has what each has: the SDK takes half of one for an empty one."""
    if secret.value is None or not secret.id:
        raise ValueError("no answer of Azure's")
    return secret


def _content(uri: str, secret: Any, version: int | str) -> Content:  # noqa: ANN401
    found, now = secret.properties, datetime.now(UTC)
    if found.expires_on and found.expires_on <= now:
        raise StoreRefused(f"{uri} cannot be read: it expired at {found.expires_on:%Y-%m-%d %H:%M} UTC.")
    if found.not_before and found.not_before > now:
        raise StoreRefused(f"{uri} cannot be read: it holds from {found.not_before:%Y-%m-%d %H:%M} UTC on.")
    data = base64.b64decode(secret.value) if found.content_type == BINARY else secret.value.encode()
    return Content(uri, data, version)


def _failure(error: Exception, uri: str) -> StrongroomError | None:
    """Return an error of the SDK's as one of ours; None where it is nobody's but a mistake."""
    from azure.core import exceptions as sdk
    from azure.identity import CredentialUnavailableError

    if isinstance(error, CredentialUnavailableError):
        return AccessDenied(f"there is no login for Azure, which {uri} needs. See: az login")
    if isinstance(error, sdk.ClientAuthenticationError) and error.status_code != 401:
        return AccessDenied(f"Azure does not accept the login that {uri} needs, or there is none: log in again.")
    if isinstance(error, sdk.ServiceRequestError):
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return StoreRefused(f"the certificate of {uri} is not trusted. Name its CA in REQUESTS_CA_BUNDLE.")
        return StoreUnavailable(f"Azure cannot be reached for {uri}. Look at the vault's name and the network.")
    if isinstance(error, sdk.ServiceResponseTimeoutError):
        return StoreUnavailable(f"Azure did not answer for {uri} in time.", sent=True)
    if isinstance(error, sdk.HttpResponseError) and error.status_code and error.status_code >= 300:
        after = getattr(error.response, "headers", {}).get("Retry-After")
        return _refusal(error.status_code, f"{error.message} {error.error}", uri, asked_to_wait(after))
    if isinstance(error, sdk.AzureError | ValueError):
        if "read timed out" in str(error).lower():
            return StoreUnavailable(f"Azure did not answer for {uri} in time.", sent=True)
        return StoreUnavailable(f"the answer of Azure for {uri} was cut short.", sent=True)
    return None


def _refusal(status: int, said: str, uri: str, after: float) -> StrongroomError:
    if status == 404:
        return SecretNotFound(uri, ("Azure has no such secret or version",), "Look at the vault, and at the name.")
    if status == 403 and "disabled" in said.lower():
        return StoreRefused(f"{uri} cannot be read: it is disabled. Enable it, or make another version current.")
    if status in (401, 403):
        return AccessDenied(f"Azure denies access to {uri} ({status}): its roles do not allow it, or it is logged out.")
    if status == 409 and "recover" in said.lower():
        return StoreRefused(
            f"{uri} was deleted, and Azure keeps its name: recover it, or purge it with az keyvault secret purge."
        )
    if status in _PASSES or status >= 500 or (status == 409 and "being deleted" in said.lower()):
        said = f"Azure is too busy for {uri}, or fails ({status})."
        return StoreUnavailable(said, sent=status >= 500, after=after)
    return StoreRefused(
        f"Azure refuses what was asked of {uri} ({status}): {' '.join(said.split())[:200].rstrip('.')}."
    )
