"""What a scan sees: the project's files, the services' images where that was asked for, and build contexts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import StrongroomError
from .base import Outcome, Subject, Verdict

_FILES, _IMAGES, _CONTEXT = "no-hardcoded-value", "images-scanned", "context-ignored"
_LIBRARIES = ("hyperscan", "re2", "zstandard")
# So many findings are shown of each target; 'strongroom scan' shows them all.
_SHOWN = 5


class _Build(NamedTuple):
    service: str
    context: Path
    dockerfile: Path


def look(subject: Subject) -> Iterator[Verdict]:
    """Scan files and, if asked, images, by the built-in rules; list what a build context should not send."""
    builds = list(_builds(subject))
    targets = [f"compose:{path}" for path in subject.files]
    targets += [f"dockerfile:{path}" for path in dict.fromkeys(each.dockerfile for each in builds) if path.is_file()]
    yield from _scan(_FILES, targets, "no file of the project has a secret in it")
    images = list(dict.fromkeys(str(each["image"]) for _, each in subject.services() if each.get("image")))
    if images and subject.images:
        targets = [f"image:{image}" for image in images]
        yield from _scan(_IMAGES, targets, f"no secret is in the {len(images)} images")
    elif images:
        yield Verdict(_IMAGES, Outcome.UNKNOWN, "", "the images were not looked through", "strongroom check --images")
    yield from _contexts(builds)


def _builds(subject: Subject) -> Iterator[_Build]:
    folder = subject.project.path.parent
    for service, content in subject.services():
        build = content.get("build")
        if not build:
            continue
        given: Mapping[str, Any] = build if isinstance(build, Mapping) else {"context": build}
        context = folder / str(given.get("context") or ".")
        if context.is_dir():
            yield _Build(service, context, context / str(given.get("dockerfile") or "Dockerfile"))


def _scan(practice: str, names: Sequence[str], clean: str) -> Iterator[Verdict]:
    # The scanner imports them late: each when the first file needs it.
    if any(find_spec(library) is None for library in _LIBRARIES):
        seen = "scanning needs its extra"
        yield Verdict(practice, Outcome.UNKNOWN, "", seen, "pip install 'strongroom[scan]'")
        return
    from ..scan import run, targets
    from ..scan.scanner import Scanner

    scanner_of = cache(Scanner)  # one for all targets that have the same rules
    bad = False
    for name in names:
        shown = name.partition(":")[2] if practice == _IMAGES else Path(name.partition(":")[2]).name
        try:
            found = run.run([targets.find(name)], None, scanner_of, run.Count()).found
        except StrongroomError as error:
            bad = True
            yield Verdict(practice, Outcome.UNKNOWN, shown, str(error))
            continue
        for each in found[:_SHOWN]:
            place = each.finding.place
            line = f", line {each.finding.line}" if each.finding.line else ""
            yield Verdict(
                practice, Outcome.WARNING, shown, f"{each.finding.description} ({place.path}{line})",
                f"strongroom scan {name}",
            )  # fmt: skip
        bad = bad or bool(found)
    if not bad:
        yield Verdict(practice, Outcome.OK, "", clean)


def _contexts(builds: Sequence[_Build]) -> Iterator[Verdict]:
    from ..ignore import exposed

    clean = True
    for context in dict.fromkeys(each.context for each in builds):
        for each in exposed(context):
            if each.problem != "it is in the build context":
                continue
            clean = False
            yield Verdict(_CONTEXT, Outcome.WARNING, str(context), f"{each.path} is sent to the builder", each.fix)
    if clean:
        seen = "no file with a secret is sent to a builder" if builds else "no service is built here"
        yield Verdict(_CONTEXT, Outcome.OK, "", seen)
