"""A value in every place where secrets have been found: each is told once, with its layer, in every form of archive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import images
import planted
from planted import Planted
from strongroom.model import Value
from strongroom.scan.detect.known import Known
from strongroom.scan.detect.rules import RuleSet, load
from strongroom.scan.model import Finding
from strongroom.scan.scanner import Scanner
from strongroom.scan.targets import find

FORMS: dict[str, Callable[[Planted, Path], Path]] = {
    "docker save": lambda p, path: images.write(path / "new.tar", images.new(p.image)),
    "docker save before 25": lambda p, path: images.write(path / "old.tar", images.old(p.image)),
    "docker save | gzip": lambda p, path: images.write(path / "new.tar.gz", images.new(p.image), images.gzipped),
    "OCI archive, gzip": lambda p, path: images.write(path / "oci.tar", images.oci([p.image], images.gzipped)),
    "OCI archive, zstd": lambda p, path: images.write(path / "zstd.tar", images.oci([p.image], images.zstd)),
}


@pytest.fixture(scope="module")
def with_tokens() -> Planted:
    return planted.plant()


@pytest.fixture(scope="module")
def with_words() -> Planted:
    return planted.plant(planted.word)


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load()


def scanned(path: Path, scanner: Scanner) -> list[Finding]:
    target = find(f"archive:{path}")
    found = target.findings(scanner.scan)
    assert target.notices == []
    return found


def check(image: Planted, found: list[Finding]) -> None:
    """Fail unless each value was found once, and where it is."""
    wrong = {}
    for name, value in image.values.items():
        spot = image.spots[name]
        places = [each.place for each in found if value.encode() in each.value.reveal()]
        told = [(p.path, p.layer.number if p.layer else None, p.shown) for p in places]
        expected = [(spot.path or (places[0].path if places else "?"), spot.layer, spot.shown)]
        if told != expected:
            wrong[name] = told
    assert wrong == {}


def test_there_are_enough_places(with_tokens: Planted) -> None:
    assert len(with_tokens.spots) >= 55


@pytest.mark.parametrize("form", FORMS)
def test_a_token_is_found_once_in_every_place(form: str, with_tokens: Planted, rules: RuleSet, tmp_path: Path) -> None:
    check(with_tokens, scanned(FORMS[form](with_tokens, tmp_path), Scanner(rules)))


@pytest.mark.parametrize("form", FORMS)
def test_a_value_of_a_store_is_found_once_in_every_place(form: str, with_words: Planted, tmp_path: Path) -> None:
    known = Known((name, 1, Value(value.encode())) for name, value in with_words.values.items())
    found = scanned(FORMS[form](with_words, tmp_path), Scanner(RuleSet((), ()), known))
    check(with_words, found)
    assert len(found) == len(with_words.values)
    assert {each.rule for each in found} == {"known-value"}
    assert all(with_words.values[each.secret].encode() in each.value.reveal() for each in found)
