"""The entrypoint of a container: fetches what its application needs, writes it to memory, and becomes the application.

With ``watch`` it stays as the application's parent, and keeps the files fresh (``fresh``, ``supervisor``).
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from ..errors import DeliveryError, SecretNotFound, StoreUnavailable, StrongroomError
from ..model import Grant, Name, Value
from ..stores.managers import Lease
from ..stores.registry import Fetched, References
from . import files, linux, users
from .files import SECRETS_DIR, Granted
from .needed import Needed
from .process import find_program
from .users import User

if TYPE_CHECKING:
    from .cache import Cache

Report = Callable[[str], None]

# What managers take as a login: theirs, and nothing of the application's. Where they lie in files, file modes protect
# them.
_CREDENTIALS = {
    "aws": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    "azure": ("AZURE_CLIENT_SECRET", "AZURE_PASSWORD", "AZURE_CLIENT_CERTIFICATE_PASSWORD"),
    "gcp": ("GOOGLE_APPLICATION_CREDENTIALS",),
    "sops": ("SOPS_AGE_KEY",),
}


class Settings(NamedTuple):
    """What to start, with what, and where its files lie."""

    needed: Sequence[Needed]
    command: Sequence[str]
    directory: Path
    user: User | None
    core_limit: tuple[int, int]
    kept: Sequence[str] = ()


class Files:
    """The files of an application, in one directory in memory."""

    def __init__(self, settings: Settings) -> None:
        """Check that the directory and the owners are possible, and make the directory if need be.

        Raises:
            DeliveryError: they are not.
        """
        self._settings = settings
        self._values: dict[Name, Value] = {}
        _prepare(settings.directory)
        own = os.geteuid()
        for each in settings.needed:
            if own != 0 and (each.uid not in (None, own) or each.gid not in (None, os.getegid())):
                raise DeliveryError(
                    f"secret '{each.name}' is to belong to {each.uid}:{each.gid}, and only root can give files away. "
                    "Start the container as root with --user, or leave uid and gid out."
                )

    def write(self, fetched: Sequence[Fetched | None]) -> list[Name]:
        """Write what changed, all of it or nothing, and return the names. ``fetched`` goes with what is needed.

        Raises:
            DeliveryError, InvalidName: it cannot be written, or two want the same file; nothing was changed.
        """
        granted = _granted(self._settings, fetched)
        changed = [(grant, value) for grant, value in granted if self._values.get(grant.secret) != value]
        files.replace(self._settings.directory, changed)
        self._values |= {grant.secret: value for grant, value in changed}
        return [grant.secret for grant, _ in changed]

    def environment(self) -> dict[str, str]:
        """Return the application's environment: ours without the managers' credentials, and where the files are."""
        environment = without_credentials(os.environ, self._settings.needed, self._settings.kept)
        if self._settings.directory != Path(SECRETS_DIR):
            environment["SECRETS_DIR"] = str(self._settings.directory)
        if self._settings.user is not None:
            environment["HOME"] = self._settings.user.home
        return environment | {files.variable(name): str(self._settings.directory / name) for name in self._values}


def run(settings: Settings, reader: References, cache: Cache | None, report: Report) -> NoReturn:
    """Fetch, write, and become the application.

    Raises:
        StrongroomError: something is missing or cannot be written; the application was not started.
        FileNotFoundError, PermissionError: the command cannot be started.
    """
    program = find_program(settings.command[0])
    application = Files(settings)
    fetched = fetch(settings.needed, reader, cache, report)
    with _giving_back(reader, fetched, report):
        application.write(fetched)
        environment = application.environment()
        for lease in _leases(fetched):
            report(
                f"what {lease.scheme}:// leased ends in {lease.seconds:.0f} s, and nothing renews it without --watch."
            )
        if settings.user is not None:
            users.become(settings.user)
        resource.setrlimit(resource.RLIMIT_CORE, settings.core_limit)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these two, and a program inherits it
            signal.signal(number, signal.SIG_DFL)
        os.execve(program, list(settings.command), environment)  # noqa: S606 - becoming the command is the point


def watch(
    settings: Settings, reader: References, cache: Cache | None, report: Report, *,
    interval: float, change: signal.Signals | None, restart: bool,
) -> int:  # fmt: skip
    """Fetch, write, and run the application as its parent until it ends; return its exit status.

    Raises:
        StrongroomError, FileNotFoundError, PermissionError: as ``run``.
    """
    from .fresh import Fresh
    from .supervisor import Program, Supervisor

    find_program(settings.command[0])
    linux.hide()
    application = Files(settings)
    fetched = fetch(settings.needed, reader, cache, report)
    with _giving_back(reader, fetched, report):
        application.write(fetched)
        fresh = Fresh(settings.needed, reader, application.write, cache, report, interval)
        fresh.begin(fetched)
        program = Program(settings.command, application.environment, settings.user, settings.core_limit)
        return Supervisor(program, fresh, change, restart).run()


def fetch(needed: Sequence[Needed], reader: References, cache: Cache | None, report: Report) -> list[Fetched | None]:
    """Return what is needed, in its order: None for what may be missing; from the cache while a manager is away.

    Raises:
        StrongroomError: something is missing.
    """
    results = reader.try_read([each.reference for each in needed])
    with _giving_back(reader, [each for each in results if isinstance(each, Fetched)], report):
        found = [_found(each, result, cache, report) for each, result in zip(needed, results, strict=True)]
        if cache and all(not isinstance(result, StoreUnavailable) for result in results):
            cache.keep([each for each in found if each], report)
    return found


def _found(needed: Needed, result: Fetched | StrongroomError, cache: Cache | None, report: Report) -> Fetched | None:
    if not isinstance(result, StrongroomError):
        return result
    if isinstance(result, StoreUnavailable) and cache and (values := cache.get(needed.reference)):
        report(f"{result} Its last value, of {cache.age()} ago, is used for '{needed.name}'.")
        return Fetched(needed.reference, values)
    if isinstance(result, SecretNotFound) and needed.optional:
        report(f"secret '{needed.name}' is left out: {result}")
        return None
    if str(needed.reference) not in str(result):
        result.args = (f"secret '{needed.name}' ({needed.reference}): {result}",)
    raise result


@contextmanager
def _giving_back(reader: References, fetched: Sequence[Fetched | None], report: Report) -> Iterator[None]:
    """Give back what was leased when the application cannot be started."""
    try:
        yield
    except (StrongroomError, OSError):
        if leases := _leases(fetched):
            from .fresh import give_back

            give_back(reader, reader.logins(), leases, report)
        raise


def _leases(fetched: Sequence[Fetched | None]) -> list[Lease]:
    return list({each.lease.id: each.lease for each in fetched if each and each.lease}.values())


def without_credentials(
    environment: Mapping[str, str], needed: Sequence[Needed], kept: Sequence[str]
) -> dict[str, str]:
    """Return an environment without what the managers of these secrets, and Vault and OpenBao anyway, take as a login.

    A variable that is itself such a secret goes, too.
    """
    from ..stores.vault.settings import CREDENTIALS

    schemes = {each.reference.scheme for each in needed}
    hidden = {name for scheme in schemes for name in _CREDENTIALS.get(scheme, ())} | CREDENTIALS
    hidden |= {each.reference.path for each in needed if each.reference.scheme == "env"}
    return {name: text for name, text in environment.items() if name not in hidden or name in kept}


def _granted(settings: Settings, fetched: Sequence[Fetched | None]) -> list[Granted]:
    user = settings.user
    uid, gid = (user.uid, user.gid) if user else (os.geteuid(), os.getegid())
    result: dict[Name, Granted] = {}
    for needed, each in zip(settings.needed, fetched, strict=True):
        for field, value in each.values.items() if each else ():
            name = Name(f"{needed.name}{field}" if needed.every else needed.name)
            if name in result:
                raise DeliveryError(f"two secrets want the file '{name}', one of them a key of {needed.reference}.")
            owner = (uid if needed.uid is None else needed.uid, gid if needed.gid is None else needed.gid)
            result[name] = Grant(name, name, *owner, needed.mode), value
    return list(result.values())


def _prepare(directory: Path) -> None:
    existing = directory if directory.exists() else directory.parent
    if not linux.is_in_memory(existing):
        raise DeliveryError(
            f"{directory} is no directory in memory. Mount one, with the application's user: docker run --tmpfs "
            f"{directory}:mode=0700,uid=UID, or in Compose: tmpfs: ['{directory}:mode=0700,uid=UID']; or name another "
            "with --directory, below /dev/shm say."
        )
    try:
        directory.mkdir(mode=0o755, exist_ok=True)
    except OSError as error:
        raise DeliveryError(f"{directory} cannot be made: {error.strerror}.") from None
    if not os.access(directory, os.W_OK | os.X_OK, effective_ids=True):
        raise DeliveryError(f"user {os.geteuid()} may not write to {directory}: give the tmpfs its uid or its mode.")


def say(text: str) -> None:
    """Write a line to standard error, which is the container's log."""
    sys.stderr.write(f"strongroom: {text}\n")
    sys.stderr.flush()
