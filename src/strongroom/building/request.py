"""What the arguments of ``docker build`` ask for, as far as it is strongroom's business."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import DeclarationError
from .secrets import SecretOption

# Options of docker build whose value is the next argument, so that none is taken for another option.
_VALUED = frozenset({
    "add-host", "allow", "annotation", "attest", "build-arg", "build-context", "builder", "cache-from", "cache-to",
    "call", "cgroup-parent", "cpu-period", "cpu-quota", "cpu-shares", "cpuset-cpus", "cpuset-mems", "file", "iidfile",
    "isolation", "label", "memory", "memory-swap", "metadata-file", "network", "no-cache-filter", "output", "platform",
    "policy", "progress", "provenance", "sbom", "secret", "security-opt", "shm-size", "ssh", "tag", "target", "ulimit",
})  # fmt: skip
_SHORT = {"f": "file", "t": "tag", "o": "output", "m": "memory", "c": "cpu-shares", "q": "quiet", "D": "debug"}
_OURS = ("secret", "tag", "output", "iidfile", "push")


class Request(NamedTuple):
    """What a command line asks for; ``arguments`` is what Docker gets as it was typed."""

    arguments: tuple[str, ...]
    secrets: tuple[SecretOption, ...] = ()
    tags: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    iidfile: str = ""
    push: bool = False

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Request:
        """Read the arguments of ``docker build``.

        Raises:
            DeclarationError: a secret or an output cannot be understood.
        """
        kept, ours = _split(arguments)
        outputs = tuple(value for name, value in ours if name == "output")
        for output in outputs:
            _check_output(output)
        return cls(
            tuple(kept),
            tuple(SecretOption.parse(value) for name, value in ours if name == "secret"),
            tuple(value for name, value in ours if name == "tag"),
            outputs,
            next((value for name, value in reversed(ours) if name == "iidfile"), ""),
            next((value != "false" for name, value in reversed(ours) if name == "push"), False),
        )

    def exports(self) -> list[str]:
        """Return the targets of a scan for what goes to files instead of the Engine."""
        return [target for target in map(_exported, self.outputs) if target]


def _split(arguments: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the arguments that are passed on, and our own options with their values."""
    kept: list[str] = []
    ours: list[tuple[str, str]] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            kept += [word, *rest]
            break
        for name, value, typed in _options(word, rest):
            if name in _OURS:
                ours.append((name, value))
            else:
                kept += typed
    return kept, ours


def _options(word: str, rest: list[str]) -> list[tuple[str, str, list[str]]]:
    """Return the options in one word: name, value and how it was typed. Takes a value from ``rest`` where it is one."""
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        if not equals and name in _VALUED and rest:
            value = rest.pop(0)
            return [(name, value, [word, value])]
        return [(name, value, [word])]
    if not word.startswith("-") or word == "-":
        return [("", "", [word])]
    found: list[tuple[str, str, list[str]]] = []
    for index, letter in enumerate(word[1:], 2):
        name = _SHORT.get(letter, "")
        if name in _VALUED:
            value = word[index:].removeprefix("=") or (rest.pop(0) if rest else "")
            return [*found, (name, value, [f"-{letter}", value])]
        found.append((name, "", [f"-{letter}"]))
    return found


def _fields(output: str) -> dict[str, str]:
    if "=" not in output:
        return {"type": "tar" if output == "-" else "local", "dest": output}
    return dict(field.partition("=")[::2] for field in next(csv.reader([output])))


def _check_output(output: str) -> None:
    fields = _fields(output)
    if fields.get("type") == "registry" or fields.get("push", "false") != "false":
        raise DeclarationError(
            f"--output {output} would push the image before anybody looked through it. "
            "Give --push: strongroom pushes the image after that."
        )
    if fields.get("dest") == "-" or (fields.get("type") in ("tar", "oci") and "dest" not in fields):
        raise DeclarationError(f"--output {output} cannot be looked through. Give it a file: dest=FILE.")


def _exported(output: str) -> str:
    fields = _fields(output)
    dest = fields.get("dest", "")
    if not dest:
        return ""
    kinds = {"docker": "archive", "oci": "oci"}
    return f"{kinds.get(fields.get('type', ''), 'dir')}:{dest}"
