"""``strongroom scan``: find secrets where they should not be."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ScanError, StrongroomError
from .output import format_option, show
from .parameters import reason_option
from .scanning import busy, counting
from .state import State

if TYPE_CHECKING:
    from ..scan.detect.engine import Values
    from ..scan.model import Notice
    from ..scan.report import Found, Report

_FORMATS = ("table", "json", "sarif", "junit", "html")


class _Scan(click.Group):
    """A command that takes targets, unless its first word is a command below it."""

    allow_interspersed_args = True

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: object
    ) -> click.Context:
        if args and args[0] in self.commands:
            return self.commands[args[0]].make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.group(
    short_help="Find secrets in images, directories, repositories, logs",
    cls=_Scan,
    invoke_without_command=True,
    subcommand_metavar="",
)
@click.option("--format", "format_", type=click.Choice(_FORMATS), default="table", show_default=True,
              help="How findings are shown; json is an object a line.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write the report to a file that only you can read.")  # fmt: skip
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE",
              help="Rules and allowlists in gitleaks' form. By default .gitleaks.toml of the target, or here; "
              "then the built-in rules.")  # fmt: skip
@click.option("--known/--no-known", default=None,
              help="Look for the values of the project's store. By default if there is one that opens.")  # fmt: skip
@click.option("--fingerprints", type=click.Path(path_type=Path), metavar="FILE",
              help="Look for what 'strongroom scan fingerprint' wrote, instead of the store's values.")  # fmt: skip
@click.option("--baseline", "baseline_file", type=click.Path(path_type=Path), metavar="FILE",
              help="Leave out findings that this file has.")  # fmt: skip
@click.option("--write-baseline", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write what was found to a baseline, and end with 0.")  # fmt: skip
@click.option("--fail-on", type=click.Choice(["any", "known", "none"]), default="any", show_default=True,
              help="Which findings make the exit status 1; known are values of the store: it has to open.")  # fmt: skip
@click.option("--show-values", is_flag=True, help="Show the values themselves, instead of stars.")
@reason_option
@click.argument("texts", nargs=-1, required=True, metavar="TARGET...")
@click.pass_context
def scan(
    context: click.Context, format_: str, output: Path | None, config: Path | None, known: bool | None,
    fingerprints: Path | None, baseline_file: Path | None, write_baseline: Path | None, fail_on: str,
    show_values: bool, texts: tuple[str, ...],
) -> None:  # fmt: skip
    """Find secrets in images, directories, repositories, containers, files and logs.

    The values of the project's store are looked for as they are and in their encodings; all else by rules. The exit
    status is 1 if something was found. A line with a comment 'gitleaks:allow' is left out. No value is shown, and none
    leaves this machine: whether a token still works, nobody is asked.

    \b
    Targets:
      image:NAME       an image of the Engine: every layer, its configuration and history
      archive:FILE     what docker save wrote; oci:PATH is an OCI layout or archive
      dir:PATH         a directory or a file; context:DIR is what docker build would send of one
      git:DIR          a repository with its history
      container:NAME   environment, labels, arguments, logs and changed files; service:NAME in a swarm
      compose:FILE     a Compose file; dockerfile:FILE a Dockerfile
      -                standard input

    \b
    Examples:
      strongroom scan .
      strongroom scan image:shop:1 context:. --format html -o report.html
      strongroom scan git:. --write-baseline .strongroom-baseline.json
      strongroom scan . --baseline .strongroom-baseline.json --format sarif -o strongroom.sarif
      docker logs shop 2>&1 | strongroom scan -
    """
    if fingerprints and known:
        raise click.UsageError("--fingerprints and --known exclude each other: the store has what the file is made of.")
    if write_baseline and output:
        raise click.UsageError("--write-baseline is instead of a report: leave --output out, or scan again for it.")
    from ..scan import baseline, targets
    from ..scan.report import Report, prepare
    from ..scan.run import Count, run
    from ..scan.scanner import Scanner

    for path in filter(None, (output, write_baseline)):
        if not path.exists() and not path.resolve().parent.is_dir():  # known before a scan that may take minutes
            raise ScanError(f"{path} cannot be written: there is no directory {path.parent}.")
    former = baseline.Baseline.load(baseline_file) if baseline_file else None
    found_targets = [targets.find(text) for text in dict.fromkeys(texts)]
    # What counts has to be looked for: a store that does not open must not pass for one without findings.
    wanted = True if fail_on == "known" and known is None else known
    looked_for = _known(context.obj, wanted, fingerprints)
    count = Count()
    with counting(count):
        done = run(found_targets, config, lambda rules: Scanner(rules, looked_for), count)
    with busy("comparing with the baseline: each value takes a while, for who would guess it too"):
        new = former.new([each.finding for each in done.found]) if former else [True] * len(done.found)
    found = [each for each, is_new in zip(done.found, new, strict=True) if is_new]
    items = prepare(found, done.fixes, beside=done.found, show_values=show_values)
    report = Report.of(
        items, [each.name for each in found_targets], done.notices,
        files=count.files, size=count.size, seconds=count.seconds, baseline=len(done.found) - len(found),
    )  # fmt: skip
    if write_baseline:
        with busy("making the baseline: each value takes a while, for who would guess it too"):
            entries = baseline.write(write_baseline, [each.finding for each in done.found])
        _tell(report.notices)
        click.echo(f"{write_baseline} has {entries} {'finding' if entries == 1 else 'findings'} now", err=True)
        return
    _show(report, format_, output)
    if _fails(found, fail_on):
        context.exit(1)


@scan.command(short_help="Write fingerprints of the store's values, for CI")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="The file to write.")  # fmt: skip
@reason_option
@click.pass_obj
def fingerprint(state: State, output: Path) -> None:
    """Write fingerprints of the store's values, to look for them where the store must not go: in CI.

    No value can be read from the file. Whoever has it can try guesses, so that only values that a machine made have a
    fingerprint; the others are named. A value is found with it where it stands as a word of its own, in base64 or in
    hexadecimal, but not as a part of a longer word.

    \b
    Examples:
      strongroom scan fingerprint -o .strongroom.fingerprints
      strongroom scan image:shop:1 --fingerprints .strongroom.fingerprints
    """
    from ..files import replace
    from ..scan.detect.fingerprint import write
    from ..scan.values import values

    content, without = write(values(state.open_store()))
    try:
        replace(output, content)
    except OSError as error:
        raise ScanError(f"{output} cannot be written: {error.strerror}.") from None
    for name in without:
        click.echo(f"note: {name}: its value could be guessed, and has no fingerprint", err=True)


@scan.command()
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="A file in gitleaks' form.")
@format_option
def rules(config: Path | None, template: str | None) -> None:
    """List the rules.

    \b
    Examples:
      strongroom scan rules
      strongroom scan rules --config .gitleaks.toml --format '{{.ID}}'
    """
    from ..scan.detect.rules import load

    rows = [
        {"ID": rule.id, "Description": rule.description, "Keywords": list(rule.keywords), "Regex": rule.regex}
        for rule in load(config).rules
    ]
    show(rows, {"RULE": "ID", "DESCRIPTION": "Description"}, template)


def _known(state: State, wanted: bool | None, fingerprints: Path | None) -> Values | None:
    from ..scan.detect.fingerprint import Fingerprints
    from ..scan.detect.known import Known
    from ..scan.values import values

    if fingerprints:
        return Fingerprints.load(fingerprints)
    if wanted is False:
        return None
    try:
        store = state.open_store() if wanted else state.open_store_if_any()
        found = values(store) if store else []
    except StrongroomError as error:
        if wanted:
            raise
        click.echo(f"note: the store's values are not looked for: {error}", err=True)
        return None
    if not found:
        return None
    click.echo(f"looking for {len(found)} {'value' if len(found) == 1 else 'values'} of the store", err=True)
    return Known(found)


def _show(report: Report, format_: str, output: Path | None) -> None:
    from ..scan.report import write

    try:
        write(report, format_, output)
        sys.stdout.flush()
    except OSError as error:
        if output is None:
            raise
        raise ScanError(f"{output} cannot be written: {error.strerror}.") from None
    if format_ in ("table", "json"):  # which have no place for them
        _tell(report.notices)
    click.echo(report.summary(), err=True)


def _tell(notices: Iterable[Notice]) -> None:
    for notice in notices:
        click.echo(f"note: {notice}", err=True)


def _fails(found: list[Found], fail_on: str) -> bool:
    if fail_on == "known":
        return any(each.finding.secret for each in found)
    return bool(found) and fail_on == "any"
