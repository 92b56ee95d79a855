"""The Python reader against what people write instead, and what importing it costs."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from bench.measure import Row, Table, Work, alternate, below, process, ratio

NAME = "db_password"


def tables() -> list[Table]:
    return [Table("Reading a secret again, unchanged (Python, one call)", _calls()), Table("Importing", _imports())]


def _calls() -> list[Row]:
    from get_docker_secret import get_docker_secret
    from pydantic_settings import BaseSettings, SettingsConfigDict

    from strongroom import get_secret

    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        path = Path(directory, NAME)
        path.write_text("correct horse battery staple\n")
        time.sleep(2.1)  # a younger file is not cached: it could change within a tick of its clock
        os.environ["SECRETS_DIR"] = directory

        class Settings(BaseSettings):
            model_config = SettingsConfigDict(secrets_dir=directory)
            db_password: str = ""

        def recipe() -> str | None:
            file = Path(directory) / NAME
            return file.read_text().strip() if file.exists() else None

        def bare() -> str:
            with open(path) as file:  # noqa: PTH123 - this is what is measured
                return file.read()

        works: dict[str, Work] = {
            "strongroom": lambda: get_secret(NAME),
            "recipe": recipe,
            "bare": bare,
            "get-docker-secret": lambda: get_docker_secret(NAME, secrets_dir=directory),
        }
        took = alternate(works, rounds=200, calls=200)
        took |= alternate({"pydantic-settings": Settings}, rounds=50, calls=20)
        del os.environ["SECRETS_DIR"]
    ours = took["strongroom"]
    return [
        ratio("get_secret : Path.exists + read_text().strip()", ours, took["recipe"], 0.25),
        ratio("get_secret : open().read()", ours, took["bare"], 0.5),
        ratio("get_secret : get-docker-secret", ours, took["get-docker-secret"]),
        ratio("get_secret : pydantic-settings, secrets_dir", ours, took["pydantic-settings"]),
    ]


def _imports() -> list[Row]:
    works = {name: process(sys.executable, "-c", code) for name, code in (("with", "import strongroom"), ("bare", ""))}
    took = alternate(works, rounds=40)
    return [below("import strongroom, over a bare interpreter", took["with"] - took["bare"], 0.010)]
