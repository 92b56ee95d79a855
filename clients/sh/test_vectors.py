"""Runs every vector of spec/vectors with strongroom.sh, in the shells that are here, and shows each one's name.

Usage: python3 test_vectors.py [SCRIPT]. Needs nothing but Python's standard library and a POSIX shell.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
VECTORS = Path(os.environ.get("STRONGROOM_VECTORS") or HERE.parent.parent / "spec/vectors")
ERRORS = {3: "not_found", 4: "invalid_name", 5: "unreadable", 6: "not_text"}
NOBODY = 65534

Json = dict[str, Any]


def main(script: Path) -> int:
    all_vectors = [each for file in sorted(VECTORS.glob("*.json")) for each in json.loads(file.read_bytes())["vectors"]]
    shells = [shell for shell in (["dash"], ["busybox", "sh"], ["bash", "--posix"]) if shutil.which(shell[0])]
    failed = 0
    with tempfile.TemporaryDirectory() as directory:  # where any user can read it
        Path(directory).chmod(0o755)
        copy = Path(shutil.copy(script, directory))
        copy.chmod(0o644)
        for shell in shells or [["sh"]]:
            for vector in all_vectors:
                wrong = run(vector, shell, copy)
                failed += bool(wrong)
                print(
                    f"{'FAILED' if wrong else 'ok'}: {' '.join(shell)}: {vector['name']}{f': {wrong}' if wrong else ''}"
                )
    print(f"{len(all_vectors)} vectors in {len(shells or [1])} shells, {failed} failed")
    return int(failed > 0 or len(all_vectors) < 100)


def run(vector: Json, shell: list[str], script: Path) -> str:
    """Run a vector, and return what was wrong."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        (root / "secrets").mkdir(mode=0o755)
        environment = {"PATH": os.environ["PATH"], "SECRETS_DIR": f"{root}/secrets"}
        for step in [vector, *vector.get("then", ())]:
            place(root, step.get("files", {}))
            for variable, value in step.get("env", {}).items():
                environment.pop(variable, None)
                if value is not None:
                    environment[variable] = value.replace("{root}", name)
            wrong = check(step["expect"], outcome(vector, shell, script, environment), name)
            if wrong:
                return wrong
    return ""


def place(root: Path, files: dict[str, Json]) -> None:
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
            path.write_bytes(data_of(content))
    for name, content in files.items():  # last, since a directory without rights takes no files
        if not {"link", "absent", "fifo"} & content.keys():
            (root / name).chmod(int(content.get("mode", "0755" if "directory" in content else "0444"), 8))


def data_of(content: Json) -> bytes:
    if "base64" in content:
        return base64.b64decode(content["base64"])
    if "repeat" in content:
        return str(content["repeat"]["text"]).encode() * int(content["repeat"]["times"])
    return str(content["text"]).encode()


def outcome(vector: Json, shell: list[str], script: Path, environment: dict[str, str]) -> Json:
    """Call the function as the vector says, and return the result in the words of an expectation."""
    arguments: list[str | bytes] = [vector["secret"].encode("utf-8", "surrogatepass")]
    if b"\0" in arguments[0]:
        return {"error": "invalid_name", "message": "no shell can be given such a name"}
    if "default" in vector:
        arguments.append(vector["default"] or "")
    as_nobody = vector.get("needs") == "permissions" and os.geteuid() == 0
    somebody: Json = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if as_nobody else {}
    done = subprocess.run(
        [*shell, "-c", f'. "$0" && {vector["call"]} "$@"', script, *arguments], capture_output=True, env=environment,
        input=vector.get("provided", "").encode(), cwd="/", **somebody,
    )  # fmt: skip
    if done.returncode in ERRORS:
        return {"error": ERRORS[done.returncode], "message": done.stderr.decode(errors="replace")}
    if vector["call"] == "validate_password":
        return {"valid": done.returncode == 0}
    if done.returncode or done.stderr:
        return {"status": done.returncode, "message": done.stderr.decode(errors="replace")}
    if vector["call"] == "get_secret_bytes":
        return {"base64": base64.b64encode(done.stdout).decode()}
    if vector["call"] == "get_valid_secrets":
        return {"texts": done.stdout.decode().split("\0")[:-1]}
    if "default" in vector and vector["default"] is None and not done.stdout:
        return {"null": True}  # a shell has no null: the empty string stands for it
    return {"text": done.stdout.decode()}


def check(expected: Json, got: Json, root: str) -> str:
    if "error" in expected:
        if got.get("error") != expected["error"]:
            return f"expected {expected['error']}, got {str(got)[:300]}"
        absent = [each for each in expected.get("mentions", ()) if each.replace("{root}", root) not in got["message"]]
        return f"{absent} not in: {got['message']}" if absent else ""
    if "length" in expected:
        return "" if len(got.get("text", "")) == expected["length"] else f"{len(got.get('text', ''))} characters"
    return "" if got == expected else f"expected {str(expected)[:200]}, got {str(got)[:200]}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "strongroom.sh"))
