"""Files that are replaced, and what is no file."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

from strongroom.files import replace


def test_a_file_is_replaced_with_its_final_mode(tmp_path: Path) -> None:
    path, link = tmp_path / "report", tmp_path / "link"
    path.write_bytes(b"old")
    link.symlink_to(path)
    before = path.stat().st_ino
    replace(link, b"new", 0o640)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o640)
    assert link.is_symlink()
    assert path.stat().st_ino != before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link", "report"]


def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=replace, args=(path, b"new"))
    writer.start()
    assert path.read_bytes() == b"new"
    writer.join()
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_descriptor_that_is_a_pipe_is_written_to() -> None:
    reader, writer = os.pipe()
    replace(Path(f"/dev/fd/{writer}"), b"new")
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        assert file.read() == b"new"
