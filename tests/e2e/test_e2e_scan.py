"""What a scan looks at on a real Engine: images of both builders, saved and from the API, a container, a service."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import engines
import images
import pieces
import planted
from engines import Docker
from planted import Planted, Spot
from strongroom.errors import EngineError, TargetError
from strongroom.scan.detect.rules import load
from strongroom.scan.model import Place
from strongroom.scan.scanner import Scanner
from strongroom.scan.targets import find
from strongroom.scan.targets.base import Target

DOCKERFILE = """FROM {base}
ENV GITHUB_TOKEN={former}
ENV GITHUB_TOKEN={env}
LABEL org.example.token={label}
ARG NPM_TOKEN={argument}
COPY base /
RUN rm -rf /srv/old /srv/opaque /srv/was-file && mkdir /srv/opaque /srv/was-file
COPY top /
RUN echo --token={run} > /dev/null; echo done > /done
HEALTHCHECK --interval=60s CMD ["true", "--token={health}"]
ONBUILD RUN login --token={onbuild}
ENTRYPOINT ["/bin/busybox", "echo", "--token={entrypoint}"]
CMD ["serve", "--token={cmd}"]
"""
# The layers above the base image's only one, of which the first has the planted files.
_FILES, _REMOVED, _REPLACED, _RUN = 1, 2, 3, 4
_INSTRUCTIONS = {_FILES: "COPY", _REMOVED: "RUN rm -rf", _REPLACED: "COPY", _RUN: "RUN echo"}


@pytest.fixture(scope="module")
def plant() -> Planted:
    return planted.plant()


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory, image: str, plant: Planted) -> Path:
    root = tmp_path_factory.mktemp("context")
    values = plant.values
    images.unpack(root / "base", plant.base)
    images.unpack(
        root / "top",
        {name: f"token={values[key]}\n".encode() for key, name in
         (("srv/over.env, new", "srv/over.env"), ("srv/opaque/b.env", "srv/opaque/b.env"))},
    )  # fmt: skip
    text = DOCKERFILE.format(
        base=image, former=values["former ENV"], env=values["Env"], label=values["Label"], run=values["RUN line"],
        argument=values["build argument"], health=values["Healthcheck"], onbuild=values["OnBuild"],
        entrypoint=values["Entrypoint"], cmd=values["Cmd"],
    )  # fmt: skip
    (root / "Dockerfile").write_text(text)
    return root


@pytest.fixture(scope="module", params=["0", "1"], ids=["classic", "BuildKit"])
def built(request: pytest.FixtureRequest, docker: Docker, context: Path) -> Iterator[str]:
    name = f"{docker.prefix}/planted:{request.param}"
    builder = Docker({**docker.environment, "DOCKER_BUILDKIT": request.param}, docker.prefix)
    builder("build", "-q", "-t", name, str(context))
    yield name
    docker("rmi", "-f", name, status=None)


@pytest.fixture(scope="module")
def saved(docker: Docker, built: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "image.tar"
    docker("save", "-o", str(path), built)
    return path


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(load())


@pytest.fixture(scope="module", params=["Engine", "saved", "packed", "old"])
def target(request: pytest.FixtureRequest, built: str, saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Target:
    if request.param == "Engine":
        return find(f"image:{built}")
    path = saved
    if request.param == "packed":
        path = saved.with_suffix(".tar.gz")
        path.write_bytes(subprocess.run(["gzip", "-c", saved], check=True, capture_output=True).stdout)
    elif request.param == "old":
        path = _as_before_25(saved, tmp_path_factory.mktemp("old"))
    return find(str(path))


def _as_before_25(saved: Path, directory: Path) -> Path:
    """Return an archive as Engines before 25 saved it: no index, and each layer in a directory of its own."""
    import json
    import tarfile

    with tarfile.open(saved) as archive:
        files = {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}  # type: ignore[union-attr]
    (entry,) = json.loads(files["manifest.json"])
    old = {f"{number:064x}/layer.tar": files[layer] for number, layer in enumerate(entry["Layers"])}
    config = f"{'c' * 64}.json"
    manifest = [{**entry, "Config": config, "Layers": list(old)}]
    old |= {config: files[entry["Config"]], "manifest.json": json.dumps(manifest).encode(), "repositories": b"{}"}
    return images.write(directory / "old.tar", old)


def test_each_planted_token_is_found_once_with_its_layer(target: Target, plant: Planted, scanner: Scanner) -> None:
    settled = target.findings(scanner.scan)
    assert target.notices == []
    wrong = {}
    for name, value in plant.values.items():
        places = [each.place for each in settled if value.encode() in each.value.reveal()]
        if len(places) != 1 or not _is_right(name, plant.spots[name], places[0]):
            wrong[name] = places
    assert wrong == {}
    assert len(plant.values) >= 60


def _is_right(name: str, spot: Spot, place: Place) -> bool:
    layer = {"build argument": None, "RUN line": _RUN}.get(name, _FILES if spot.layer == 0 else None)
    if name.endswith(", new") or name == "srv/opaque/b.env":
        layer = _REPLACED
    by = f"by layer {_REPLACED} (COPY" if name == "srv/over.env, gone" else f"by layer {_REMOVED} (RUN rm -rf /srv/old"
    # Which of both it is when a directory was made anew is the storage driver's choice.
    words = {"hidden": ("hidden", "deleted"), "overwritten": ("overwritten",), "deleted": ("deleted",), "": ("",)}
    expected = tuple(f"{word} {by}" if word else "" for word in words[spot.shown.partition(" ")[0]])
    return (
        (place.layer.number if place.layer else None) == layer
        and (layer is None or (place.layer is not None and place.layer.instruction.startswith(_INSTRUCTIONS[layer])))
        and (place.path.startswith("history ") if spot.path.startswith("history ") else spot.path in ("", place.path))
        and place.shown.startswith(expected)
        and bool(place.shown) is bool(spot.shown)
    )


def test_no_file_is_written_while_an_image_is_read(
    built: str, plant: Planted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert pieces.where(find(f"image:{built}"), plant.values["srv/app/.env"].encode())
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def container(docker: Docker, image: str, tmp_path: Path) -> Iterator[str]:
    (tmp_path / "mounted").write_text("token-mounted")
    name = f"{docker.prefix}-scanned"
    script = (
        "echo token-out; echo token-err >&2; mkdir -p /srv/new/deep; echo token-new > /srv/new/deep/file; "
        "echo token-changed >> /etc/passwd; rm /etc/group; touch /srv/ready; exec sleep 1000"
    )
    docker(
        "run", "-d", "--name", name, "-e", "PASSWORD=token-env", "--label", "key=token-label", "--health-cmd",
        "test token-health", "-v", f"{tmp_path}:/srv/mount", "--entrypoint", "sh", image, "-c",
        script.replace("token-", "'token'-"),
    )  # fmt: skip
    engines.until(lambda: docker("exec", name, "test", "-e", "/srv/ready", status=None) is not None
                  and "ready" in docker("exec", name, "ls", "/srv"))  # fmt: skip
    yield name
    docker("rm", "-f", name)


def test_a_container_is_looked_at(docker: Docker, container: str) -> None:
    for text in (f"container:{container}", container):
        target = find(text)
        found = {
            token: [place.path for place in pieces.where(target, f"token-{token}".encode())]
            for token in ("out", "err", "new", "changed", "env", "label", "health", "mounted")
        }
        assert found == {
            "out": ["logs"], "err": ["logs"], "new": ["srv/new/deep/file"], "changed": ["etc/passwd"],
            "env": ["Env PASSWORD"], "label": ["Label key"], "health": ["Healthcheck"], "mounted": [],
        }  # fmt: skip
        assert target.notices == []
    docker("kill", container)
    assert pieces.where(find(f"container:{container}"), b"token-new")


def test_a_service_is_looked_at(swarm: Docker, image: str) -> None:
    name = f"{swarm.prefix}-service"
    swarm("secret", "create", name, "-", given=b"token-secret")
    swarm("config", "create", name, "-", given=b"token-config")
    try:
        swarm(
            "service", "create", "-q", "--detach=false", "--name", name, "-e", "PASSWORD=token-env",
            "--label", "key=token-label",
            "--container-label", "inner=token-inner", "--secret", name, "--config", name, "--entrypoint", "sh", image,
            "-c", "echo token-argument >/dev/null; echo 'token'-log; exec sleep 1000",
        )  # fmt: skip
        target = find(f"service:{name}")
        engines.until(lambda: pieces.where(target, b"token-log"))
        found = {
            token: [place.path for place in pieces.where(target, f"token-{token}".encode())]
            for token in ("env", "label", "inner", "argument", "config", "secret", "log")
        }
        assert found == {
            "env": ["Env PASSWORD"], "label": ["Label key"], "inner": ["Label inner"], "argument": ["Args"],
            "config": [f"config {name}"], "secret": [], "log": ["logs"],
        }  # fmt: skip
        (identity,) = swarm.of_service(name)
        # What the Engine mounts is no file of the container's: a granted secret is where it should be.
        inside = find(f"container:{identity}")
        assert pieces.where(inside, b"token-secret") == []
        assert inside.notices == []
    finally:
        swarm("service", "rm", name, status=None)
        engines.until(lambda: not swarm.of_service(name))
        swarm("secret", "rm", name)
        swarm("config", "rm", name)


def test_what_the_engine_does_not_have_is_an_error(docker: Docker) -> None:
    for kind in ("image", "container"):
        with pytest.raises(EngineError, match=r"(?i)no such"):
            find(f"{kind}:{docker.prefix}-none")
    with pytest.raises(TargetError, match="nor an image, container or service"):
        find(f"{docker.prefix}-none")


def test_a_name_that_could_be_several_things_is_refused(docker: Docker, image: str) -> None:
    name = f"{docker.prefix}both"
    docker("tag", image, name)
    docker("create", "--name", name, image)
    try:
        with pytest.raises(TargetError, match=f"image:{name} or container:{name}"):
            find(name)
    finally:
        docker("rm", name)
        docker("rmi", name)
