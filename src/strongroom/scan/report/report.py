"""What all reports show: findings with nothing left in them that must not be seen."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Self

from ..model import Finding, Notice
from . import masking
from .advice import fix


class Found(NamedTuple):
    """A finding, and the target that it is in, as ``image shop:1``."""

    target: str
    finding: Finding


class Item(NamedTuple):
    """A finding as it is shown. All is safe to show, and free of control characters; ``value`` is masked, or asked for.

    ``layer`` counts from 0, the base; it is None where there is none. ``key`` stays the same when lines move, and tells
    nothing of the value.
    """

    target: str
    rule: str
    description: str
    path: str
    line: int
    column: int
    value: str
    secret: str
    encoding: tuple[str, ...]
    layer: int | None
    layer_digest: str
    instruction: str
    platform: str
    commit: str
    shown: str
    excerpt: str
    fix: str
    key: str

    @property
    def place(self) -> str:
        """The path, with the line if there is one."""
        return f"{self.path}:{self.line}" if self.line else self.path

    @property
    def origin(self) -> str:
        """Which layer or commit it is in, and whether it still shows; empty where the place says it all."""
        parts = []
        if self.layer is not None:
            parts.append(f"layer {self.layer} ({self.instruction or self.layer_digest[:19]})")
        if self.platform:
            parts.append(self.platform)
        if self.commit:
            parts.append(f"commit {self.commit[:12]}")
        if self.shown:
            parts.append(self.shown)
        return ", ".join(parts)

    @property
    def whole(self) -> bool:
        """Whether the target is the very file that the path names, so that it need not be said again."""
        return self.target.partition(" ")[2] == self.path

    @property
    def why(self) -> str:
        """What it is, and how it was hidden."""
        hidden = f", as {' in '.join(reversed(self.encoding))}" if self.encoding else ""
        return f"{self.description}{hidden}"


class Report(NamedTuple):
    """A whole scan: ``files`` looked at, ``size`` in bytes; ``baseline`` counts the findings that it left out."""

    items: Sequence[Item]
    targets: Sequence[str]
    notices: Sequence[Notice] = ()
    files: int = 0
    size: int = 0
    seconds: float = 0.0
    baseline: int = 0

    @classmethod
    def of(
        cls, items: Sequence[Item], targets: Iterable[str], notices: Iterable[Notice], *,
        files: int, size: int, seconds: float, baseline: int = 0,
    ) -> Self:  # fmt: skip
        """Return a report that is safe to show: targets and notices have files' names in them, which may be anything.

        Its targets are called as its items call them.
        """
        clean = masking.printable
        said = [Notice(clean(each.path), clean(each.message)) for each in notices]
        return cls(items, list(map(clean, targets)), said, files, size, seconds, baseline)

    def summary(self) -> str:
        """Return one line for people."""
        count = len(self.items)
        found = f"{count} finding{'' if count == 1 else 's'}" if count else "nothing found"
        known = f" ({self.baseline} more in the baseline)" if self.baseline else ""
        files = f"{self.files:,} file{'' if self.files == 1 else 's'}"
        return f"{found}{known} in {files}, {self.size / 1_000_000:.1f} MB, {self.seconds:.1f} s"


def prepare(
    found: Sequence[Found], fixes: Mapping[str, str], *, beside: Sequence[Found] = (), show_values: bool = False,
    leaked: bool = True,
) -> list[Item]:  # fmt: skip
    """Return findings as they are shown. ``fixes`` are the rules' own words: rule's id → what to do.

    ``beside`` are findings that are not shown, and whose values must not be seen either. ``leaked`` says that others
    may have seen the values.
    """
    hidden = _Hidden([*found, *beside])

    def item(each: Found) -> Item:
        kind, finding = each.target.partition(" ")[0], each.finding
        return _item(each, hidden, fix(finding, kind, fixes.get(finding.rule, ""), leaked=leaked), show_values)

    items = [item(each) for each in found]
    return sorted(items, key=_order)


def _order(item: Item) -> tuple[object, ...]:
    return item.target, -1 if item.layer is None else item.layer, item.path, item.line, item.column, item.rule


class _Hidden:
    """Masks values not only where they were found.

    The instruction that wrote a value, the name of a file and the line of another finding may contain it too.
    """

    def __init__(self, found: Sequence[Found]) -> None:
        self._forms: dict[bytes, list[tuple[str, str]]] = {}
        self._near: dict[tuple[str, str, int], set[bytes]] = defaultdict(set)
        self._instructions: dict[str, str] = {}
        for target, finding in found:
            data = finding.value.reveal()
            if _is_path(finding, data):
                continue
            if data not in self._forms:
                shown = masking.mask(finding.value)
                self._forms[data] = [(form, shown) for form in masking.forms(finding.value)]
            self._near[target, finding.place.path, finding.line].add(data)

    def near(self, each: Found, text: str) -> str:
        """Return a text without the values that were found on the line of a finding."""
        return _without(text, self._near[each.target, each.finding.place.path, each.finding.line], self._forms)

    def instruction(self, text: str) -> str:
        """Return an instruction without any value that was found."""
        if text not in self._instructions:
            self._instructions[text] = _without(text, self._forms, self._forms)
        return self._instructions[text]


def _is_path(finding: Finding, data: bytes) -> bool:
    """Tell whether a path is all that was found: it is no value, and has to be seen."""
    return not finding.line and f"/{finding.place.path}".encode(errors="surrogateescape").endswith(b"/" + data)


def _without(text: str, values: Iterable[bytes], forms: Mapping[bytes, list[tuple[str, str]]]) -> str:
    pairs = (pair for data in values for pair in forms[data] if pair[0] in text)
    return masking.hide(text, sorted(pairs, key=lambda pair: len(pair[0]), reverse=True))


def _item(each: Found, hidden: _Hidden, advice: str, show_values: bool) -> Item:
    target, finding = each
    place, layer, clean = finding.place, finding.place.layer, masking.printable
    masked = clean(hidden.near(each, finding.excerpt))
    path = clean(place.path if show_values else hidden.near(each, place.path))
    instruction = layer.instruction if layer else ""
    mask = "*****" if finding.secret else masking.mask(finding.value)
    key = "\0".join((finding.rule, finding.secret, path, mask, masked))
    return Item(
        target=clean(target), rule=finding.rule, description=clean(finding.description), path=path, line=finding.line,
        column=finding.column, value=clean(masking.plain(finding.value)) if show_values else mask,
        secret=clean(finding.secret), encoding=tuple(map(clean, finding.encoding)),
        layer=layer.number if layer else None, layer_digest=clean(layer.digest) if layer else "",
        instruction=clean(instruction if show_values else hidden.instruction(instruction)),
        platform=clean(place.platform), commit=clean(place.commit), shown=clean(place.shown),
        excerpt=clean(finding.excerpt) if show_values else masked,
        fix=clean(advice),
        key=hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:32],
    )  # fmt: skip
