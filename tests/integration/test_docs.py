"""The documentation: it builds, its blocks run, and its reference has what there is and nothing else."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import click
import pytest

import pages
from cli import STRONGROOM, Cli, commands
from pages import ROOT, Page
from servers import OpenBao
from strongroom.cli.app import app

WITHOUT_ENGINE = [each for each in map(pages.load, pages.all_pages()) if "engine" not in each.needs and each.steps]


@pytest.mark.parametrize("page", WITHOUT_ENGINE, ids=lambda page: str(page.path.relative_to(ROOT)))
def test_the_blocks_of_a_page(empty: Cli, page: Page, request: pytest.FixtureRequest) -> None:
    environment = empty.variables()
    environment["PATH"] = f"{Path(STRONGROOM).parent}:{ROOT / 'tests/stubs'}:{environment['PATH']}"
    if "vault" in page.needs:
        server: OpenBao = request.getfixturevalue("openbao")
        environment |= server.environment
    pages.run(page, empty.project, environment)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the built documentation."""
    directory = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", directory], cwd=ROOT, capture_output=True,
        text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return directory


def test_it_needs_nothing_from_elsewhere(site: Path) -> None:
    class Sources(HTMLParser):
        found: set[str] = set()  # noqa: RUF012 - one page after the other adds to it

        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            given = dict(attributes)
            if tag in ("script", "img", "iframe") or (tag == "link" and given.get("rel") != "canonical"):
                self.found.add(given.get("src") or given.get("href") or "")

    for page in site.rglob("*.html"):
        Sources().feed(page.read_text())
    assert [each for each in Sources.found if "//" in each] == []


def test_every_command_and_option_is_in_the_reference_and_none_else(site: Path) -> None:
    from html import unescape

    html = (site / "reference/cli/index.html").read_text().partition("<article")[2].partition("</article>")[0]
    shown: dict[str, set[str]] = {}
    for section in re.split(r"<h2", html)[1:]:
        title = unescape(re.sub(r"<[^>]+>", "", section.partition(">")[2].partition("</h2>")[0])).rstrip("¶").strip()
        rows = re.findall(r"<td><code>(.*?)</code></td>", section)
        shown[title] = {word for row in rows for word in re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", unescape(row))}
    wanted = {
        " ".join(("strongroom", *path)): {
            option
            for parameter in command.params
            if isinstance(parameter, click.Option)
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
        for path, command in commands(app)
    }
    assert shown == wanted


def test_there_is_a_how_to_for_each_row_of_the_readme() -> None:
    table = (ROOT / "README.md").read_text().partition("| you want | you type |\n")[2].partition("\n\n")[0]
    shown = "\n".join(path.read_text() for path in [*(ROOT / "docs/howto").glob("*.md"), *(ROOT / "docs").glob("*.md")])
    typed = re.findall(r"`(strongroom [^`]+)`", table)
    assert len(typed) > 15
    for command in typed:
        words = " ".join(itertools.takewhile(lambda word: re.fullmatch(r"[a-z][a-z-]*", word), command.split()))
        assert words in shown, f"no how-to types '{words}'"


_READ = re.compile(r'(?:environ(?:\.get\(|\[)|envvar=)"([A-Z][A-Z0-9_]+)"')
_READ_BY_CONSTANT = re.compile(r"environ\.get\((?:\w+\.)?([A-Z][A-Z_]+)[,)]")
_READ_BY_VAULT = re.compile(r'\b(read|credential|_needed)\((?:method, )?"([A-Z_]+)"')


def variables() -> set[str]:
    """Return the environment variables that the code reads."""
    texts = "\n".join(path.read_text() for path in (ROOT / "src/strongroom").rglob("*.py"))
    found = set(_READ.findall(texts))
    for constant in set(_READ_BY_CONSTANT.findall(texts)):
        found |= set(re.findall(rf'^{constant} = "([A-Z][A-Z0-9_]+)"', texts, re.MULTILINE))
    for how, name in _READ_BY_VAULT.findall((ROOT / "src/strongroom/stores/vault/settings.py").read_text()):
        found |= {f"VAULT_{name}", f"VAULT_{name}_FILE"} if how != "read" else {f"VAULT_{name}"}
    return found


def test_every_variable_is_in_the_reference_and_none_else(site: Path) -> None:
    html = (site / "reference/environment/index.html").read_text().partition("<article")[2]
    shown = re.findall(r"<td><code>([A-Z][A-Z0-9_]+)</code></td>", html)
    assert sorted(shown) == sorted(variables())
