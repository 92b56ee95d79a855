"""How many secrets of a labelled set the scanner finds, and how much else it takes for one."""

from __future__ import annotations

from collections import Counter

from labelled import Sample, samples
from strongroom.scan.detect.rules import load
from strongroom.scan.model import Piece, Place
from strongroom.scan.scanner import Scanner

SAMPLES = samples(600)


def test_accuracy() -> None:
    scanner = Scanner(load())
    missed: Counter[str] = Counter()
    false: Counter[str] = Counter()
    for sample in SAMPLES:
        right, wrong = judged(scanner, sample)
        missed[sample.kind] += bool(sample.secret) and not right
        false[sample.kind] += wrong
    positives = sum(bool(sample.secret) for sample in SAMPLES)
    found = positives - missed.total()
    assert found / positives > 0.95, +missed
    assert found / (found + false.total()) > 0.95, +false


def judged(scanner: Scanner, sample: Sample) -> tuple[bool, int]:
    """Return whether a sample's secret is found, and how many findings are none."""
    findings = list(scanner.scan([Piece(Place(sample.path), iter([sample.text.encode()]))]))
    texts = [finding.value.reveal().decode() for finding in findings]
    right = [text for text in texts if sample.secret and (sample.secret in text or text in sample.secret)]
    return bool(right), len(texts) - len(right)
