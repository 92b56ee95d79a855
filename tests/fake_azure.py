"""A fake of Key Vault's REST API for secrets, as its reference documents it, over TLS and with its bearer challenge."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any

from certificates import tls
from fakes import Answer, Failed, Fake, Request
from servers import LOCAL

_MAX_CHARACTERS = 25_600
_MOST_TAGS = 15
_PAGE = 3  # so that pages are turned
TOKEN_PATH = "/msi/token"


class FakeAzure(Fake):
    """A vault, and the endpoint that gives managed identities their tokens. ``denied`` refuses everybody.

    A purge that is ``protected`` is refused, as in most vaults.
    """

    def __init__(self, directory: Path) -> None:
        self.ca, context = tls(directory)
        self.versions: dict[str, list[dict[str, Any]]] = {}
        self.deleted: dict[str, list[dict[str, Any]]] = {}
        self.denied = self.protected = False
        self._token = secrets.token_hex(16)
        super().__init__(context)

    @property
    def vault(self) -> str:
        return f"{LOCAL}:{self.port}"

    def aside(self, request: Request) -> Answer | None:
        if request.path == TOKEN_PATH:
            expires = str(int(time.time()) + 3600)
            content = {"access_token": self._token, "expires_on": expires, "token_type": "Bearer"}
            return Answer(200, {**content, "resource": request.query.get("resource", "")})
        if request.headers.get("Authorization") == f"Bearer {self._token}":
            return None
        # The SDK wants the resource to be a domain above the vault's own, as vault.azure.net is above its vaults.
        resource = f"https://{self.vault.partition('.')[2]}"
        challenge = f'Bearer authorization="https://login.invalid/tenant", resource="{resource}"'
        return Answer(401, _said("Unauthorized", "no token"), {"WWW-Authenticate": challenge})

    def answer(self, request: Request) -> Answer:
        if self.denied:
            raise _failed(403, "Forbidden", "The user does not have secrets get permission.", "ForbiddenByRbac")
        parts = [part for part in request.path.split("/") if part]
        match request.method, parts:
            case "GET", ["secrets"]:
                return self._page([_shown(each[-1], whole=False) for each in self.versions.values()], request)
            case "GET", ["secrets", name, "versions"]:
                return self._page([_shown(each) for each in self.versions.get(_key(name), [])], request)
            case "GET", ["secrets", name, *version]:
                return self._get(name, version)
            case "PUT", ["secrets", name]:
                return self._set(name, request.body)
            case "PATCH", ["secrets", name, *version]:
                return self._update(self._find(name, version), request.body)
            case "DELETE", ["secrets", name]:
                last = self._find(name, [])
                self.deleted[_key(name)] = self.versions.pop(_key(name))
                return Answer(200, {**_shown(last), "recoveryId": f"https://{self.vault}/deletedsecrets/{name}"})
            case "GET", ["deletedsecrets", name] if _key(name) in self.deleted:
                return Answer(200, _shown(self.deleted[_key(name)][-1]))
            case "DELETE", ["deletedsecrets", name] if _key(name) in self.deleted:
                if self.protected:
                    raise _failed(403, "Forbidden", "Operation purge is not allowed.", "ForbiddenByPolicy")
                del self.deleted[_key(name)]
                return Answer(204)
        raise _failed(404, "SecretNotFound", f"A secret with (name/id) {request.path} was not found in this key vault.")

    def _get(self, name: str, version: list[str]) -> Answer:
        found = self._find(name, version)
        if not found["attributes"].get("enabled", True):
            raise _failed(403, "Forbidden", "Operation get is not allowed on a disabled secret.", "SecretDisabled")
        return Answer(200, found)

    def _set(self, name: str, body: Any) -> Answer:
        if _key(name) in self.deleted:
            said = f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused."
            raise _failed(409, "Conflict", said, "ObjectIsDeletedButRecoverable")
        if len(body["value"]) > _MAX_CHARACTERS:
            raise _failed(400, "BadParameter", "Property value is too long.")
        now = int(time.time())
        made = {
            "id": f"https://{self.vault}/secrets/{name}/{secrets.token_hex(16)}", "value": body["value"],
            "attributes": {"enabled": True, **body.get("attributes", {}), "created": now, "updated": now},
            "tags": _checked(body.get("tags") or {}), "contentType": body.get("contentType"),
        }  # fmt: skip
        self.versions.setdefault(_key(name), []).append(made)
        return Answer(200, made)

    def _update(self, found: dict[str, Any], body: Any) -> Answer:
        if body.get("tags") is not None:
            found["tags"] = _checked(body["tags"])
        found["attributes"] |= {"updated": int(time.time()), **body.get("attributes", {})}
        return Answer(200, _shown(found))

    def _find(self, name: str, version: list[str]) -> dict[str, Any]:
        versions = self.versions.get(_key(name), [])
        found = [each for each in versions if not version or each["id"].endswith(f"/{version[0]}")]
        if not found:
            raise _failed(404, "SecretNotFound", f"A secret with (name/id) {name} was not found in this key vault.")
        return found[-1]

    def _page(self, found: list[Any], request: Request) -> Answer:
        start = int(request.query.get("$skiptoken") or 0)
        link = None
        if len(found) > start + _PAGE:
            version = request.query["api-version"]
            link = f"https://{self.vault}{request.path}?api-version={version}&$skiptoken={start + _PAGE}"
        return Answer(200, {"value": found[start : start + _PAGE], "nextLink": link})


def _key(name: str) -> str:
    return name.lower()  # to Azure they are the same


def _checked(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > _MOST_TAGS or any(len(text) > 256 for pair in tags.items() for text in pair):
        raise _failed(400, "BadParameter", "There are too many tags, or one is too long.")
    return tags


def _shown(version: dict[str, Any], *, whole: bool = True) -> dict[str, Any]:
    shown = {key: value for key, value in version.items() if key != "value"}
    return shown if whole else {**shown, "id": shown["id"].rpartition("/")[0]}


def _said(code: str, message: str, inner: str = "") -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **({"innererror": {"code": inner}} if inner else {})}}


def _failed(status: int, code: str, message: str, inner: str = "") -> Failed:
    return Failed(Answer(status, _said(code, message, inner)))
