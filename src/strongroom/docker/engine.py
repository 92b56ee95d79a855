"""The Engine's API over docker-py's transport: contexts, TLS, ssh and version negotiation are its.

Specs are read and written as the JSON they are, at the Engine's own API version, so that a field that nobody here knows
of is never lost.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator, Mapping
from typing import Any, Self
from urllib.parse import quote

from ..errors import EngineError, StrongroomError

# Engine 20.10, the oldest that this is tried with.
_OLDEST = (1, 41)
_TIMEOUT_SECONDS = 60
Json = dict[str, Any]


class Engine:
    """A Docker Engine. Methods raise ``EngineError`` when it refuses, and when it cannot be reached."""

    def __init__(self, client: Any) -> None:
        """Use docker-py's ``APIClient``."""
        self._client = client

    @classmethod
    def connect(cls, timeout: float = _TIMEOUT_SECONDS) -> Self:
        """Connect to the Engine that Docker's command line would talk to, if it answers within ``timeout`` seconds.

        ``DOCKER_HOST`` comes first, then ``DOCKER_CONTEXT``, then the context that is in use.

        Raises:
            EngineError: there is no such Engine, or it is older than 20.10.
        """
        from docker.api import APIClient
        from docker.context import ContextAPI
        from docker.errors import DockerException
        from docker.utils import kwargs_from_env
        from requests.exceptions import RequestException

        try:
            given = kwargs_from_env() if os.environ.get("DOCKER_HOST") else ContextAPI.kwargs_from_context()
            client = APIClient(version="auto", timeout=timeout, use_ssh_client=True, **given)
        except NameError:  # docker-py's, where paramiko is not installed
            raise EngineError(f"reaching {_where()} takes one more library: pip install 'docker[ssh]'") from None
        except (DockerException, RequestException, OSError, ValueError) as error:
            raise EngineError(
                f"the Docker Engine at {_where()} cannot be reached: {_reason(error)}. Is it running, and may you use "
                "it? See: docker version"
            ) from None
        if tuple(map(int, client.api_version.split("."))) < _OLDEST:
            raise EngineError(f"the Engine speaks API {client.api_version}; strongroom needs 1.41 (Engine 20.10).")
        return cls(client)

    def get(self, path: str, **query: object) -> Any:
        """Return what is at ``path``. A mapping or a list in ``query`` is sent as JSON."""
        return self._decode(self._request("GET", path, query))

    def post(self, path: str, body: object = None, **query: object) -> Any:
        """Post ``body`` as JSON, and return the answer."""
        return self._decode(self._request("POST", path, query, json=body if body is not None else {}))

    def post_bytes(self, path: str, data: bytes, **query: object) -> Any:
        """Post bytes, and return the answer."""
        return self._decode(self._request("POST", path, query, data=data))

    def put_archive(self, container: str, path: str, tar: bytes) -> None:
        """Unpack a tar below ``path`` in a container, with the owners and modes that it names."""
        self._request("PUT", f"/containers/{quote(container)}/archive", {"path": path, "copyUIDGID": 1}, data=tar)

    def get_archive(self, container: str, path: str) -> bytes:
        """Return a file or directory of a container as a tar."""
        return bytes(self._request("GET", f"/containers/{quote(container)}/archive", {"path": path}).content)

    def has(self, container: str, path: str) -> bool:
        """Tell whether a container has something at a path; what is in a tmpfs is not seen."""
        try:
            self._request("HEAD", f"/containers/{quote(container)}/archive", {"path": path})
        except EngineError as error:
            if error.status == 404:
                return False
            raise
        return True

    def logs(self, container: str, lines: int) -> bytes:
        """Return the last lines of a container's log, with the Engine's own marks between them."""
        query = {"stdout": 1, "stderr": 1, "tail": lines}
        return bytes(self._request("GET", f"/containers/{quote(container)}/logs", query).content)

    def stream(self, path: str, chunk_bytes: int, /, **query: object) -> Generator[bytes, None, None]:
        """Yield what is at ``path`` as it comes: an archive, or logs to their present end."""
        from requests.exceptions import RequestException
        from urllib3.exceptions import HTTPError

        # The Engine gathers a whole image before it sends the first byte.
        answer = self._request("GET", path, query, stream=True, timeout=(_TIMEOUT_SECONDS, None))
        try:
            yield from answer.iter_content(chunk_bytes)
        except (RequestException, HTTPError, OSError) as error:
            raise EngineError(f"the Docker Engine at {_where()} went away: {_reason(error)}.") from None
        finally:
            answer.close()

    def delete(self, path: str, **query: object) -> None:
        """Delete what is at ``path``."""
        self._request("DELETE", path, query)

    def execute(self, container: str, command: list[str]) -> tuple[int, bytes]:
        """Run a command in a running container, and return its exit status and its standard output."""
        started = self.post(
            f"/containers/{container}/exec", {"Cmd": command, "AttachStdout": True, "AttachStderr": False}
        )
        output = self._client.exec_start(started["Id"], demux=True)[0] or b""
        return int(self.get(f"/exec/{started['Id']}/json")["ExitCode"]), bytes(output)

    def events(self, **filters: list[str]) -> Iterator[Json]:
        """Yield events as they happen, until the Engine goes away."""
        answer = self._request("GET", "/events", {"filters": filters}, stream=True, timeout=(_TIMEOUT_SECONDS, None))
        from requests.exceptions import RequestException

        try:
            for line in answer.iter_lines(chunk_size=1):
                yield json.loads(line)
        except (RequestException, ValueError, OSError) as error:
            raise EngineError(f"the Engine's events ended: {_reason(error)}.") from None

    def _request(self, method: str, path: str, query: Mapping[str, object], **options: Any) -> Any:
        from requests.exceptions import RequestException

        url = f"{self._client.base_url}/v{self._client.api_version}{path}"
        parameters = {
            key: json.dumps(value) if isinstance(value, dict | list) else value for key, value in query.items()
        }
        options.setdefault("timeout", _TIMEOUT_SECONDS)
        try:
            answer = self._client.request(method, url, params=parameters, **options)
        except (RequestException, OSError) as error:
            raise EngineError(f"the Docker Engine at {_where()} went away: {_reason(error)}.") from None
        if answer.status_code >= 400:
            raise _refusal(answer.status_code, _message(answer))
        return answer

    def _decode(self, answer: Any) -> Any:
        # Some answers are a stream of objects, of which the last one counts; some are empty.
        lines = answer.content.splitlines()
        return json.loads(lines[-1]) if lines else None


