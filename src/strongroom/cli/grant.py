"""``strongroom grant``: give a service a secret, in its Compose file."""

from __future__ import annotations

from pathlib import Path

import click

from .names import services
from .parameters import NAME


class _Mode(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.4
    name = "mode"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from ..compose import parse_mode

        try:
            return parse_mode(value)
        except ValueError:
            self.fail(f"'{value}' is not a mode: give an octal one such as 0400.", param, ctx)


@click.command(short_help="Grant a service a secret, in the Compose file")
@click.argument("name", type=NAME, metavar="SECRET")
@click.argument("service", shell_complete=services)
@click.option("-f", "--file", type=click.Path(path_type=Path), metavar="FILE",
              help="The Compose file; by default the one here or above.")  # fmt: skip
@click.option("--target", metavar="PATH", help="Where the service finds it, in /run/secrets unless it is absolute.")
@click.option("--uid", type=click.IntRange(0), metavar="N", help="The file's owner.")
@click.option("--gid", type=click.IntRange(0), metavar="N", help="The file's group.")
@click.option("--mode", type=_Mode(), metavar="OCTAL", help="The file's mode.")
@click.option("--instead-of", metavar="VARIABLE",
              help="Take this variable out of the service's environment; VARIABLE_FILE names the file.")  # fmt: skip
def grant(
    name: str, service: str, file: Path | None, target: str | None, uid: int | None, gid: int | None,
    mode: int | None, instead_of: str | None,
) -> None:  # fmt: skip
    """Grant SECRET to SERVICE in the Compose file, or change the grant that is there. Nothing is deployed.

    Comments and all else in the file stay as they are. A secret that the file does not declare is declared external:
    its value is in the store. Options that are not given leave what is there.

    \b
    Examples:
      strongroom grant db_password api
      strongroom grant db_password api --uid 1000 --mode 0400
      strongroom grant db_password api --instead-of DB_PASSWORD
    """
    from .. import edit
    from ..compose import find

    path = file or find(Path.cwd())
    wanted = edit.Wanted(name, target, uid, gid, mode, instead_of)
    changed = edit.grant(path, service, wanted)
    click.echo(f"{path}: {service} is granted {name}" if changed else f"{path} says so already")
