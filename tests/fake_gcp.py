"""A fake of Secret Manager's REST API, as its reference documents it: what the store uses, and no more."""

from __future__ import annotations

import base64
import re
import ssl
from datetime import datetime
from typing import Any

from fakes import Answer, Failed, Fake, Request, now

_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}=[a-z0-9_-]{0,63}")
_ALIAS = re.compile(r"(?!latest$|NEW$)[a-zA-Z][a-zA-Z0-9_-]{0,62}")
_MAX_BYTES = 65_536
_PAGE = 3  # so that pages are turned


class FakeGcp(Fake):
    """Secrets of any project. ``denied`` refuses everybody."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._scheme = "https" if context else "http"
        self.secrets: dict[str, dict[str, Any]] = {}
        self.versions: dict[str, list[dict[str, Any]]] = {}
        self.denied = False
        super().__init__(context)

    @property
    def address(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def answer(self, request: Request) -> Answer:
        if not request.headers.get("authorization", request.headers.get("Authorization", "")).startswith("Bearer "):
            raise _failed(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        if self.denied:
            raise _failed(403, "PERMISSION_DENIED", "Permission 'secretmanager.versions.access' denied.")
        path, _, verb = request.path.removeprefix("/v1/").partition(":")
        parts = path.split("/")
        match (request.method, len(parts), verb):
            case ("POST", 3, ""):
                return self._create(parts, request)
            case ("GET", 3, ""):
                return self._list(sorted(self._of(path, request.query.get("filter", ""))), "secrets", request)
            case ("GET", 4, ""):
                return Answer(200, self._secret(path))
            case ("PATCH", 4, ""):
                return self._update(path, request)
            case ("DELETE", 4, ""):
                self._secret(path)
                del self.secrets[path], self.versions[path]
                return Answer(200, {})
            case ("POST", 4, "addVersion"):
                return self._add(path, request.body)
            case ("GET", 5, ""):
                self._secret(path.rpartition("/")[0])
                found = [_shown(each) for each in reversed(self.versions[path.rpartition("/")[0]])]
                return self._page(found, "versions", request)
            case ("GET", 6, "access"):
                version = self._enabled(path)
                return Answer(200, {"name": version["name"], "payload": {"data": version["data"]}})
            case ("POST", 6, "destroy" | "disable" | "enable"):
                return self._turn(self._version(path), verb)
        raise _failed(404, "NOT_FOUND", f"{request.method} {request.path} is not known.")

    def _of(self, parent: str, wanted: str) -> list[str]:
        part = wanted.partition("name:")[2]
        return [name for name in self.secrets if name.startswith(parent) and part in name]

    def _list(self, names: list[str], key: str, request: Request) -> Answer:
        return self._page([self.secrets[name] for name in names], key, request)

    def _page(self, found: list[Any], key: str, request: Request) -> Answer:
        start = int(request.query.get("pageToken") or 0)
        more = {"nextPageToken": str(start + _PAGE)} if len(found) > start + _PAGE else {}
        return Answer(200, {key: found[start : start + _PAGE], "totalSize": len(found), **more})

    def _create(self, parts: list[str], request: Request) -> Answer:
        name = f"{'/'.join(parts)}/{request.query['secretId']}"
        if name in self.secrets:
            raise _failed(409, "ALREADY_EXISTS", f"Secret [{name}] already exists.")
        labels = request.body.get("labels", {})
        _check_labels(labels)
        self.secrets[name] = {
            "name": name, "replication": request.body["replication"], "createTime": _time(now()),
            "labels": labels, "etag": '"1"',
        }  # fmt: skip
        self.versions[name] = []
        return Answer(200, self.secrets[name])

    def _update(self, path: str, request: Request) -> Answer:
        secret, body = self._secret(path), request.body
        if body.get("etag") not in (None, "", secret["etag"]):
            raise _failed(400, "FAILED_PRECONDITION", "The etag provided does not match the current one.")
        for field in request.query["updateMask"].split(","):
            value = body.get(field, {})
            if field == "labels":
                _check_labels(value)
            if field == "versionAliases":
                for alias, number in value.items():
                    if not _ALIAS.fullmatch(alias) or not 1 <= int(number) <= len(self.versions[path]):
                        raise _failed(400, "INVALID_ARGUMENT", f"The alias {alias} is not valid.")
            secret[field] = value
        secret["etag"] = f'"{int(secret["etag"].strip(chr(34))) + 1}"'
        return Answer(200, secret)

    def _add(self, path: str, body: Any) -> Answer:
        self._secret(path)
        if len(base64.b64decode(body["payload"]["data"])) > _MAX_BYTES:
            raise _failed(400, "INVALID_ARGUMENT", "The payload is too large.")
        number = len(self.versions[path]) + 1
        made = {
            "name": f"{path}/versions/{number}", "state": "ENABLED", "createTime": _time(now()),
            "data": body["payload"]["data"],
        }  # fmt: skip
        self.versions[path].append(made)
        return Answer(200, _shown(made))

    def _turn(self, version: dict[str, Any], verb: str) -> Answer:
        if version["state"] == "DESTROYED":
            raise _failed(400, "FAILED_PRECONDITION", f"Secret Version [{version['name']}] is in DESTROYED state.")
        version["state"] = {"destroy": "DESTROYED", "disable": "DISABLED", "enable": "ENABLED"}[verb]
        if verb == "destroy":
            version["destroyTime"] = _time(now())
            del version["data"]
        return Answer(200, _shown(version))

    def _enabled(self, path: str) -> dict[str, Any]:
        version = self._version(path)
        if version["state"] != "ENABLED":
            said = f"Secret Version [{version['name']}] is in {version['state']} state."
            raise _failed(400, "FAILED_PRECONDITION", said)
        return version

    def _secret(self, path: str) -> dict[str, Any]:
        if path not in self.secrets:
            raise _failed(404, "NOT_FOUND", f"Secret [{path}] not found.")
        return self.secrets[path]

    def _version(self, path: str) -> dict[str, Any]:
        secret, _, wanted = path.rpartition("/versions/")
        aliases = self._secret(secret).get("versionAliases", {})
        versions = self.versions[secret]
        number = len(versions) if wanted == "latest" else int(aliases.get(wanted, wanted if wanted.isdecimal() else 0))
        if not 1 <= number <= len(versions):
            raise _failed(404, "NOT_FOUND", f"Secret Version [{path}] not found.")
        return versions[number - 1]


def _failed(status: int, name: str, said: str) -> Failed:
    return Failed(Answer(status, {"error": {"code": status, "message": said, "status": name}}))


def _check_labels(labels: dict[str, str]) -> None:
    for key, text in labels.items():
        if not _LABEL.fullmatch(f"{key}={text}"):
            raise _failed(400, "INVALID_ARGUMENT", f"The label {key} is not valid.")


def _shown(version: dict[str, Any]) -> dict[str, Any]:
    return {key: text for key, text in version.items() if key != "data"}


def _time(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
