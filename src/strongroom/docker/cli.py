"""Docker's own command line: found, run, and its complaints passed on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from ..errors import EngineError

# What Docker says beside the point.
_NO_FILE = "no configuration file"
_NOISE = ("time=", "level=warning", "Since --detach=false", "In a future release")


def find() -> str:
    """Return the path of ``docker``.

    Raises:
        EngineError: it is not installed.
    """
    path = shutil.which("docker")
    if path is None:
        raise EngineError("Docker's command line (docker) is not in PATH. Install docker-cli.")
    return path


def has_compose() -> bool:
    """Tell whether ``docker`` is here and has Compose."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0


def become(arguments: Sequence[str]) -> NoReturn:
    """Replace this process by ``docker ARGUMENTS``."""
    os.execv(find(), ["docker", *arguments])  # noqa: S606 - becoming it is the point


def call(arguments: Sequence[str], hide: Callable[[bytes], bytes] | None = None) -> int:
    """Run ``docker ARGUMENTS`` in the foreground, and return its exit status. An interrupt is its business.

    ``hide`` returns what is to be shown of each line that Docker writes to standard error; where that is a terminal, of
    what it draws there at once.
    """
    import signal

    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        if hide is None:
            return _wait(_start(arguments))
        if os.isatty(2):
            from . import terminal

            with terminal.between() as (ours, docker):
                child = _start(arguments, docker)
                os.close(docker)
                terminal.show(ours, hide)
            return _wait(child)
        child = _start(arguments, subprocess.PIPE)
        assert child.stderr  # noqa: S101 - for the type checker
        with child.stderr:
            for line in child.stderr:
                os.write(2, hide(line))
        return _wait(child)
    finally:
        signal.signal(signal.SIGINT, former)


def _start(arguments: Sequence[str], errors: int | None = None) -> subprocess.Popen[bytes]:
    import signal

    # A project in memory is inherited as a descriptor.
    child = subprocess.Popen(
        [find(), *arguments], preexec_fn=_default_interrupt, close_fds=False, stderr=errors,  # noqa: PLW1509
    )  # fmt: skip
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    return child


def _wait(child: subprocess.Popen[bytes]) -> int:
    status = child.wait()
    return status if status >= 0 else 128 - status


def _default_interrupt() -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(
    arguments: Sequence[str], what: str, given: bytes = b"", cwd: Path | None = None, descriptors: Sequence[int] = ()
) -> tuple[bytes, str]:
    """Run ``docker ARGUMENTS`` with ``given`` on its standard input; return its output and what it complained of.

    Raises:
        EngineError: it failed; ``what`` says what could not be done.
    """
    done = subprocess.run(
        [find(), *arguments], input=given, capture_output=True, cwd=cwd, pass_fds=tuple(descriptors), check=False
    )
    said = done.stderr.decode(errors="replace").splitlines()
    lines = [line.strip() for line in said if line.strip() and not line.startswith(_NOISE)]
    if done.returncode != 0:
        reason = " ".join(lines).rstrip(". ") or f"docker ended with status {done.returncode}"
        hint = " Go to the project's directory, or name its file with -f." if _NO_FILE in reason else ""
        raise EngineError(f"{what}: {reason}.{hint}")
    return done.stdout, "\n".join(lines)


def compose_config(options: Sequence[str], descriptors: Sequence[int] = ()) -> dict[str, Any]:
    """Return what Compose makes of a project, with the services of all profiles.

    Raises:
        EngineError: Compose refuses the project, or is not there.
    """
    arguments = ["compose", *options, "--profile", "*", "config", "--format", "json"]
    rendered = json.loads(run(arguments, "docker compose cannot read this project", descriptors=descriptors)[0])
    assert isinstance(rendered, dict)  # noqa: S101 - for the type checker
    return rendered


def complete(words: Sequence[str], timeout: float) -> list[str]:
    """Return what Docker completes the last of ``words`` to (cobra's protocol), if it does so within ``timeout``."""
    done = subprocess.run([find(), "__complete", *words], capture_output=True, text=True, timeout=timeout, check=False)
    return [line.partition("\t")[0] for line in done.stdout.splitlines() if not line.startswith((":", "_"))]
