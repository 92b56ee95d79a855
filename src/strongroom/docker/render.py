"""Rendering a project by Docker's own commands, and mending what each of them cannot say.

``docker stack config`` refuses two things that the Compose specification allows: secrets from ``environment``, and
modes as text. They are replaced in the text of the file before it is rendered, so that all else stays as it was
written. Older releases of Compose read a mode that is text as a decimal number; there the files themselves say which
it was.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..compose import FILE_NAMES, parse_mode
from ..errors import DeclarationError
from . import cli

if TYPE_CHECKING:
    from yaml import Node

_ENVIRONMENT = "strongroom-environment:"
# What Compose adds to its default file without being told.
_OVERRIDES = ("compose.override.yaml", "compose.override.yml", "docker-compose.override.yml",
              "docker-compose.override.yaml")  # fmt: skip


def compose(options: Sequence[str], files: Sequence[Path]) -> dict[str, Any]:
    """Return a Compose project as ``docker compose config`` renders it, with each mode as a number.

    ``options`` are those of ``docker compose`` itself; ``files`` are the files that they name.

    Raises:
        EngineError: Compose refuses the project.
    """
    rendered = cli.compose_config(options)
    granted = [
        grant
        for service in rendered.get("services", {}).values()
        for grant in service.get("secrets") or []
        if grant.get("mode") is not None
    ]
    if any(isinstance(grant["mode"], int) for grant in granted):
        texts = {(source, int(text)): text for source, text in _text_modes(files) if text.isdecimal()}
        for grant in granted:
            grant["mode"] = texts.get((grant["source"], grant["mode"]), grant["mode"])
    return rendered


def stack(files: Sequence[Path | None]) -> dict[str, Any]:
    """Return a stack as ``docker stack config`` renders it; None in ``files`` is standard input.

    Every text has its dollar signs doubled, as a file has them: ``docker stack deploy`` fills in variables once more.

    Raises:
        DeclarationError: a file cannot be read, or is no YAML.
        EngineError: Docker refuses the stack.
    """
    import yaml

    contents = [_for_stack(_read(path), path) for path in files]
    # Paths in a stack are relative to its first file, which Docker therefore takes to be in its working directory.
    folder = (files[0].parent if files and files[0] else Path()).resolve()
    first, *others = contents
    descriptors = [_in_memory(content) for content in others]
    arguments = ["stack", "config", "--compose-file", "-"]
    for descriptor in descriptors:
        arguments += ["--compose-file", f"/proc/self/fd/{descriptor}"]
    try:
        what = f"docker stack cannot read {', '.join(str(path or 'standard input') for path in files)}"
        text, _ = cli.run(arguments, what, given=first, cwd=folder, descriptors=descriptors)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    rendered = _doubled(yaml.safe_load(text))
    assert isinstance(rendered, dict)  # noqa: S101 - for the type checker
    for secret in (rendered.get("secrets") or {}).values():
        _, marker, variable = str(secret.get("file", "")).partition(_ENVIRONMENT)
        if marker:
            del secret["file"]
            secret["environment"] = variable
    return rendered


def project_files(options_files: Sequence[str], directory: str | None) -> Sequence[Path]:
    """Return the files that a Compose project is read from: those named, or those Compose finds."""
    named = options_files or [name for name in os.environ.get("COMPOSE_FILE", "").split(os.pathsep) if name]
    if named:
        return [Path(name) for name in named if name != "-"]
    start = Path(directory or ".").resolve()
    for folder in (start, *start.parents):
        if any((folder / name).is_file() for name in FILE_NAMES):
            return [folder / name for name in (*FILE_NAMES, *_OVERRIDES) if (folder / name).is_file()]
    return []


def in_memory(data: bytes) -> str:
    """Return a path at which this process and those that it starts find ``data``, which is in memory alone."""
    return f"/proc/self/fd/{_in_memory(data)}"


def _in_memory(data: bytes) -> int:
    descriptor = os.memfd_create("compose.yaml", 0)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(data)
    os.set_inheritable(descriptor, True)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _read(path: Path | None) -> bytes:
    import sys

    try:
        return sys.stdin.buffer.read() if path is None else path.read_bytes()
    except OSError as error:
        raise DeclarationError(f"{path} cannot be read: {error.strerror}.") from None


def _for_stack(content: bytes, path: Path | None) -> bytes:
    """Replace in a file's text what ``docker stack`` refuses."""
    text = content.decode(errors="replace")
    edits = {}
    root = _parse(text, path)
    for _, secret in _pairs(_child(root, "secrets")):
        for key, value in _entries(secret):
            if key.value == "environment":
                variable = text[value.start_mark.index : value.end_mark.index].strip("'\"")
                edits[key.start_mark.index] = (value.end_mark.index, f'file: "{_ENVIRONMENT}{variable}"')
    for _, value in _modes(root):
        with suppress(ValueError):
            edits[value.start_mark.index] = (value.end_mark.index, str(parse_mode(value.value)))
    for start, (end, replacement) in sorted(edits.items(), reverse=True):
        text = text[:start] + replacement + text[end:]
    return text.encode()


def _text_modes(files: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Yield source and mode of each grant whose mode is written as text, in these files and those they include."""
    seen, todo = set(), list(files)
    while todo:
        path = todo.pop().resolve()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        root = _parse(path.read_text(errors="replace"), path)
        for source, value in _modes(root):
            yield source, value.value
        for _, service in _pairs(_child(root, "services")):
            extended = _child(_child(service, "extends"), "file")
            if extended is not None and isinstance(extended.value, str):
                todo.append(path.parent / extended.value)
        for each in getattr(_child(root, "include"), "value", None) or []:
            paths = _child(each, "path") or each
            for one in paths.value if isinstance(paths.value, list) else [paths]:
                if isinstance(getattr(one, "value", None), str):
                    todo.append(path.parent / one.value)


def _parse(text: str, path: Path | None) -> Node | None:
    import yaml

    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        where = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise DeclarationError(f"{path or 'standard input'}{where} is not YAML: {error.problem}.") from None
    except yaml.YAMLError:
        raise DeclarationError(f"{path or 'standard input'} is not YAML.") from None


def _modes(root: Node | None) -> Iterator[tuple[str, Node]]:
    """Yield source and node of each mode of a grant that is written as text."""
    for _, service in _pairs(_child(root, "services")):
        for part in ("secrets", "configs"):
            grants = _child(service, part)
            for grant in grants.value if grants is not None and isinstance(grants.value, list) else []:
                source = _child(grant, "source")
                for key, value in _entries(grant):
                    if key.value == "mode" and value.tag == "tag:yaml.org,2002:str":
                        yield str(source.value if source else ""), value


def _pairs(node: Node | None) -> Iterator[tuple[str, Node]]:
    for key, value in _entries(node):
        yield str(key.value), value


def _entries(node: Node | None) -> Iterator[tuple[Node, Node]]:
    """Yield a mapping's keys and values, those merged into it by ``<<`` too."""
    from yaml import MappingNode, SequenceNode

    if not isinstance(node, MappingNode):
        return
    for key, value in node.value:
        if key.tag == "tag:yaml.org,2002:merge":
            for merged in value.value if isinstance(value, SequenceNode) else [value]:
                yield from _entries(merged)
        else:
            yield key, value


def _child(node: Node | None, name: str) -> Node | None:
    return next((value for key, value in _entries(node) if key.value == name), None)


def _doubled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _doubled(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_doubled(each) for each in value]
    return value.replace("$", "$$") if isinstance(value, str) else value
