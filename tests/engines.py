"""Real Docker Engines for the end-to-end tests, and images that need no registry."""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import leaks

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
SCRIPT = ROOT / ".ci/engine"
KEPT = ("PATH", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "HOME")


@dataclass
class Docker:
    """Docker's command line against one Engine. Its names start with ``prefix``."""

    environment: Mapping[str, str]
    prefix: str = field(default_factory=lambda: f"srt{secrets.token_hex(3)}")

    def __call__(
        self, *arguments: str, given: bytes = b"", status: int | None = 0, reveals: bool = False,
        cwd: Path | None = None,
    ) -> str:  # fmt: skip
        """Run ``docker ARGUMENTS`` and return its output; ``status`` None allows any end."""
        done = subprocess.run(
            ["docker", *arguments], input=given, capture_output=True, env=dict(self.environment), timeout=180, cwd=cwd
        )
        if not reveals:
            leaks.record(done.stdout + done.stderr, f"the output of: docker {' '.join(arguments)}")
        assert status is None or done.returncode == status, f"docker {' '.join(arguments)}: {done.stderr.decode()}"
        return done.stdout.decode().strip()

    def lines(self, *arguments: str) -> list[str]:
        """Return the lines of a command's output."""
        return self(*arguments).splitlines()

    def json(self, *arguments: str) -> Any:
        """Return a command's output, which is JSON."""
        return json.loads(self(*arguments))

    def inspect(self, kind: str, name: str) -> dict[str, Any]:
        """Return the whole of an object."""
        (found,) = self.json(kind, "inspect", name)
        assert isinstance(found, dict)
        return found

    def tasks(self, service: str) -> list[str]:
        """Return the ids of a service's tasks that shall run."""
        return sorted(self.lines("service", "ps", "-q", "--filter", "desired-state=running", service))

    def containers(self, label: str) -> list[str]:
        """Return the ids of running containers."""
        return self.lines("ps", "-q", "--filter", f"label={label}")

    def of_service(self, service: str) -> list[str]:
        """Return the ids of a service's running containers on this Engine."""
        return self.containers(f"com.docker.swarm.service.name={service}")

    def read(self, container: str, path: str, user: str | None = None) -> str:
        """Return a file of a container."""
        return self("exec", *(["-u", user] if user else []), container, "cat", path, reveals=True)


def present() -> Docker | None:
    """Return the Engine that this machine has, if its command line reaches one."""
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    if shutil.which("docker") is None:
        return None
    done = subprocess.run(["docker", "info"], capture_output=True, env=environment)
    return Docker(environment) if done.returncode == 0 else None


def on_debian() -> bool:
    """Tell whether ``.ci/engine`` can work here."""
    release = Path("/etc/os-release")
    return release.exists() and 'VERSION_ID="12"' in release.read_text()


