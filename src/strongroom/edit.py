"""Granting a secret in a Compose file as it was written: comments, order and style of all else stay.

PyYAML says where each node of the file stands; what changes is cut into the text there, and the result is read again
before anything is written.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .errors import DeclarationError
from .yaml_text import add_item, add_pair, child, is_null, items, parsed, paths, put, scalar, text_of

if TYPE_CHECKING:
    from yaml import MappingNode, Node


class Wanted(NamedTuple):
    """A grant to be written: the file's key of the secret, and what is said of it; None leaves what is there.

    ``instead_of`` is an environment variable of the service that goes; ``<VARIABLE>_FILE`` comes in its place.
    """

    source: str
    target: str | None = None
    uid: int | None = None
    gid: int | None = None
    mode: int | None = None
    instead_of: str | None = None

    @property
    def words(self) -> dict[str, str]:
        """Return what is said of it, as YAML that Compose and Swarm read the same."""
        found = {
            "target": self.target and scalar(self.target),
            "uid": None if self.uid is None else f'"{self.uid}"',
            "gid": None if self.gid is None else f'"{self.gid}"',
            "mode": None if self.mode is None else f"{self.mode:04o}",
        }
        return {key: text for key, text in found.items() if text is not None}


def grant(path: Path, service: str, wanted: Wanted) -> bool:
    """Grant a secret to a service in a Compose file, and declare it external if it is not declared.

    Returns whether anything changed. The file is replaced whole, or not at all.

    Raises:
        DeclarationError: the file cannot be read, edited or written, or has no such service.
    """
    try:
        written = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{path} cannot be read: {getattr(error, 'strerror', 'it is not UTF-8')}.") from None
    windows = 0 < written.count("\n") == written.count("\r\n")
    text = written.replace("\r\n", "\n") if windows else written
    changed = granted(text, path, service, wanted)
    if changed != text:
        _write(path, changed.replace("\n", "\r\n") if windows else changed)
    return changed != text


def granted(text: str, path: Path, service: str, wanted: Wanted) -> str:
    """Return a Compose file's text with a grant.

    Raises:
        DeclarationError: as ``grant``.
    """
    changed = _give(_declare(text, path, wanted), path, service, wanted)
    changed = _replace_variable(changed, path, service, wanted)
    _check(changed, path, service, wanted)
    return changed


def _check(text: str, path: Path, service: str, wanted: Wanted) -> None:
    """Read what was made.

    Raises:
        DeclarationError: it does not say what was wanted.
    """
    entries = child(_service(_root(text, path), path, service), "secrets")
    for each in entries.value if entries is not None else ():
        if (text_of(child(each, "source")) or each.value) == wanted.source:
            said = {key: text_of(child(each, key)) for key in wanted.words}
            if said == {key: word.strip('"') for key, word in wanted.words.items()}:
                return
    raise DeclarationError(
        f"{path} is written in a way that cannot be edited safely. Add '{_entry(wanted)}' to "
        f"services.{service}.secrets by hand."
    )


def _declare(text: str, path: Path, wanted: Wanted) -> str:
    root = _root(text, path)
    secrets = _own(root, "secrets", path, "secrets")
    entry = f"{{{scalar(wanted.source)}: {{external: true}}}}"
    if secrets is None:
        return add_pair(text, root, "secrets", entry)
    if is_null(secrets):
        return put(text, secrets, f" {entry}")
    mapping = _mapping(secrets, path, "secrets")
    if child(mapping, wanted.source) is not None:
        return text
    return add_pair(text, mapping, scalar(wanted.source), "{external: true}")


def _give(text: str, path: Path, service: str, wanted: Wanted) -> str:
    root = _root(text, path)
    where = f"services.{service}"
    content = _service(root, path, service)
    grants = _own(content, "secrets", path, f"{where}.secrets")
    if grants is None:
        return add_pair(text, content, "secrets", f"[{_entry(wanted)}]")
    if is_null(grants):
        return put(text, grants, f" [{_entry(wanted)}]")
    _alone(root, grants, path, f"{where}.secrets")
    from yaml import MappingNode, ScalarNode, SequenceNode

    if not isinstance(grants, SequenceNode):
        raise DeclarationError(f"{path}: {where}.secrets is not a list.")
    for each in grants.value:
        if isinstance(each, ScalarNode) and each.value == wanted.source:
            changed = _entry(wanted) if wanted.words else text[each.start_mark.index : each.end_mark.index]
            return put(text, each, changed)
        source = child(each, "source") if isinstance(each, MappingNode) else None
        if source is not None and source.value == wanted.source:
            return _set(text, path, service, wanted)
    return add_item(text, grants, _entry(wanted))


def _set(text: str, path: Path, service: str, wanted: Wanted) -> str:
    """Change the words of a grant that has some, one after the other."""
    for key, word in wanted.words.items():
        grants = child(_service(_root(text, path), path, service), "secrets")
        assert grants is not None  # noqa: S101 - for the type checker
        (entry,) = [each for each in grants.value if text_of(child(each, "source")) == wanted.source][:1]
        present = child(entry, key)
        text = add_pair(text, entry, key, word) if present is None else put(text, present, word)
    return text


def _replace_variable(text: str, path: Path, service: str, wanted: Wanted) -> str:
    if wanted.instead_of is None:
        return text
    variable, target = wanted.instead_of, _target(text, path, service, wanted)
    file = target if target.startswith("/") else f"/run/secrets/{target}"
    variables = child(_service(_root(text, path), path, service), "environment")
    from yaml import MappingNode, SequenceNode

    if isinstance(variables, MappingNode):
        for key, value in variables.value:
            if key.value == variable:
                text = put(text, value, scalar(file))
                return put(text, key, f"{variable}_FILE")
    for each in variables.value if isinstance(variables, SequenceNode) else ():
        if str(each.value).partition("=")[0] == variable:
            return put(text, each, json.dumps(f"{variable}_FILE={file}"))
    raise DeclarationError(
        f"{path}: services.{service}.environment has no {variable}. Remove it where the service gets it from "
        "(env_file, or what this file extends), and grant the secret without --instead-of."
    )


def _target(text: str, path: Path, service: str, wanted: Wanted) -> str:
    grants = child(_service(_root(text, path), path, service), "secrets")
    for each in grants.value if grants is not None else ():
        if text_of(child(each, "source")) == wanted.source and (target := text_of(child(each, "target"))):
            return target
    return wanted.source


def _entry(wanted: Wanted) -> str:
    source = scalar(wanted.source)
    words = "".join(f", {key}: {word}" for key, word in wanted.words.items())
    return f"{{source: {source}{words}}}" if words else source


def _root(text: str, path: Path) -> MappingNode:
    import yaml

    try:
        root = parsed(text)
    except yaml.MarkedYAMLError as error:
        where = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise DeclarationError(f"{path}{where} is not YAML: {error.problem}.") from None
    except (yaml.YAMLError, RecursionError):
        raise DeclarationError(f"{path} is not YAML.") from None
    return _mapping(root, path, "the file")


def _service(root: MappingNode, path: Path, name: str) -> MappingNode:
    services = child(root, "services")
    if services is not None:
        _mapping(services, path, "services")
    found = child(services, name)
    if found is None:
        known = ", ".join(sorted(key.value for key, _ in services.value)) if services is not None else ""
        raise DeclarationError(f"{path} has no service '{name}' (its services: {known or 'none'}).")
    _alone(root, found, path, f"services.{name}")
    return _mapping(found, path, f"services.{name}")


def _mapping(node: Node | None, path: Path, where: str) -> MappingNode:
    from yaml import MappingNode

    if not isinstance(node, MappingNode):
        raise DeclarationError(f"{path}: {where} is not a mapping.")
    return node


def _own(mapping: MappingNode, key: str, path: Path, where: str) -> Node | None:
    """Return what a mapping itself says under a key.

    Raises:
        DeclarationError: it is merged into it from elsewhere, where others would change as well.
    """
    found = child(mapping, key)
    merged = [value for name, value in mapping.value if name.tag == "tag:yaml.org,2002:merge"]
    if found is None and any(child(each, key) is not None for one in merged for each in (one, *items(one))):
        raise DeclarationError(f"{path}: {where} comes from another place of the file (<<). Edit it by hand.")
    return found


def _alone(root: Node, node: Node, path: Path, where: str) -> None:
    """Check that a node is in one place only.

    Raises:
        DeclarationError: an alias leads to it, so that others would change as well.
    """
    if paths(root)[id(node)] > 1:
        raise DeclarationError(f"{path}: {where} is shared with others by an alias (*). Edit it by hand.")


def _write(path: Path, text: str) -> None:
    """Replace a file, whose owner and mode stay."""
    path = path.resolve()
    temporary = None
    try:
        status = path.stat()
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            os.fchmod(descriptor, status.st_mode & 0o7777)
            if os.geteuid() == 0:
                os.fchown(descriptor, status.st_uid, status.st_gid)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise DeclarationError(f"{path} cannot be written: {error.strerror}.") from None
