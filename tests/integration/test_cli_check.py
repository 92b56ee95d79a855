"""``strongroom check`` and ``strongroom doctor`` in a project that somebody else made."""

from __future__ import annotations

import pytest

from cli import Cli

HOSTILE = """
services:
  api: {image: x, secrets: [s]}
secrets:
  s: {file: "./no\\x9b2Jne"}
"""


@pytest.mark.parametrize("command", ["check", "doctor"])
def test_a_hostile_file_does_nothing_to_the_terminal(empty: Cli, command: str) -> None:
    (empty.project / "compose.yaml").write_text(HOSTILE)
    result = empty(command, status=1)
    assert "no\ufffd2Jne" in result.out and "\x9b" not in result.out + result.stderr


def test_a_hostile_name_does_nothing_to_the_terminal(empty: Cli) -> None:
    (empty.project / "compose.yaml").write_text('services: {api: {secrets: ["no\\x9b2Jne"]}}')
    result = empty("check", status=1)
    assert "no\ufffd2Jne" in result.stderr and "\x9b" not in result.out + result.stderr
