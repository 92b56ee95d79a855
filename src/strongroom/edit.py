"""Granting a secret in a Compose file as it was written: comments, order and style of all else stay.

PyYAML says where each node of the file stands; what changes is cut into the text there, and the result is read again
before anything is written.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .errors import DeclarationError

if TYPE_CHECKING:
    from yaml import MappingNode, Node, SequenceNode

_PLAIN = re.compile(r"[A-Za-z_/][\w./-]*")
_ALIAS_END = "alias_end"  # of a node that ends with an alias: where it ends


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
            "target": self.target and _scalar(self.target),
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
    entries = _child(_service(_root(text, path), path, service), "secrets")
    for each in entries.value if entries is not None else ():
        if (_value(_child(each, "source")) or each.value) == wanted.source:
            said = {key: _value(_child(each, key)) for key in wanted.words}
            if said == {key: word.strip('"') for key, word in wanted.words.items()}:
                return
    raise DeclarationError(
        f"{path} is written in a way that cannot be edited safely. Add '{_entry(wanted)}' to "
        f"services.{service}.secrets by hand."
    )


def _declare(text: str, path: Path, wanted: Wanted) -> str:
    root = _root(text, path)
    secrets = _own(root, "secrets", path, "secrets")
    entry = f"{{{_scalar(wanted.source)}: {{external: true}}}}"
    if secrets is None:
        return _add_pair(text, root, "secrets", entry)
    if _is_null(secrets):
        return _cut(text, secrets.start_mark.index, secrets.end_mark.index, f" {entry}")
    mapping = _mapping(secrets, path, "secrets")
    if _child(mapping, wanted.source) is not None:
        return text
    return _add_pair(text, mapping, _scalar(wanted.source), "{external: true}")


def _give(text: str, path: Path, service: str, wanted: Wanted) -> str:
    root = _root(text, path)
    where = f"services.{service}"
    content = _service(root, path, service)
    grants = _own(content, "secrets", path, f"{where}.secrets")
    if grants is None:
        return _add_pair(text, content, "secrets", f"[{_entry(wanted)}]")
    if _is_null(grants):
        return _cut(text, grants.start_mark.index, grants.end_mark.index, f" [{_entry(wanted)}]")
    _alone(root, grants, path, f"{where}.secrets")
    from yaml import MappingNode, ScalarNode, SequenceNode

    if not isinstance(grants, SequenceNode):
        raise DeclarationError(f"{path}: {where}.secrets is not a list.")
    for each in grants.value:
        if isinstance(each, ScalarNode) and each.value == wanted.source:
            changed = _entry(wanted) if wanted.words else text[each.start_mark.index : each.end_mark.index]
            return _cut(text, each.start_mark.index, each.end_mark.index, changed)
        source = _child(each, "source") if isinstance(each, MappingNode) else None
        if source is not None and source.value == wanted.source:
            return _set(text, path, service, wanted)
    return _add_item(text, grants, _entry(wanted))


def _set(text: str, path: Path, service: str, wanted: Wanted) -> str:
    """Change the words of a grant that has some, one after the other."""
    for key, word in wanted.words.items():
        grants = _child(_service(_root(text, path), path, service), "secrets")
        assert grants is not None  # noqa: S101 - for the type checker
        (entry,) = [each for each in grants.value if _value(_child(each, "source")) == wanted.source][:1]
        present = _child(entry, key)
        if present is None:
            text = _add_pair(text, entry, key, word)
        else:
            text = _cut(text, present.start_mark.index, present.end_mark.index, word)
    return text


def _replace_variable(text: str, path: Path, service: str, wanted: Wanted) -> str:
    if wanted.instead_of is None:
        return text
    variable, target = wanted.instead_of, _target(text, path, service, wanted)
    file = target if target.startswith("/") else f"/run/secrets/{target}"
    variables = _child(_service(_root(text, path), path, service), "environment")
    from yaml import MappingNode, SequenceNode

    if isinstance(variables, MappingNode):
        for key, value in variables.value:
            if key.value == variable:
                text = _cut(text, value.start_mark.index, _end(value), _scalar(file))
                return _cut(text, key.start_mark.index, key.end_mark.index, f"{variable}_FILE")
    for each in variables.value if isinstance(variables, SequenceNode) else ():
        if str(each.value).partition("=")[0] == variable:
            return _cut(text, each.start_mark.index, each.end_mark.index, json.dumps(f"{variable}_FILE={file}"))
    raise DeclarationError(
        f"{path}: services.{service}.environment has no {variable}. Remove it where the service gets it from "
        "(env_file, or what this file extends), and grant the secret without --instead-of."
    )


def _target(text: str, path: Path, service: str, wanted: Wanted) -> str:
    grants = _child(_service(_root(text, path), path, service), "secrets")
    for each in grants.value if grants is not None else ():
        if _value(_child(each, "source")) == wanted.source and (target := _value(_child(each, "target"))):
            return target
    return wanted.source


def _entry(wanted: Wanted) -> str:
    source = _scalar(wanted.source)
    words = "".join(f", {key}: {word}" for key, word in wanted.words.items())
    return f"{{source: {source}{words}}}" if words else source


def _scalar(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text.lower() not in ("true", "false", "null") else json.dumps(text)


def _root(text: str, path: Path) -> MappingNode:
    import yaml

    class Loader(yaml.SafeLoader):
        """Notes where what a node ends with is an alias: what that means lies elsewhere."""

        def compose_node(self, parent: Node | None, index: int) -> Node | None:
            alias = self.peek_event() if self.check_event(yaml.AliasEvent) else None  # type: ignore[no-untyped-call]
            node: Node | None = super().compose_node(parent, index)
            if parent is not None:
                vars(parent)[_ALIAS_END] = alias.end_mark.index if alias else None
            return node

    try:
        root = yaml.compose(text, Loader)
    except yaml.MarkedYAMLError as error:
        where = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise DeclarationError(f"{path}{where} is not YAML: {error.problem}.") from None
    except (yaml.YAMLError, RecursionError):
        raise DeclarationError(f"{path} is not YAML.") from None
    return _mapping(root, path, "the file")


def _service(root: MappingNode, path: Path, name: str) -> MappingNode:
    services = _child(root, "services")
    if services is not None:
        _mapping(services, path, "services")
    found = _child(services, name)
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
    found = _child(mapping, key)
    merged = [value for name, value in mapping.value if name.tag == "tag:yaml.org,2002:merge"]
    if found is None and any(_child(each, key) is not None for one in merged for each in (one, *_items(one))):
        raise DeclarationError(f"{path}: {where} comes from another place of the file (<<). Edit it by hand.")
    return found


def _alone(root: Node, node: Node, path: Path, where: str) -> None:
    """Check that a node is in one place only.

    Raises:
        DeclarationError: an alias leads to it, so that others would change as well.
    """
    if _paths(root)[id(node)] > 1:
        raise DeclarationError(f"{path}: {where} is shared with others by an alias (*). Edit it by hand.")


def _paths(root: Node) -> Counter[int]:
    """Count, up to two or more, how many ways lead to each node: by its id."""
    counts: Counter[int] = Counter()
    pending = [root]
    while pending:
        node = pending.pop()
        counts[id(node)] += 1
        if counts[id(node)] <= 2:  # aliases of aliases lead to some nodes in more ways than can be walked
            for each in node.value if isinstance(node.value, list) else ():
                pending.extend(each if isinstance(each, tuple) else (each,))
    return counts


def _items(node: Node) -> list[Node]:
    from yaml import SequenceNode

    return list(node.value) if isinstance(node, SequenceNode) else []


def _child(node: Node | None, key: str) -> Node | None:
    from yaml import MappingNode

    pairs = node.value if isinstance(node, MappingNode) else ()
    return next((value for name, value in pairs if name.value == key), None)


def _value(node: Node | None) -> str | None:
    return None if node is None else str(node.value)


def _is_null(node: Node) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")


def _end(node: Node) -> int:
    """Return where a node's own text ends: PyYAML's mark of one in block style lies after what follows it."""
    if not isinstance(node.value, list) or getattr(node, "flow_style", False) or not node.value:
        return int(node.end_mark.index)
    return _last_end(node)


def _last_end(node: Node) -> int:
    """Return where the last thing in a node ends."""
    if (alias := getattr(node, _ALIAS_END, None)) is not None:
        return int(alias)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)


def _add_pair(text: str, mapping: MappingNode, key: str, value: str) -> str:
    if mapping.flow_style:
        return _add_in_flow(text, mapping, f"{key}: {value}")
    return _add_line(text, mapping, f"{key}: {value}")


def _add_item(text: str, sequence: SequenceNode, entry: str) -> str:
    if sequence.flow_style:
        return _add_in_flow(text, sequence, entry)
    return _add_line(text, sequence, f"- {entry}")


def _add_in_flow(text: str, node: Node, entry: str) -> str:
    if not node.value:
        return _cut(text, node.start_mark.index + 1, node.start_mark.index + 1, entry)
    end = _last_end(node)
    return _cut(text, end, end, f", {entry}")


def _add_line(text: str, node: Node, line: str) -> str:
    """Add a line to a node in block style, after its last one and the comment that may stand there."""
    indented, end = " " * node.start_mark.column + line, _end(node)
    if text[end - 1 : end] == "\n":  # a text block, which ends with its line
        return _cut(text, end, end, f"{indented}\n")
    after = text.find("\n", end)
    after = len(text) if after < 0 else after
    return _cut(text, after, after, f"\n{indented}")


def _cut(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


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
