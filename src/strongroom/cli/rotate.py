"""``strongroom rotate``, ``rollback`` and ``watch``: secrets change, and those that hold them follow."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import StrongroomError
from ..model import Name, Stage, Value
from .parameters import NAME, reason_option
from .state import State, reopened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ..docker.services import Progress
    from ..model import Secret
    from ..policy import Policy
    from ..rotation.base import Delivery
    from ..rotation.rotate import Outcome, Rotation
    from ..stores.base import Store

_file_option = click.option("-f", "--file", "files", multiple=True, metavar="FILE",
                            help="A Compose file whose x-strongroom says how; by default the project's.")  # fmt: skip
_with_option = click.option("--with", "rotator", metavar="URI",
                            help="What changes it behind: postgres://, mariadb://, redis://, command:///.")  # fmt: skip
_store_only_option = click.option("--store-only", is_flag=True, help="Roll no services: nobody holds it.")
_timeout_option = click.option("--timeout", type=click.IntRange(1), default=600, show_default=True, metavar="SECONDS",
                               help="A service that has not converged by then failed.")  # fmt: skip
_quiet_option = click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
_json_option = click.option("--format", "template", type=click.Choice(["json"]),
                            help="Print what was done as JSON, a line a secret.")  # fmt: skip


@click.command(short_help="Give secrets a new value, everywhere")
@click.argument("names", nargs=-1, type=NAME)
@_file_option
@click.option("--value", "value_file", metavar="FILE", type=click.Path(allow_dash=True),
              help="The new value, from a file or standard input (-), instead of a random one.")  # fmt: skip
@click.option("--generate", metavar="WHAT", help="A length, or rsa, ed25519 or certificate.  [default: 32]")
@click.option("--alphabet", metavar="NAME", help="What a random value is drawn from: alphanumeric, ascii, url, hex, …")
@click.option("--pattern", metavar="REGEX", help="A random value after this regular expression.")
@_with_option
@click.option("--keep", type=click.IntRange(1), metavar="N", help="How many versions stay.  [default: 2]")
@click.option("--due", is_flag=True, help="Rotate what is older than its policy's 'every'; safe to run from cron.")
@click.option("--abort", is_flag=True, help="Undo a rotation that is under way.")
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
@click.option("--unit", is_flag=True, help="Print a systemd service and timer that run 'rotate --due' daily.")
@_store_only_option
@_timeout_option
@_quiet_option
@_json_option
@reason_option
@click.pass_obj
def rotate(
    state: State, names: tuple[Name, ...], files: tuple[str, ...], value_file: str | None, generate: str | None,
    alphabet: str | None, pattern: str | None, rotator: str | None, keep: int | None, due: bool, abort: bool,
    dry_run: bool, unit: bool, store_only: bool, timeout: int, quiet: bool, template: str | None,
) -> None:  # fmt: skip
    """Give the secrets NAME... a new value everywhere: in the store, in the system behind it, in all that hold it.

    A new version is made; the system behind it (--with) accepts it, and is logged in to with it; all services that hold
    the secret get it side by side, each by its own update policy, and are watched until they converged; then it becomes
    current. If one fails, all is put back. If this is killed, the same command finishes it, and --abort undoes it.

    \b
    Examples:
      strongroom rotate jwt_key
      strongroom rotate db_password --with 'postgres://admin@db/?admin_secret=db_admin&role=shop'
      pass show api_key | strongroom rotate api_key --value -
      strongroom rotate --due                        what the Compose file's x-strongroom says is due
      strongroom rotate --abort db_password
    """
    if unit:
        _print_unit(state)
        return
    if due == bool(names):
        raise click.UsageError("name the secrets to rotate, or give --due.")
    if value_file is not None and len(names) != 1:
        raise click.UsageError("--value gives one secret its value: name one.")
    store, known = state.open_store([Path(file) for file in files]), _policies(files)
    if due:
        names = _due(store, known)
    failed = False
    for name in names:
        policy = _policy(known.get(name), generate, alphabet, pattern, rotator, keep)
        try:
            with _rotation(store, name, policy, store_only, timeout, quiet) as rotation:
                if dry_run:
                    _show_plan(store, rotation, policy, template)
                elif abort:
                    _show(rotation.abort(), "rotation undone", template)
                else:
                    _show(rotation.run(partial(_make, store, policy, value_file)), "rotated", template)
        except StrongroomError as error:
            if len(names) == 1:
                raise
            click.echo(f"strongroom: {error}", err=True)  # the others are not to wait for it
            failed = True
    if due and not names:
        click.echo("nothing is due", err=True)
    if failed:
        sys.exit(1)


@click.command(short_help="Make the previous version current again, everywhere")
@click.argument("names", nargs=-1, required=True, type=NAME)
@_file_option
@_with_option
@_store_only_option
@_timeout_option
@_quiet_option
@_json_option
@reason_option
@click.pass_obj
def rollback(
    state: State, names: tuple[Name, ...], files: tuple[str, ...], rotator: str | None, store_only: bool, timeout: int,
    quiet: bool, template: str | None,
) -> None:  # fmt: skip
    """Make the previous version of the secrets NAME... current again, everywhere, by the steps of a rotation.

    \b
    Examples:
      strongroom rollback db_password
    """
    store, known = state.open_store([Path(file) for file in files]), _policies(files)
    for name in names:
        policy = _policy(known.get(name), None, None, None, rotator, None)
        with _rotation(store, name, policy, store_only, timeout, quiet) as rotation:
            _show(rotation.back(), "rolled back", template)


@click.command(short_help="Follow the store, and update the services")
@click.option("--interval", type=click.IntRange(1), default=60, show_default=True, metavar="SECONDS",
              help="How often to look, about.")  # fmt: skip
@click.option("--once", is_flag=True, help="Look once, roll what is stale, and end.")
@_timeout_option
@_quiet_option
@click.pass_obj
def watch(state: State, interval: int, once: bool, timeout: int, quiet: bool) -> None:
    """Follow the store: when a secret's current version changed there, give it to the services that hold it.

    This changes no value: somebody else did, in the store. Looks at the times of versions only, at irregular intervals,
    and less often while something fails.

    \b
    Examples:
      strongroom watch
      strongroom watch --once                        from cron
    """
    from ..rotation.follow import follow
    from .progress import reporting

    store = state.open_store()
    with reporting(quiet) as report:
        follow(
            store,
            lambda name: _deliveries(store, name, report, timeout),
            lambda text: click.echo(text, err=True),
            None if once else interval,
        )


@contextmanager
def _rotation(
    store: Store, name: Name, policy: Policy, store_only: bool, timeout: int, quiet: bool
) -> Iterator[Rotation]:
    """Yield the rotation of a secret, which no other process rotates meanwhile."""
    from ..delivery.swarm.lock import exclusively
    from ..rotation.base import Context
    from ..rotation.registry import find
    from ..rotation.rotate import Rotation
    from .progress import reporting

    rotator = find(policy.rotator, Context(name, lambda other: store.read(Name(other))))
    with exclusively(f"rotate-{store.place}-{name}", f"secret '{name}'"), reporting(quiet) as report:
        deliveries = [] if store_only else _deliveries(store, name, report, timeout)
        say: Callable[[str], None] = (lambda _: None) if quiet else (lambda text: click.echo(text, err=True))
        yield Rotation(store, name, rotator, deliveries, policy.keep, say)


def _deliveries(
    store: Store, name: Name, report: Callable[[Sequence[Progress]], None], timeout: float
) -> list[Delivery]:
    """Return all that may hold a secret: the swarm's services, if there is one, and this user's Compose projects."""
    from ..delivery.compose.roll import ComposeProjects
    from ..delivery.swarm.roll import SwarmServices
    from ..docker.engine import Engine, require_manager
    from ..errors import EngineError

    try:
        engine = Engine.connect()
    except EngineError as error:
        raise EngineError(f"{error} If no service holds '{name}': --store-only") from None
    found: list[Delivery] = []
    if engine.get("/info")["Swarm"].get("LocalNodeState") != "inactive":
        require_manager(engine)
        found.append(SwarmServices(engine, store, name, report, timeout))
    return [*found, ComposeProjects(engine, store, name, timeout)]


def _policies(files: Sequence[str]) -> Mapping[str, Policy]:
    from ..extension import merged

    return merged([Path(file) for file in files], Path.cwd()).policies


def _policy(
    known: Policy | None, generate: str | None, alphabet: str | None, pattern: str | None, rotator: str | None,
    keep: int | None,
) -> Policy:  # fmt: skip
    from ..generate import ALPHABETS
    from ..policy import Policy, generating

    policy = known or Policy()
    made = generating(generate, "--generate") if generate else policy.generate
    if alphabet is not None and alphabet not in ALPHABETS:
        raise click.UsageError(f"--alphabet is '{alphabet}': there are {', '.join(ALPHABETS)}.")
    made = made._replace(alphabet=alphabet or made.alphabet, pattern=pattern or made.pattern)
    return policy._replace(generate=made, rotator=rotator or policy.rotator, keep=keep or policy.keep)


def _due(store: Store, known: Mapping[str, Policy]) -> tuple[Name, ...]:
    now = datetime.now(UTC)
    found = []
    for secret in store.list():
        policy = known.get(secret.name)
        due = policy.due(secret) if policy else None
        if policy and due and (due <= now or Stage.PENDING in secret.stages):
            found.append(secret.name)
    return tuple(found)


def _make(store: Store, policy: Policy, value_file: str | None, secret: Secret) -> Value:
    from ..rotation import values

    if value_file == "-":
        return Value(sys.stdin.buffer.read())
    if value_file is not None:
        try:
            return Value(Path(value_file).read_bytes())
        except OSError as error:
            raise click.UsageError(f"{value_file} cannot be read: {error.strerror}.") from None
    current = store.read(secret.name) if policy.generate.kind == "certificate" else None
    return values.make(policy.generate, secret.name, current)


def _show_plan(store: Store, rotation: Rotation, policy: Policy, template: str | None) -> None:
    secret = store.inspect(rotation.name)
    holders = [each for delivery in rotation.deliveries for each in delivery.holders()]
    pending = secret.stages.get(Stage.PENDING)
    number = pending or max(each.number for each in secret.versions) + 1
    plan = {"Name": rotation.name, "From": secret.stages[Stage.CURRENT], "To": number, "With": policy.rotator,
            "Holders": holders}  # fmt: skip
    if template:
        click.echo(json.dumps(plan))
        return
    what = "is pending, and is gone on with" if pending else "would be made"
    click.echo(f"{rotation.name}: version {number} {what}; current is {plan['From']}")
    click.echo(f"    the system behind it: {policy.rotator.partition('?')[0]}")
    click.echo(f"    held by: {', '.join(holders) or 'nobody'}")


def _show(done: Outcome, word: str, template: str | None) -> None:
    if template:
        click.echo(json.dumps({"Name": done.name, "From": done.former, "To": done.version, "Holders": done.holders,
                               "Destroyed": done.destroyed, "Removed": done.removed}))  # fmt: skip
        return
    if word == "rotation undone":
        click.echo(f"{done.name}: {word}: version {done.former} is current everywhere")
        return
    held = f", held by {', '.join(done.holders)}" if done.holders else ""
    click.echo(f"{done.name}: {word} from version {done.former} to {done.version}{held}")
    for number in done.destroyed:
        click.echo(f"{done.name}: version {number} destroyed: nothing holds it")


def _print_unit(state: State) -> None:
    from ..rotation.unit import text

    click.echo(text(Path.cwd(), reopened(state.open_store()), state.identity_path), nl=False)
