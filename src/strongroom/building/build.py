"""The build itself, the look through what it made, and only then the image's names."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BuildFailed, EngineError
from ..model import Value
from .request import Request
from .secrets import Handover, SecretOption

if TYPE_CHECKING:
    from ..scan.model import Notice
    from ..scan.report import Found
    from ..scan.scanner import Scanner


def build(request: Request, ours: Mapping[str, Value], hide: Callable[[bytes], bytes] | None) -> tuple[int, str]:
    """Run ``docker build`` without the image's names; return its exit status and the image's id.

    ``ours`` are values by the secret's id that Docker gets from us. ``hide`` is put over what Docker says on standard
    error, as ``docker.cli.call`` says.
    """
    from ..docker import cli

    handover = Handover()
    with tempfile.TemporaryDirectory(prefix="strongroom-build-") as directory:
        file = Path(directory, "iid")
        arguments = ["build", *_exporting(request)] if request.exports() else ["build", "--iidfile", str(file)]
        for option in request.secrets:
            own = option.id in ours
            resolved = SecretOption(option.id, "file", handover.path(ours[option.id])) if own else option
            arguments += ["--secret", resolved.option()]
        for output in request.outputs:
            arguments += ["--output", output]
        # The classic builder of older releases has no secrets.
        os.environ.setdefault("DOCKER_BUILDKIT", "1")
        try:
            status = cli.call([*arguments, *request.arguments], hide)
        finally:
            handover.close()
        return status, file.read_text().strip() if file.exists() else ""


def _exporting(request: Request) -> list[str]:
    """Return what Docker writes into files itself: the names in an archive, and an id where there is one."""
    options = [word for tag in request.tags for word in ("--tag", tag)]
    return [*options, "--iidfile", request.iidfile] if request.iidfile else options


def present(image: str) -> bool:
    """Tell whether the Engine has an image."""
    from ..docker.engine import Engine

    try:
        Engine.connect().get(f"/images/{image}/json")
    except EngineError as error:
        if error.status == 404:
            return False
        raise
    return True


def scanner(values: Mapping[str, Value]) -> Scanner:
    """Return what looks for these values, in every encoding, and for nothing else."""
    from ..scan.detect.known import Known
    from ..scan.detect.rules import NONE
    from ..scan.scanner import Scanner

    return Scanner(NONE, Known([(name, 0, value) for name, value in values.items()]))


def look(targets: Sequence[str], looking: Scanner) -> tuple[list[Found], list[Notice]]:
    """Return where values are in what was built, its configuration and its history, and what could not be read of it.

    Raises:
        StrongroomError: it cannot be read.
    """
    from ..scan.report import Found
    from ..scan.targets import find

    found: list[Found] = []
    notices: list[Notice] = []
    for text in targets:
        target = find(text)
        found += [
            Found(target.name, each._replace(description="The value of the build's secret"))
            for each in target.findings(looking.scan)
        ]
        notices += target.notices
    return found, [*notices, *looking.notices]


def publish(request: Request, image: str) -> None:
    """Give an image the names that were asked for, and push it if that was.

    Raises:
        EngineError: Docker refuses.
    """
    from ..docker import cli

    if request.exports():
        return
    for tag in request.tags:
        cli.run(["tag", image, tag], f"the image {image} cannot be named {tag}")
    if request.iidfile:
        try:
            Path(request.iidfile).write_text(image)
        except OSError as error:
            raise BuildFailed(f"{request.iidfile} cannot be written: {error.strerror}.") from None
    for tag in request.tags if request.push else ():
        if cli.call(["push", tag]):
            raise BuildFailed(f"{tag} was built and scanned, but not pushed. Push it again: docker push {tag}")
