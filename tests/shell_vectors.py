"""Runs ``spec/vectors`` with the shell helper, in the shells that are here, and shows each vector's name.

Usage: python tests/shell_vectors.py [SCRIPT].
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import vectors

SCRIPT = Path(__file__).parent.parent / "clients/sh/strongroom.sh"
ERRORS = {3: "not_found", 4: "invalid_name", 5: "unreadable", 6: "not_text"}


def main(script: Path) -> int:
    all_vectors = vectors.load()
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
                print(f"{' '.join(shell)}: {vector['name']}: {f'FAILED: {wrong}' if wrong else 'ok'}")
    print(f"{len(all_vectors)} vectors in {len(shells or [1])} shells, {failed} failed")
    return int(failed > 0 or len(all_vectors) < 100)


def run(vector: vectors.Json, shell: list[str], script: Path) -> str:
    """Run a vector, and return what was wrong."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        (root / "secrets").mkdir(mode=0o755)
        environment = {"PATH": os.environ["PATH"], "SECRETS_DIR": f"{root}/secrets"}
        for step in [vector, *vector.get("then", ())]:
            vectors.place(root, step.get("files", {}))
            for variable, value in step.get("env", {}).items():
                environment.pop(variable, None)
                if value is not None:
                    environment[variable] = value.replace("{root}", name)
            got = outcome(vector, shell, script, environment)
            try:
                vectors.check(step["expect"], got, root)
            except (AssertionError, KeyError):
                return f"expected {str(step['expect'])[:300]}, got {str(got)[:300]}"
    return ""


def outcome(vector: vectors.Json, shell: list[str], script: Path, environment: dict[str, str]) -> vectors.Json:
    """Call the function as the vector says, and return the result in the words of an expectation."""
    arguments: list[str | bytes] = [vector["secret"].encode("utf-8", "surrogatepass")]
    if b"\0" in arguments[0]:
        return {"error": "invalid_name", "message": "no shell can be given such a name"}
    if "default" in vector:
        arguments.append(vector["default"] or "")
    as_nobody = vector.get("needs") == "permissions" and os.geteuid() == 0
    somebody: vectors.Json = {"user": vectors.NOBODY, "group": vectors.NOBODY, "extra_groups": []} if as_nobody else {}
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


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else SCRIPT))
