"""Runs ``spec/vectors`` against the Python reader: prepares what a vector describes, and tells what happened."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import strongroom

VECTORS = Path(__file__).parent.parent / "spec" / "vectors"
NOBODY = 65534

Json = dict[str, Any]


def load() -> list[Json]:
    """Return every vector of every file."""
    return [vector for file in sorted(VECTORS.glob("*.json")) for vector in json.loads(file.read_text())["vectors"]]


def place(root: Path, files: dict[str, Json]) -> None:
    """Put a step's files where it wants them, replacing what is there."""
    for name, content in files.items():
        path = root / name
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir() and not content.get("directory"):
            shutil.rmtree(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if "link" in content:
            path.symlink_to(content["link"])
        elif "fifo" in content:
            os.mkfifo(path)
        elif "directory" in content:
            path.mkdir(exist_ok=True)
        elif "absent" not in content:
            path.write_bytes(_bytes(content))
    for name, content in sorted(files.items(), reverse=True):  # last and inside out: a directory may lose its rights
        if not {"link", "absent", "fifo"} & content.keys():
            (root / name).chmod(int(content.get("mode", "0755" if "directory" in content else "0444"), 8))


def _bytes(content: Json) -> bytes:
    if "base64" in content:
        return base64.b64decode(content["base64"])
    if "repeat" in content:
        return bytes(content["repeat"]["text"], "utf-8") * int(content["repeat"]["times"])
    return bytes(content["text"], "utf-8")


@contextmanager
def unprivileged(vector: Json) -> Iterator[None]:
    """Be nobody while a vector that needs permissions to hold is read by root; another user already is."""
    if vector.get("needs") != "permissions" or os.geteuid() != 0:
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def outcome(vector: Json) -> Json:
    """Call the reader as the vector says, and return the result in the words of an expectation."""
    name = vector["secret"]
    default = (vector["default"],) if "default" in vector else ()
    try:
        match vector["call"]:
            case "get_secret":
                text = strongroom.get_secret(name, *default)
                return {"null": True} if text is None else {"text": text}
            case "get_secret_bytes":
                return {"base64": base64.b64encode(strongroom.get_secret_bytes(name, *default)).decode()}
            case "get_valid_secrets":
                return {"texts": strongroom.get_valid_secrets(name)}
            case "validate_password":
                return {"valid": strongroom.validate_password(vector["provided"], name)}
    except strongroom.SecretNotFound as error:
        return {"error": "not_found", "message": str(error)}
    except strongroom.InvalidName as error:
        return {"error": "invalid_name", "message": str(error)}
    except strongroom.NotText as error:
        return {"error": "not_text", "message": str(error)}
    except strongroom.SecretUnreadable as error:
        return {"error": "unreadable", "message": str(error)}
    raise AssertionError(f"unknown call {vector['call']}")


def check(expected: Json, got: Json, root: Path) -> None:
    """Fail unless what happened is what was expected."""
    if "error" in expected:
        assert got.get("error") == expected["error"], got
        for mention in expected.get("mentions", ()):
            assert mention.replace("{root}", str(root)) in got["message"]
    elif "length" in expected:
        assert len(got["text"]) == expected["length"]
    else:
        assert got == expected
