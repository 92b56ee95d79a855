"""Whether a swarm's managers have the driver, as far as the Engine's API tells.

The leader asks the driver, and any manager may become the leader. The API tells which managed plugins a node has, and
nothing of a driver on a socket; that the leader has one is proved by making a secret of it.
"""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

from ...docker.engine import Engine, require_manager
from ...errors import EngineError

_SECONDS = 5


class Node(NamedTuple):
    """A manager, and whether it has the driver; None where nobody can tell from here."""

    name: str
    address: str
    has: bool | None
    why: str


def answers(path: Path) -> bool:
    """Tell whether a driver answers on a socket of this machine."""
    connection = Unix(path)
    try:
        connection.request("POST", "/Plugin.Activate")
        return "secretprovider" in json.loads(connection.getresponse().read()).get("Implements", [])
    except (OSError, ValueError):
        return False
    finally:
        connection.close()


def look(engine: Engine, socket_path: Path) -> list[Node]:
    """Return the managers of the swarm, by name. The driver's name is that of its socket.

    Raises:
        EngineError: this Engine is no manager.
    """
    require_manager(engine)
    own = engine.get("/info")["Swarm"]["NodeID"]
    managers = engine.get("/nodes", filters={"role": ["manager"]})
    found = [_node(engine, each, socket_path if each["ID"] == own else None, socket_path.stem) for each in managers]
    return sorted(found, key=lambda node: node.name)


def _node(engine: Engine, node: Mapping[str, Any], here: Path | None, driver: str) -> Node:
    name, manager = str(node["Description"]["Hostname"]), node.get("ManagerStatus") or {}
    address = str(manager.get("Addr", "")).rpartition(":")[0]
    plugins = node["Description"].get("Engine", {}).get("Plugins") or []
    if any(
        each.get("Type") == "secretprovider" and str(each.get("Name")).partition(":")[0] == driver for each in plugins
    ):
        return Node(name, address, True, "as a managed plugin")
    if here and not answers(here):
        return Node(name, address, False, f"this node: nothing answers on {here}")
    if manager.get("Leader"):
        if _leader_has(engine, driver):
            return Node(name, address, True, "the leader: it took a secret of this driver")
        return Node(name, address, False, "the leader: it knows no such driver")
    if here:
        return Node(name, address, True, f"this node: it answers on {here}")
    return Node(name, address, None, "the API does not tell: run 'strongroom driver check' there")


def _leader_has(engine: Engine, driver: str) -> bool:
    """Tell whether the leader takes a secret of a driver, which it does only when it has the driver."""
    name = f"strongroom-probe-{secrets.token_hex(4)}"
    try:
        made = engine.post("/secrets/create", {"Name": name, "Driver": {"Name": driver}})
    except EngineError as error:
        if error.status:
            return False
        raise
    engine.delete(f"/secrets/{made['ID']}")
    return True


class Unix(HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_SECONDS)
        self._path = str(path)

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(self._path)
