"""What a build prints on a terminal: Docker's display as ever, without the values. Docker is a program of ours."""

from __future__ import annotations

import sys

from cli import STRONGROOM, Cli
from shells import Shell

DOCKER = r"""
import os, re, sys
option = sys.argv[sys.argv.index("--secret") + 1]
value = open(re.search("src=([^,]*)", option)[1]).read()
columns = os.get_terminal_size(2).columns
def row(text):
    os.write(2, f"\x1b[2m => => # {text}\n\x1b[0m".encode())
os.write(2, f"[+] Building on {columns} columns\n".encode())
row(f"whole {value}|")
long = "x" * (columns - 18) + value + " after"
row(long[:columns - 10])
row(long[columns - 10:])
os.write(2, f"written {value[:9]}".encode())
os.write(2, f"{value[9:]} twice\n".encode())
sys.exit(3)
"""


def test_a_value_is_masked_on_a_terminal(cli: Cli) -> None:
    value = cli.secret("token")
    docker = cli.home / "docker"
    docker.write_text(f"#!{sys.executable}\n{DOCKER}")
    docker.chmod(0o755)
    variables = cli.variables()
    variables["PATH"] = f"{cli.home}:{variables['PATH']}"
    with Shell(["sh", "-i"], cli.project, variables) as typed:
        typed.run(f"stty cols 60; {STRONGROOM} build --secret id=token .; echo status $?")
        shown = typed.shown
    assert "[+] Building on 60 columns" in shown
    assert f"whole *****{' ' * (len(value) - 5)}|" in shown
    assert f"{'x' * 42}*****   \r\n\x1b[0m\x1b[2m => => # {' ' * (len(value) - 8)} after" in shown
    assert f"written *****{' ' * (len(value) - 5)} twice" in shown
    assert not any(part in shown for part in (value, value[:8], value[8:], value[9:]))
    assert "warning: the build printed the value of token" in shown
    assert "status 3" in shown
