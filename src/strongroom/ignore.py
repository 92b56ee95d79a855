"""Ignore files: what keeps secrets out of build contexts and repositories."""

from __future__ import annotations

from pathlib import Path


def add_line(path: Path, line: str) -> bool:
    """Make sure that an ignore file has a line; return whether it had to be added (or the file made)."""
    text = path.read_text() if path.exists() else ""
    if line in (each.strip() for each in text.splitlines()):
        return False
    with path.open("a") as file:
        file.write(f"{'' if not text or text.endswith(chr(10)) else chr(10)}{line}\n")
    return True
