"""Scanning a directory of text, beside other scanners: time and memory on one processor."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from bench.measure import Row, Table, duration, ratio
from bench.peers import STRONGROOM, Command, Run, in_turns, pinned, program

# Programs and data as people have them: Python, JavaScript, JSON, notebooks, templates, translations.
_PACKAGES = (
    "botocore==1.34.100", "django==5.0.6", "jupyterlab==4.1.8", "kubernetes==29.0.0", "matplotlib==3.8.4",
    "networkx==3.3", "numpy==1.26.4", "pandas==2.2.2", "scikit-learn==1.4.2", "scipy==1.13.0", "streamlit==1.34.0",
    "sympy==1.12", "twilio==9.0.5",
)  # fmt: skip
_CACHE = Path.home() / ".cache/strongroom-bench"
_LEAST_BYTES = 200_000_000
_PART = ("networkx",)  # for what is slow
_ROUNDS = 3


def tables() -> list[Table]:
    corpus = _corpus()
    size = sum(file.stat().st_size for file in corpus.rglob("*") if file.is_file())
    title = f"Scanning a directory ({size / 1e6:.0f} MB of text, one processor)"
    if size < _LEAST_BYTES:
        return [Table(title, [Row("everything", "the packages it is made of could not be fetched whole")])]
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        commands = {name: command(corpus, directory / f"{name}.json") for name, command in _scanners().items()}
        runs = in_turns(commands, directory, _ROUNDS)
        rows = _speed(runs) + _memory(runs)
        if detect_secrets := _installed("detect-secrets"):
            rows += _on_a_part(corpus, detect_secrets, directory)
    return [Table(title, rows)]


def _scanners() -> dict[str, Command]:
    commands: dict[str, Command] = {
        "strongroom": lambda path, report: [STRONGROOM, "scan", "--no-known", "--format", "json", "-o", str(report),
                                            f"dir:{path}"]
    }  # fmt: skip
    if gitleaks := program("gitleaks"):
        commands["gitleaks"] = lambda path, report: [gitleaks, "dir", str(path), "--no-banner", "-r", str(report)]
    if betterleaks := program("betterleaks"):
        commands["betterleaks"] = lambda path, report: [betterleaks, str(path), "--no-banner", "-o", str(report)]
    if kingfisher := program("kingfisher"):
        commands["kingfisher"] = lambda path, report: [
            kingfisher, "scan", str(path), "--no-validate", "--no-update-check", "-j", "1", "--format", "json",
            "-o", str(report),
        ]  # fmt: skip
    return commands


def _speed(runs: dict[str, Run]) -> list[Row]:
    ours = runs["strongroom"].seconds
    peers = sorted((run.seconds, name) for name, run in runs.items() if name != "strongroom")
    return [
        ratio(f"strongroom scan : {name}", ours, seconds, None if index else 0.7)
        for index, (seconds, name) in enumerate(peers)
    ]


def _memory(runs: dict[str, Run]) -> list[Row]:
    ours = runs["strongroom"].megabytes
    rows = []
    for name, run in runs.items():
        if name != "strongroom":
            share, aim = ours / run.megabytes, name == "gitleaks"
            figure = f"{share:.2f} ({ours:.0f} MB : {run.megabytes:.0f} MB)"
            what = f"peak memory, strongroom : {name}"
            rows.append(Row(what, figure, "at most 1" if aim else "", share <= 1 if aim else None))
    return rows


def _on_a_part(corpus: Path, detect_secrets: str, directory: Path) -> list[Row]:
    ours = theirs = 0.0
    for package in _PART:
        ours += pinned(_scanners()["strongroom"](corpus / package, directory / "part.json"), directory).seconds
        theirs += pinned([detect_secrets, "-C", str(corpus / package), "scan", "--all-files"], directory).seconds
    return [Row("strongroom scan : detect-secrets, on 8 MB of it", f"{ours / theirs:.3f} ({duration(ours)} : "
                f"{duration(theirs)})")]  # fmt: skip


def _installed(name: str) -> str | None:
    path = Path(sys.executable).with_name(name)
    return str(path) if path.exists() else None


def _corpus() -> Path:
    """Return the text files of the packages, which are fetched once."""
    corpus = _CACHE / "corpus"
    if not corpus.exists():
        fetched, new = _CACHE / "packages", _CACHE / "corpus.new"
        for package in _PACKAGES:
            command = ("-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "-d", str(fetched))
            subprocess.run([sys.executable, *command, package], check=False, capture_output=True)
        for file in sorted(fetched.glob("*.whl")):
            _unpack(file, new / file.name.partition("-")[0].lower())
        new.mkdir(parents=True, exist_ok=True)
        new.rename(corpus)
    return corpus


def _unpack(wheel: Path, directory: Path) -> None:
    """Unpack the text files of a package; in a process of its own, since ours counts as its children's memory."""
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheel), str(directory)], check=True)
    for file in directory.rglob("*"):
        if file.is_file():
            with file.open("rb") as opened:
                head = opened.read(8192)
            if not head or b"\0" in head:
                file.unlink()
