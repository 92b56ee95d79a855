"""Single secrets in and out of a swarm: a version as a Swarm secret, and adopting a value that only the swarm has."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ...docker.engine import Engine, Json
from ...errors import DeliveryError, EngineError
from ...model import Name, Stage, Value
from ...stores.base import Store, require_versions
from . import secrets
from .secrets import Managed

_SECRETS_DIR = "/run/secrets"


def ensure(engine: Engine, store: Store, name: Name, version: int | None = None) -> Managed:
    """Return the Swarm secret of a version, by default the current one, created if it is not there.

    Raises:
        SecretNotFound: the store does not have it.
        StoreUnsupported: the store has no versions.
    """
    require_versions(store, "a Swarm secret")
    stored = store.inspect(name)
    lineage, number = secrets.of_store(stored), version or stored.stages[Stage.CURRENT]
    for each in secrets.find_managed(engine):
        if each.lineage == lineage and each.version == number:
            return each
    value = store.read(name, number)
    digest = store.digest(name, value) if isinstance(store, secrets.Digests) else ""
    return secrets.create(engine, lineage, number, value, {}, digest)


def read_from_service(engine: Engine, name: str, service: str) -> Value:
    """Return the value of a Swarm secret, as a container of ``service`` on this Engine's node has it.

    Raises:
        DeliveryError: no such container runs here, or it does not hold the secret.
    """
    spec = engine.get(f"/services/{service}")["Spec"]
    held = [each for each in secrets.references(spec["TaskTemplate"]) if each["SecretName"] == name]
    if not held:
        others = ", ".join(each["SecretName"] for each in secrets.references(spec["TaskTemplate"])) or "none"
        raise DeliveryError(f"service {service} does not hold the secret '{name}' (it holds: {others}).")
    label = f"com.docker.swarm.service.name={spec['Name']}"
    containers = engine.get("/containers/json", filters={"label": [label], "status": ["running"]})
    if not containers:
        raise DeliveryError(
            f"no container of service {service} runs on this Engine's node. See where it does: docker service ps "
            f"{service}, and use that node's Engine (DOCKER_HOST=ssh://…)."
        )
    target = held[0]["File"]["Name"]
    return Value(_read(engine, containers[0], target if target.startswith("/") else f"{_SECRETS_DIR}/{target}"))


def _read(engine: Engine, container: Json, path: str) -> bytes:
    """Read a file of a running container: by its own ``cat``, or through /proc where there is none and we are root."""
    with suppress(EngineError):
        status, data = engine.execute(container["Id"], ["cat", path])
        if status == 0:
            return data
    pid = engine.get(f"/containers/{container['Id']}/json")["State"]["Pid"]
    # Only what is that container's: a process number of another machine's Engine may be anybody's here.
    try:
        if container["Id"] in Path(f"/proc/{pid}/mountinfo").read_text():
            return Path(f"/proc/{pid}/root{path}").read_bytes()
    except OSError:
        pass
    raise DeliveryError(
        f"{path} cannot be read in the container: it has no 'cat', and its files can be reached by root on its own "
        "machine only. Run it there as root."
    )
