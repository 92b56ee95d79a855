"""Asks Google Cloud: each failure in one sentence."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
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
from ..retry import Deadline, asked_to_wait, explained, patiently, side_by_side

if TYPE_CHECKING:
    from .store import GcpStore

ENDPOINT = "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER"
_LATEST = "latest"  # Google's alias of the newest version
_R = TypeVar("_R")
_STATE = re.compile(r"/versions/(\d+)\] is in (DISABLED|DESTROYED) state")
_PASSES = (408, 429, 499)


class Manager(SideBySide):
    """The Secret Manager, as whoever the SDK finds."""

    at_once = 10  # as many connections as the SDK keeps

    def __init__(self, limit: float) -> None:
        """Give each request so many seconds. Nothing is asked yet.

        Raises:
            StoreUnsupported: the SDK is not installed.
        """
        super().__init__(limit)
        try:
            import google.cloud.secretmanager_v1  # noqa: F401
        except ImportError:
            raise StoreUnsupported(
                "gcp:// needs google-cloud-secret-manager. Install it with: pip install 'strongroom[gcp]'"
            ) from None
        for name in ("google", "urllib3"):  # what they log would be printed: our errors say it
            logging.getLogger(name).addHandler(logging.NullHandler())

    def store(self, path: str) -> GcpStore:
        """Return a project's secrets, or those whose names start with what follows the project and a dash."""
        from .store import GcpStore

        project, _, prefix = path.strip("/").partition("/")
        if not project or "/" in prefix:
            raise InvalidReference(f"'gcp://{path}' names no store: give gcp://PROJECT or gcp://PROJECT/PREFIX.")
        return GcpStore(self, project, prefix)

    def close(self) -> None:
        """Close connections."""
        if "client" in self.__dict__:
            self.client.transport.close()

    @cached_property
    def client(self) -> Any:  # noqa: ANN401 - the SDK is not typed
        """Return the SDK's client."""
        from google.cloud.secretmanager_v1 import SecretManagerServiceClient

        endpoint = os.environ.get(ENDPOINT, "").rstrip("/")
        options = {"api_endpoint": endpoint} if endpoint else {}
        return explained(
            lambda: SecretManagerServiceClient(transport="rest", client_options=options), _failure, "gcp://"
        )

    def ask(self, uri: str, call: Callable[[Any, Any], _R], *, repeatable: bool = True) -> _R:
        """Call ``call`` with the client, and with the options that each of its operations takes.

        Raises:
            StoreUnavailable: Google did not answer as it should within the time limit.
            AccessDenied, StoreRefused: it refuses.
            SecretNotFound: there is no such secret or version.
        """
        client = self.client
        options = {"retry": None, "timeout": max(1.0, self._limit / 3)}
        return patiently(
            lambda: explained(lambda: call(client, options), _failure, uri),
            Deadline(self._limit),
            repeatable=repeatable,
        )

    def read(self, secret: str, version: int | str | None, uri: str) -> Content:
        """Read a version of a secret, which is named as ``projects/P/secrets/S``.

        Raises:
            SecretNotFound: there is none.
        """
        if version in (None, Stage.CURRENT):
            return self._read_current(secret, uri)
        if isinstance(version, Stage):
            from .store import find

            number = find(self, secret, uri).stages.get(version)
            if not number:
                raise SecretNotFound(uri, (f"it has no {version} version",), f"See: gcloud secrets describe {secret}")
            return self._access(secret, number, uri)
        return self._access(secret, version or _LATEST, uri)

    def _read_current(self, secret: str, uri: str) -> Content:
        """Read the newest version, unless an alias says which is current. Needs no right but to access."""
        newest, chosen = side_by_side(
            lambda alias: self._access(secret, alias, uri), (_LATEST, Stage.CURRENT.value)
        )  # fmt: skip
        found = newest if isinstance(chosen, SecretNotFound) else chosen
        if isinstance(found, StrongroomError):
            raise found
        return found

    def _access(self, secret: str, version: int | str, uri: str) -> Content:
        name = f"{secret}/versions/{version}"

        def call(client: Any, options: Any) -> Content:  # noqa: ANN401
            answer = client.access_secret_version(request={"name": name}, **options)
            number = answer.name.rpartition("/")[2]
            if not number.isdecimal():
                raise ValueError("no answer of Google's")
            return Content(uri, answer.payload.data, int(number))

        return self.ask(uri, call)

    def _fetch(self, wanted: Wanted) -> Content:
        uri = f"gcp://{wanted.path}"
        project, _, name = wanted.path.strip("/").partition("/")
        if not project or not name or "/" in name:
            raise InvalidReference(f"'{uri}' names no secret: give gcp://PROJECT/SECRET, such as gcp://shop-1/db.")
        return self.read(f"projects/{project}/secrets/{name}", wanted.version, uri)


def _failure(error: Exception, uri: str) -> StrongroomError | None:
    """Return an error of the SDK's as one of ours; None where it is nobody's but a mistake."""
    import requests
    from google.api_core import exceptions as api
    from google.auth import exceptions as auth
    from google.protobuf.json_format import ParseError

    http = requests.exceptions
    if isinstance(error, api.GoogleAPICallError):
        after = getattr(error.response, "headers", {}).get("Retry-After")
        return _refusal(int(error.code or 0), str(error.message).split(": ", 1)[-1], uri, asked_to_wait(after))
    if isinstance(error, auth.DefaultCredentialsError):
        return AccessDenied(
            f"there is no login for Google Cloud, which {uri} needs. See: gcloud auth application-default login"
        )
    if isinstance(error, auth.TransportError):
        return StoreUnavailable(f"Google's login cannot be reached for {uri}. Look at the network.")
    if isinstance(error, auth.GoogleAuthError):
        return AccessDenied(f"Google does not accept the login that {uri} needs: log in again.")
    if isinstance(error, http.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return StoreRefused(
            f"the certificate of Google Cloud is not trusted for {uri}. Name its CA in REQUESTS_CA_BUNDLE."
        )
    if isinstance(error, http.ReadTimeout):
        return StoreUnavailable(f"Google Cloud did not answer for {uri} in time.", sent=True)
    if isinstance(error, http.ConnectionError) and "Max retries" in str(error):
        return StoreUnavailable(f"Google Cloud cannot be reached for {uri}. Look at the network.")
    if isinstance(error, http.RequestException | ParseError | ValueError):
        return StoreUnavailable(f"the answer of Google Cloud for {uri} was cut short.", sent=True)
    return None


def _refusal(status: int, said: str, uri: str, after: float) -> StrongroomError:
    if state := _STATE.search(said):
        problem = f"its version {state[1]} is {state[2].lower()}"
        if state[2] == "DISABLED":
            return StoreRefused(f"{uri} cannot be read: {problem}. Enable it, or make another version current.")
        return SecretNotFound(uri, (problem,), "Give it a new version.")
    if status == 404:
        return SecretNotFound(uri, ("Google has no such secret or version",), "Look at the project, and at the name.")
    if status in (401, 403):
        return AccessDenied(
            f"Google denies access to {uri} ({status}): its roles do not allow it, or it is logged out."
        )
    if status in _PASSES or status >= 500:
        said = f"Google Cloud is too busy for {uri}, or fails ({status})."
        return StoreUnavailable(said, sent=status >= 500, after=after)
    return StoreRefused(
        f"Google refuses what was asked of {uri} ({status}): {' '.join(said.split())[:200].rstrip('.')}."
    )
