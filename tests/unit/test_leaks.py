"""The plugin that looks for leaks finds them: a search that cannot fail proves nothing."""

from __future__ import annotations

import pytest

SHOWS = {
    "printed": "print(value)",
    "logged": "__import__('logging').getLogger().warning('it is %s', value)",
    "raised": "StrongroomError(f'cannot use {value}')",
    "asserted": "assert value == 'other'",
    "encoded": "print(__import__('base64').b64encode(value.encode()).decode())",
    "argument": "subprocess.run(['sh', '-c', 'sleep 0.2; :', value])",
    "environment": "subprocess.run(['sleep', '0.2'], env={'X': value})",
}

TEST = """
import subprocess, secrets
from strongroom.errors import StrongroomError
from strongroom.model import Value

def test_it():
    value = secrets.token_hex(12)
    kept = Value(value.encode())
    print(kept, repr(kept))
    {shows}
"""


def run(pytester: pytest.Pytester, shows: str) -> tuple[int, str]:
    pytester.makeconftest("pytest_plugins = ['leaks']")
    pytester.makepyfile(TEST.format(shows=shows))
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    return int(result.ret), result.stdout.str()


@pytest.fixture(autouse=True)
def _find_plugin(monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    monkeypatch.setenv("PYTHONPATH", str(pytestconfig.rootpath / "tests"))


@pytest.mark.parametrize("way", SHOWS)
def test_a_leak_fails_the_run(pytester: pytest.Pytester, way: str) -> None:
    status, output = run(pytester, SHOWS[way])
    assert status == 1
    assert "a secret's value shows in" in output


def test_no_leak(pytester: pytest.Pytester) -> None:
    status, output = run(pytester, "pass")
    assert status == 0
    assert "none found" in output
