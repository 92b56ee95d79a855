"""Scanning an archive of an image, beside other scanners: time, memory, and the places that each of them looks at."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import images
import planted
from bench.measure import Row, Table, duration, ratio
from bench.peers import Run, in_turns, on_archives, pinned
from engines import SCRIPT

CACHE = Path.home() / ".cache/strongroom-bench"
_PACKAGES = (
    ("django", "babel", "yaml", "rich", "pygments"),
    ("botocore", "boto3", "google", "grpc", "azure", "zstandard"),
    ("cryptography", "psycopg", "psycopg_binary.libs", "redis", "pydantic", "pydantic_core", "requests", "urllib3"),
)
_LARGE_BYTES = 5_000_000_000
_FILES, _FILE_BYTES = 20_000, 12_000
_ROUNDS = 3


def tables() -> list[Table]:
    CACHE.mkdir(parents=True, exist_ok=True)
    archive, large = CACHE / "image.tar", CACHE / "image-large.tar"
    if not (archive.exists() and large.exists()):
        layers = _image()
        _write(archive, layers)
        _write(large, _large(layers))
    with tempfile.TemporaryDirectory() as directory:
        pinned(["cat", str(archive)], Path(directory))  # into the page cache
        pinned(
            on_archives()["strongroom"](archive, Path(directory, "first.json")), Path(directory)
        )  # compiles its rules
        runs = in_turns(
            {name: command(archive, Path(directory, f"{name}.json")) for name, command in on_archives().items()},
            Path(directory), _ROUNDS,
        )  # fmt: skip
        if silent := [name for name in runs if not Path(directory, f"{name}.json").exists()]:
            sys.exit(f"bench: {', '.join(silent)} wrote no report")
        most = pinned(on_archives()["strongroom"](large, Path(directory, "large.json")), Path(directory))
        return [_speed(archive, large, runs, most), _places(Path(directory))]


def _speed(archive: Path, large: Path, runs: dict[str, Run], most: Run) -> Table:
    ours = runs.pop("strongroom")
    peers = sorted(runs, key=lambda name: runs[name].seconds)
    rows = [
        ratio(f"strongroom scan : {name}", ours.seconds, runs[name].seconds, 0.3 if name == peers[0] else None)
        for name in peers
    ]
    rows += [
        _memory(f"peak memory, strongroom : {name}", ours, runs[name], 1 if name == "gitleaks" else None)
        for name in peers
    ]
    size = large.stat().st_size / 1e9
    rows.append(_memory(f"peak memory, an archive of {size:.1f} GB : this one", most, ours, 1))
    rows.append(Row(f"time for the archive of {size:.1f} GB", duration(most.seconds)))
    size = archive.stat().st_size / 1e6
    return Table(f"Scanning an image as docker save wrote it before 25 ({size:.0f} MB, one processor)", rows)


def _memory(what: str, ours: Run, theirs: Run, aim: float | None) -> Row:
    share = ours.megabytes / theirs.megabytes
    figure = f"{share:.2f} ({ours.megabytes:.0f} MB : {theirs.megabytes:.0f} MB)"
    holds = round(ours.megabytes) <= aim * round(theirs.megabytes) if aim else None  # a page more or less is chance
    return Row(what, figure, f"at most {aim:g}" if aim else "", holds)


def _places(directory: Path) -> Table:
    """Say how many of the planted tokens each scanner finds, and which only we do."""
    image = planted.plant()
    forms = {"before 25": images.old(image.image), "since 25": images.new(image.image)}
    found: dict[tuple[str, str], set[str]] = {}
    for form, files in forms.items():
        archive = images.write(directory / "planted.tar", files)
        for name, command in on_archives().items():
            report = directory / f"{name}.json"
            report.unlink(missing_ok=True)
            pinned(command(archive, report), directory)
            text = report.read_text(errors="replace") if report.exists() else ""
            found[name, form] = {place for place, value in image.values.items() if value in text}
    total = len(image.values)
    rows = [
        Row(f"{name}, saved by Docker {form}", f"{len(places)} of {total}", f"{total}" if name == "strongroom" else "",
            len(places) == total if name == "strongroom" else None)
        for (name, form), places in found.items()
    ]  # fmt: skip
    by_others = set().union(*(places for (name, _), places in found.items() if name != "strongroom"))
    only = sorted(set(image.values) - by_others)
    rows.append(Row("no peer looked at", ", ".join(only) or "nothing"))
    return Table("Tokens planted in an image, one in each place", rows)


def _write(path: Path, layers: Sequence[Path]) -> None:
    """Write an archive as docker save did before 25."""
    files = [f"{number:064x}/layer.tar" for number in range(len(layers))]
    made = [{"created_by": f"RUN make layer {number}"} for number in range(len(layers))]
    digests = {layer: f"sha256:{_digest(layer)}" for layer in set(layers)}
    rootfs = {"type": "layers", "diff_ids": [digests[layer] for layer in layers]}
    about = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/bin"]},
        "history": made,
        "rootfs": rootfs,
    }
    config = f"{'c' * 64}.json"
    manifest = json.dumps([{"Config": config, "RepoTags": ["bench:1"], "Layers": files}]).encode()
    new = path.with_suffix(".new")
    with tarfile.open(new, "w") as archive:
        small = {config: json.dumps(about).encode(), "manifest.json": manifest, "repositories": b"{}"}
        for file, layer in zip(files, layers, strict=True):
            archive.add(layer, file)
            small |= {file.replace("layer.tar", "VERSION"): b"1.0", file.replace("layer.tar", "json"): b'{"id": "x"}'}
        for name, data in small.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    new.rename(path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _image() -> list[Path]:
    """Return the layers of an image: a Debian with Python, and packages that applications are made of."""
    done = subprocess.run([SCRIPT, "debian"], check=False, capture_output=True, text=True)
    site = Path(sysconfig.get_path("purelib"))
    layers = [Path(done.stdout.strip())] if done.returncode == 0 else []
    for number, packages in enumerate(_PACKAGES):
        layer = CACHE / f"packages-{number}.tar"
        with tarfile.open(layer, "w", format=tarfile.GNU_FORMAT) as archive:
            for package in packages:
                if (site / package).exists():
                    archive.add(site / package, f"usr/lib/python3/dist-packages/{package}")
        layers.append(layer)
    return layers


def _large(image: list[Path]) -> list[Path]:
    """Return the layers of a much larger image, with twenty times the files: nothing more is to be found in it."""
    filler = CACHE / "filler.tar"
    text = Path(argparse.__file__).read_bytes()
    with tarfile.open(filler, "w", format=tarfile.GNU_FORMAT) as archive:
        for number in range(_FILES):
            info = tarfile.TarInfo(f"usr/share/filler/{number // 100}/{number}.py")
            data = b"# %d\n" % number + text[number % 1000 :][:_FILE_BYTES]
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return [*image, *[filler] * (_LARGE_BYTES // filler.stat().st_size)]
