"""The documentation's pages that need an Engine, run as they stand there: their images are stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import engines
import pages
from cli import STRONGROOM, Cli
from engines import Docker
from pages import ROOT, Page
from projects import own_openbao
from servers import OpenBao

WITH_ENGINE = [each for each in map(pages.load, pages.all_pages()) if "engine" in each.needs]
# What the README has no room to show.
BESIDE = {
    "README.md": {
        "app.py": "from strongroom import get_secret\n\nassert get_secret('db_password')\n",
        "compose.yaml": "services: {api: {image: example/api, command: [sleep, '3600'], stop_grace_period: 1s, "
        "deploy: {update_config: {monitor: 1s}}, secrets: [{source: db_password, mode: 0400}]}}\n"
        "secrets: {db_password: {external: true}}\n",
    }
}


@pytest.fixture(scope="module")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    yield from own_openbao(tmp_path_factory.mktemp("openbao"))


@pytest.mark.parametrize("page", WITH_ENGINE, ids=lambda page: str(page.path.relative_to(ROOT)))
def test_the_blocks_of_a_page(
    manager: Cli, swarm: Docker, image: str, page: Page, request: pytest.FixtureRequest
) -> None:
    environment = manager.variables()
    environment["PATH"] = f"{Path(STRONGROOM).parent}:{ROOT / 'tests/stubs'}:{environment['PATH']}"
    configuration = manager.home / "docker"  # the page may install a plugin
    (configuration / "cli-plugins").mkdir(parents=True)
    for plugin in Path(environment["DOCKER_CONFIG"]).glob("cli-plugins/*"):
        (configuration / "cli-plugins" / plugin.name).symlink_to(plugin.resolve())
    environment["DOCKER_CONFIG"] = str(configuration)
    if "vault" in page.needs:
        server: OpenBao = request.getfixturevalue("openbao")
        environment |= server.environment
    beside = [pages.File(name, text) for name, text in BESIDE.get(page.path.name, {}).items()]
    try:
        pages.run(page._replace(steps=[*beside, *page.steps]), manager.project, environment, image)
    finally:
        (manager.project / "compose.yaml").unlink(missing_ok=True)  # it may name another store
        swarm("stack", "rm", "shop", status=None)
        swarm("service", "rm", "legacy", status=None)
        for container in swarm.lines("ps", "-aq", "--filter", "label=com.docker.compose.project=project"):
            swarm("rm", "-f", container)
        swarm("network", "rm", "project_default", status=None)
        engines.until(lambda: not swarm.containers("com.docker.stack.namespace=shop"))
        for secret in ("old_token", "smtp_password"):
            swarm("secret", "rm", secret, status=None)