def start(name: str, kind: str) -> Docker:
    """Start Engines of the tests' own by ``.ci/engine``; end them with ``stop``."""
    done = subprocess.run([SCRIPT, "start", name, kind], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    printed = subprocess.run(
        ["bash", "-c", f"{done.stdout}\nenv -0"], capture_output=True, text=True, check=True
    ).stdout
    variables = dict(line.split("=", 1) for line in printed.split("\0") if "=" in line)
    return Docker({key: variables[key] for key in KEPT if key in variables and key != "DOCKER_CONTEXT"})


def control(action: str, name: str, number: int) -> None:
    """Cut, join, kill or revive an Engine that ``start`` started."""
    done = subprocess.run([SCRIPT, action, name, str(number)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def other(docker: Docker, number: int) -> Docker:
    """Return another Engine of a swarm that ``start`` started."""
    host = docker.environment["DOCKER_HOST"].replace("/node1/", f"/node{number}/")
    return Docker({**docker.environment, "DOCKER_HOST": host}, docker.prefix)


def stop(name: str) -> None:
    """End Engines that ``start`` started."""
    subprocess.run([SCRIPT, "stop", name], capture_output=True, check=False)


def import_image(
    docker: Docker, name: str, files: Mapping[str, bytes], links: Sequence[str] = (), changes: Sequence[str] = ()
) -> str:
    """Import an image of some files; ``links`` are names below /bin for the first of them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        temporary = tarfile.TarInfo("tmp")
        temporary.type, temporary.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(temporary)
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
        for link in links:
            info = tarfile.TarInfo(f"bin/{link}")
            info.type, info.linkname = tarfile.SYMTYPE, f"/{next(iter(files))}"
            tar.addfile(info)
    options = [part for change in changes for part in ("--change", change)]
    docker("import", *options, "-", name, given=buffer.getvalue())
    return name


# What stands in for the real images of the examples: it serves /health, and fails if $FAIL_WHEN starts with 'bad'.
_STANDIN = b"""#!/bin/sh
[ -z "$FAIL_WHEN" ] || ! grep -q ^bad "$FAIL_WHEN" || { echo "refused" >&2; exit 3; }
mkdir -p /tmp/www && echo ok >/tmp/www/health
trap 'kill $!; exit 0' TERM
httpd -f -p "${PORT:-8080}" -h /tmp/www &
wait
"""
# Arguments that are options are for the service itself, as in the images of databases and proxies.
_ENTRYPOINT = b"""#!/bin/sh
case "$1" in ""|-*) exec standin ;; *) exec "$@" ;; esac
"""
# A client as a load balancer is one: it asks each address of a service until one answers.
_CLIENT = b"""#!/bin/sh
while :; do
  answer=lost
  for address in $(nslookup "tasks.$1" 127.0.0.11 2>/dev/null | sed -n '/^Name:/,$s/^Address.*: //p'); do
    timeout 2 wget -q -O /dev/null "http://$address:8080/health" 2>/dev/null && answer=served && break
  done
  echo $answer
  sleep 0.05
done
"""


def make_standin(docker: Docker) -> str:
    """Import an image with busybox that stands in for those of the examples."""
    binary, applets = busybox(docker)
    passwd = b"root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n"
    group = b"root:x:0:\napp:x:1000:\nreaders:x:2000:app\n"
    scripts = {"standin": _STANDIN, "redis-server": _STANDIN, "entrypoint": _ENTRYPOINT, "client": _CLIENT}
    scripts |= dict.fromkeys(("traefik", "pg_isready", "redis-cli"), b"#!/bin/sh\nexit 0\n")
    files = {"bin/busybox": binary, "etc/passwd": passwd, "etc/group": group}
    files |= {f"usr/bin/{name}": script for name, script in scripts.items()}
    changes = ('ENTRYPOINT ["/usr/bin/entrypoint"]',)
    return import_image(docker, f"{docker.prefix}/standin:1", files, applets, changes)


def busybox(docker: Docker) -> tuple[bytes, list[str]]:
    """Return a static busybox and its applets: this machine's, or the one of the image of that name."""
    for path in (Path("/bin/busybox"), Path("/usr/bin/busybox")):
        if path.exists() and b"not a dynamic executable" in _ldd(path):
            applets = subprocess.run([path, "--list"], capture_output=True, text=True, check=True).stdout.split()
            return path.read_bytes(), [applet for applet in applets if applet != "busybox"]
    container = docker("create", "busybox:stable-musl")
    archive = subprocess.run(
        ["docker", "cp", f"{container}:/bin/busybox", "-"],
        capture_output=True,
        check=True,
        env=dict(docker.environment),
    ).stdout
    docker("rm", container)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = tar.next()
        assert member
        file = tar.extractfile(member)
        assert file
        return file.read(), docker("run", "--rm", "busybox:stable-musl", "busybox", "--list").split()


def _ldd(path: Path) -> bytes:
    done = subprocess.run(["ldd", path], capture_output=True)
    return done.stdout + done.stderr


def until(what: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.1)
