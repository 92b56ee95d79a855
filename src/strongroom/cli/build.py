"""``strongroom build``: docker build, with secrets that do not stay in the image."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from ..errors import BuildFailed, DeclarationError, InvalidReference, SecretNotFound
from ..model import Name, Stage, Value
from .state import State

if TYPE_CHECKING:
    from ..building.request import Request
    from ..building.secrets import SecretOption
    from ..scan.report import Found

_MASK = b"*****"
# How BuildKit goes on in the next row, in faint letters (util/progress/progressui/display.go).
_NEXT_ROW = re.compile(rb"(\r?\n(?:\x1b\[[\d;]*m)*(?: => => # )?)")


@click.command(
    short_help="Run docker build with secrets of the store",
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[DOCKER BUILD ARGUMENTS]...")
@click.pass_context
def build(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Run docker build with secrets of the store, and look through the image for them before it gets a name.

    All arguments are those of docker build. A --secret that is an id alone is the secret of that name in the store, and
    from=REFERENCE names one in any store; src= and env= mean what they do to Docker. The values are handed over in
    memory. If one of them, however encoded, is in a layer, the configuration or the history of the image, the exit
    status is 1, the image gets no name, and --push pushes nothing. What the build prints is shown without them.

    \b
    Examples:
      strongroom build --secret id=npm_token -t shop:1 .
      strongroom build --secret id=npm_token,from=vault://secret/ci#npm --push -t registry.example.com/shop:1 .
      strongroom build --secret id=netrc,src=$HOME/.netrc --secret id=TOKEN,env=TOKEN -t shop:1 .
    """
    from ..building import build as builds
    from ..building.request import Request

    try:
        request = Request.parse(arguments)
    except DeclarationError as error:
        raise click.UsageError(str(error)) from None
    request, ours, values = _values(context.obj, request)
    scanner = builds.scanner(values) if values else None  # before the build: it may lack its libraries
    hide = _Hide(values)
    shown = hide.rows if sys.stderr.isatty() else hide.line
    status, image = builds.build(request, ours, shown if values else None)
    for name in sorted(hide.found):
        click.echo(f"warning: the build printed the value of {name}. It is masked above, and not in the builder's "
                   "own log", err=True)  # fmt: skip
    if status:
        context.exit(status)
    targets = request.exports()
    if not targets and not (image and builds.present(image)):
        raise BuildFailed("the image is not on this Engine, so that nobody could look through it. Give --load.")
    found, notices = builds.look(targets or [f"image:{image}"], scanner) if scanner else ([], [])
    for notice in notices:
        click.echo(f"note: {notice.path}: {notice.message}", err=True)
    if found:
        _refuse(request, image, found)
        context.exit(1)
    builds.publish(request, image)
    what = ", ".join(request.tags or targets) or image
    names = ", ".join(name for name in values if name not in {notice.path for notice in notices})
    click.echo(f"{what}: no trace of {names}" if names else f"{what}: no secret to look for", err=True)


class _Hide:
    """Takes values out of what a build prints, and remembers which there were."""

    def __init__(self, values: dict[str, Value]) -> None:
        from ..scan.report import masking

        self._forms = [(form.encode(errors="surrogateescape"), name)
                       for name, value in values.items() for form in masking.forms(value)]  # fmt: skip
        self.found: set[str] = set()

    def line(self, text: bytes) -> bytes:
        """Return a line without them."""
        return self._masked(text, lambda _: _MASK)

    def rows(self, text: bytes) -> bytes:
        """Return what is drawn on a terminal without them, and as wide as before; some go on in the next row."""
        pieces = _NEXT_ROW.split(text)
        content = memoryview(self._masked(b"".join(pieces[::2]), lambda form: _MASK[: len(form)].ljust(len(form))))
        for index in range(0, len(pieces), 2):
            length = len(pieces[index])
            pieces[index], content = bytes(content[:length]), content[length:]
        return b"".join(pieces)

    def _masked(self, text: bytes, mask: Callable[[bytes], bytes]) -> bytes:
        for form, name in self._forms:
            if form in text:
                self.found.add(name)
                text = text.replace(form, mask(form))
        return text


def _values(state: State, request: Request) -> tuple[Request, dict[str, Value], dict[str, Value]]:
    """Return the request with each secret's place, the values that we hand over, and all values to look for."""
    from ..building.secrets import given, resolve

    store = state.open_store_if_any() if any(each.alone for each in request.secrets) else None
    names = {secret.name for secret in store.list()} if store else frozenset()
    options = [resolve(option, option.id in names) for option in request.secrets]
    stored = [each.id for each in options if each.alone]
    for name in stored:
        if name not in names:
            place = f"not in {store.place}" if store else "there is no store"
            advice = f"Create it: strongroom secret create {name} -"
            raise SecretNotFound(name, (place, f"no variable {name}", f"no file {name}"), advice)
    read = store.read_many([(Name(name), Stage.CURRENT) for name in stored]) if store and stored else []
    ours = dict(zip(stored, read, strict=True))
    ours |= _of_references(state, [each for each in options if each.reference])
    others = {each.id: value for each in options if each.id not in ours and (value := given(each))}
    return request._replace(secrets=tuple(options)), ours, ours | others


def _of_references(state: State, options: list[SecretOption]) -> dict[str, Value]:
    if not options:
        return {}
    from ..references import Reference
    from ..stores.registry import read_references

    try:
        references = [Reference.parse(each.reference) for each in options]
    except InvalidReference as error:
        raise click.BadParameter(str(error), param_hint="--secret") from None
    fetched = read_references(references, state.limit)
    return {option.id: each.value for option, each in zip(options, fetched, strict=True)}


def _refuse(request: Request, image: str, found: list[Found]) -> None:
    from ..scan.report import Report, prepare, table

    items = prepare(found, {}, leaked=False)
    table.show(Report(items, sorted({each.target for each in found})), sys.stderr)
    names = ", ".join(sorted({each.finding.secret for each in found}))
    what = " and ".join(request.exports()) or f"the image {image[:19]}"
    click.echo(f"strongroom: {what} holds the value of {names}", err=True)
    if request.exports():
        click.echo(f"Remove it: rm -r {' '.join(target.partition(':')[2] for target in request.exports())}", err=True)
    else:
        tags = f"{', '.join(request.tags)} is what it was before. " if request.tags else ""
        click.echo(f"{tags}Remove the image and the builder's cache of it: docker rmi {image[:19]}; "
                   "docker builder prune", err=True)  # fmt: skip
