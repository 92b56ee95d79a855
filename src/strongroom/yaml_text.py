"""Changing a YAML text where PyYAML says that its nodes stand; all else stays as it was written."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yaml import MappingNode, Node, SequenceNode

_PLAIN = re.compile(r"[A-Za-z_/][\w./-]*")
_ALIAS_END = "alias_end"  # of a node that ends with an alias: where it ends


def scalar(text: str) -> str:
    """Return a text as a YAML scalar, quoted where it has to be."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in ("true", "false", "null") else json.dumps(text)


def parsed(text: str) -> Node | None:
    """Return the root of a text's nodes, each of which knows where an alias that it ends with stands.

    Raises:
        yaml.YAMLError, RecursionError: it is no YAML, or is nested too deep.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """Notes where what a node ends with is an alias: what that means lies elsewhere."""

        def compose_node(self, parent: Node | None, index: int) -> Node | None:
            alias = self.peek_event() if self.check_event(yaml.AliasEvent) else None  # type: ignore[no-untyped-call]
            node: Node | None = super().compose_node(parent, index)
            if parent is not None:
                vars(parent)[_ALIAS_END] = alias.end_mark.index if alias else None
            return node

    root: Node | None = yaml.compose(text, Loader)
    return root


def paths(root: Node) -> Counter[int]:
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


def items(node: Node) -> list[Node]:
    """Return the nodes of a sequence; none of another node."""
    from yaml import SequenceNode

    return list(node.value) if isinstance(node, SequenceNode) else []


def child(node: Node | None, key: str) -> Node | None:
    """Return what a mapping says under a key; None where it says nothing, or is no mapping."""
    from yaml import MappingNode

    pairs = node.value if isinstance(node, MappingNode) else ()
    return next((value for name, value in pairs if name.value == key), None)


def text_of(node: Node | None) -> str | None:
    """Return a node's value as text."""
    return None if node is None else str(node.value)


def is_null(node: Node) -> bool:
    """Tell whether a node is there and empty."""
    return bool(node.tag == "tag:yaml.org,2002:null")


def put(text: str, node: Node, new: str) -> str:
    """Return the text with ``new`` in the place of a node."""
    return _cut(text, node.start_mark.index, _end(node), new)


def add_pair(text: str, mapping: MappingNode, key: str, value: str) -> str:
    """Return the text with a pair added to a mapping."""
    if mapping.flow_style:
        return _add_in_flow(text, mapping, f"{key}: {value}")
    return _add_line(text, mapping, f"{key}: {value}")


def add_item(text: str, sequence: SequenceNode, entry: str) -> str:
    """Return the text with an entry added to a sequence."""
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


def _cut(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]
