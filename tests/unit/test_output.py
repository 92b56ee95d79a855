"""What commands print: foreign words in it do nothing to a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from strongroom.cli import output


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nothing_that_is_said_moves_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    output.say("a\x1b[2Kb\x9bc\rd\u202ee\n\tf")
    assert terminal.getvalue() == "a\ufffd[2Kb\ufffdc\ufffdd\ufffde\n\tf\n"
