"""How right scanners are on the labelled set that the tests build; ours is written by the same hands as the set."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.measure import Row, Table
from bench.scanners import Places, places, scanners
from labelled import Sample, samples
from strongroom.scan.detect.rules import load
from strongroom.scan.model import Piece, Place
from strongroom.scan.scanner import Scanner

_COUNT = 3000  # samples with a secret, and as many without


def tables() -> Sequence[Table]:
    built = samples(_COUNT)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "set"
        files = {_written(folder, index, sample): sample for index, sample in enumerate(built)}
        found = {"strongroom": _ours(files)}
        for peer, scanner in scanners().items():
            found[peer] = places(scanner, folder, Path(name) / "report.json")
    kinds = sorted({sample.kind for sample in built})
    rows = [_row(f"all: {name}", files, at, aim=name == "strongroom") for name, at in found.items()]
    for kind in kinds:
        those = {path: sample for path, sample in files.items() if sample.kind == kind}
        rows.append(Row(kind, ", ".join(f"{name} {_of_kind(those, at)}" for name, at in found.items())))
    return [Table(f"Finding secrets: {len(built)} files of a built set, half of them with one secret", rows)]


def _written(folder: Path, index: int, sample: Sample) -> str:
    path = folder / str(index) / sample.path
    path.parent.mkdir(parents=True)
    path.write_text(sample.text)
    return str(path.relative_to(folder))


def _ours(files: dict[str, Sample]) -> Places:
    pieces = (Piece(Place(path), iter([sample.text.encode()])) for path, sample in files.items())
    return {(finding.place.path, finding.line) for finding in Scanner(load()).scan(pieces)}


def _counts(files: dict[str, Sample], at: Places) -> tuple[int, int, int]:
    """Return how many secrets are found, how many places are wrong, and how many secrets there are."""
    right: set[str] = set()
    wrong = 0
    for path, line in at:
        if sample := files.get(path):
            first, last = _lines(sample)
            if first <= line <= last:
                right.add(path)
            else:
                wrong += 1
    return len(right), wrong, sum(bool(sample.secret) for sample in files.values())


def _lines(sample: Sample) -> tuple[int, int]:
    if not sample.secret:
        return 0, -1
    start = sample.text.index(sample.secret)
    first = sample.text.count("\n", 0, start) + 1
    return first, first + sample.secret.count("\n")


def _row(what: str, files: dict[str, Sample], at: Places, *, aim: bool) -> Row:
    found, wrong, all_ = _counts(files, at)
    precision, recall = found / max(found + wrong, 1), found / all_
    mean = 2 * precision * recall / max(precision + recall, 1e-9)
    figure = f"precision {precision:.2f}, recall {recall:.2f}, F1 {mean:.2f}"
    return Row(what, figure, "F1 over 0.9" if aim else "", mean > 0.9 if aim else None)


def _of_kind(files: dict[str, Sample], at: Places) -> str:
    found, wrong, all_ = _counts(files, at)
    return f"{found / all_:.2f}" if all_ else f"{wrong} wrong"