def require_manager(engine: Engine) -> Json:
    """Return what ``/swarm`` says.

    Raises:
        EngineError: the Engine is in no swarm, is no manager, or its swarm is locked or has no leader.
    """
    swarm = engine.get("/info")["Swarm"]
    state = swarm.get("LocalNodeState")
    if state == "locked":
        raise EngineError("the swarm is locked since this Engine restarted. Unlock it: docker swarm unlock")
    if state in ("inactive", None):
        raise EngineError("this Engine is not in a swarm. Make one: docker swarm init")
    if not swarm.get("ControlAvailable"):
        managers = ", ".join(each["Addr"].rpartition(":")[0] for each in swarm.get("RemoteManagers") or [])
        raise EngineError(
            "this Engine is a worker of its swarm, and only a manager can do this. Use a manager: "
            f"DOCKER_HOST=ssh://USER@MANAGER{f' (managers: {managers})' if managers else ''}"
        )
    answer = engine.get("/swarm")
    assert isinstance(answer, dict)  # noqa: S101 - for the type checker
    return answer


def _refusal(status: int, message: str) -> StrongroomError:
    if "update out of sequence" in message:
        return EngineError("somebody else changed it at the same time (update out of sequence). Run it again.", status)
    return EngineError(f"the Docker Engine says: {message.rstrip('. ')}.", status)


def _message(answer: Any) -> str:
    try:
        text = str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        text = answer.text or f"status {answer.status_code}"
    return text.removeprefix("rpc error: ").partition("desc = ")[2] or text


def _where() -> str:
    return os.environ.get("DOCKER_HOST") or os.environ.get("DOCKER_CONTEXT") or "the present context"


def _reason(error: BaseException) -> str:
    """Return the innermost reason: the outer ones repeat it in the words of four libraries."""
    seen = {id(error)}
    while (inner := error.__cause__ or error.__context__) is not None and id(inner) not in seen:
        seen.add(id(inner))
        error = inner
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).rstrip(".") or type(error).__name__
