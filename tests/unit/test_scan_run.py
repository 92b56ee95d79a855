"""A scan over its targets: counted, with each target's own rules and exceptions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from strongroom.model import Value
from strongroom.scan.detect.rules import RuleSet
from strongroom.scan.model import Finding, Notice, Piece, Place
from strongroom.scan.run import Count, Done, run
from strongroom.scan.targets.base import Target

CONFIG = '[[rules]]\nid = "own"\nregex = "needle"\nkeywords = ["needle"]\n'


class FakeTarget(Target):
    def __init__(self, name: str, files: dict[str, bytes]) -> None:
        super().__init__(name)
        self._reading.notice(name, "seen")
        self._files = files

    def pieces(self) -> Iterator[Piece]:
        for path, data in self._files.items():
            yield Piece(Place(path, commit="0123456789"), iter([data[:3], data[3:]]))

    def findings(self, scan: Callable[[Iterable[Piece]], Iterable[Finding]]) -> list[Finding]:
        return [each._replace(place=each.place._replace(shown="settled")) for each in super().findings(scan)]


class FakeScanner:
    """Finds 'needle', under the name of the first rule."""

    def __init__(self, rules: RuleSet) -> None:
        self.notices = [Notice("", "scanned")]
        self._rule = rules.rules[0].id if rules.rules else "none"

    def scan(self, pieces: Iterable[Piece]) -> Iterator[Finding]:
        for piece in pieces:
            data = b"".join(piece.chunks)
            for number, line in enumerate(data.splitlines(), 1):
                if b"needle" in line:
                    yield Finding(self._rule, "", piece.place, number, 1, Value(b"needle"))


def scanned(*targets: FakeTarget, config: Path | None = None) -> tuple[Done, Count]:
    count = Count()
    return run(targets, config, FakeScanner, count), count  # type: ignore[arg-type]


def test_all_is_counted_and_settled() -> None:
    done, count = scanned(FakeTarget("image x", {"a": b"hay\nneedle\n", "b": b"hay"}))
    assert (count.files, count.size) == (2, 14)
    assert [(each.target, each.finding.line, each.finding.place.shown) for each in done.found] == [
        ("image x", 2, "settled")
    ]
    assert [each.message for each in done.notices] == ["seen", "scanned"]


def test_each_directory_has_its_own_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "two/.gitleaks.toml").write_text(CONFIG)
    files = {"a": b"needle"}
    done, _ = scanned(FakeTarget("dir one", files), FakeTarget("context two", files), FakeTarget("image x", files))
    assert [each.finding.rule == "own" for each in done.found] == [False, True, False]
    (tmp_path / ".gitleaks.toml").write_text(CONFIG)
    done, _ = scanned(FakeTarget("image x", files), FakeTarget("dir one", files))
    assert [each.finding.rule == "own" for each in done.found] == [True, False]
    done, _ = scanned(FakeTarget("dir one", files), config=tmp_path / ".gitleaks.toml")
    assert done.found[0].finding.rule == "own"


def test_a_configuration_without_rules_is_told_of(tmp_path: Path) -> None:
    (tmp_path / ".gitleaks.toml").write_text("[allowlist]\npaths = ['tests/']\n")
    done, _ = scanned(FakeTarget(f"dir {tmp_path}", {}))
    assert any("useDefault" in each.message for each in done.notices)


@pytest.mark.parametrize(("line", "left"), [
    ("a:own:1", 0), ("0123456:a:own:1", 0), ("0123456789:a:own:1", 0), ("# a:own:1", 1), ("a:own:2", 1),
    ("1234567:a:own:1", 1),
])  # fmt: skip
def test_gitleaksignore_names_findings(tmp_path: Path, line: str, left: int) -> None:
    (tmp_path / ".gitleaks.toml").write_text(CONFIG)
    (tmp_path / ".gitleaksignore").write_text(f"\n  {line}\n")
    done, _ = scanned(FakeTarget(f"git {tmp_path}", {"a": b"needle"}))
    assert len(done.found) == left


def test_a_notice_about_a_whole_target_names_it() -> None:
    target = FakeTarget("archive a.tar", {})
    target.notices.append(Notice("", "names no image"))
    done, _ = scanned(target)
    assert "archive a.tar: names no image" in map(str, done.notices)


def test_a_pipe_is_no_gitleaksignore(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".gitleaksignore")
    assert len(scanned(FakeTarget(f"dir {tmp_path}", {"a": b"needle"}))[0].found) == 1


def test_paths_lead_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/x.py").touch()
    for name, path, expected in (
        ("dir src", "a/b.py", "src/a/b.py"), ("dir .", "a.py", "a.py"), ("dir src/x.py", "x.py", "src/x.py"),
        (f"dir {tmp_path}", "a.py", f"{tmp_path}/a.py"), ("image src", "a.py", "a.py"), ("git src", "a.py", "a.py"),
    ):  # fmt: skip
        done, _ = scanned(FakeTarget(name, {path: b"needle"}))
        assert done.found[0].finding.place.path == expected
