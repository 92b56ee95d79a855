"""The reader where frameworks expect it."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings

import leaks
import strongroom
from strongroom import reader, watch
from strongroom.errors import SecretNotFound, SecretUnreadable
from strongroom.integrations import django
from strongroom.integrations.logging import MaskSecrets
from strongroom.integrations.pydantic import SecretsSource

Put = Callable[[str, str], str]


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Give a function that writes a secret as rotations do, and returns its value."""
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))

    def write(name: str, value: str) -> str:
        (tmp_path / ".next").write_text(f"{value}\n")
        (tmp_path / ".next").rename(tmp_path / name)
        return value

    return write


# watch ---------------------------------------------------------------------------------------------------------------


def test_watch_yields_new_values_only(put: Put) -> None:
    put("key", "v1")
    seen = watch("key", interval=0.005)
    put("key", "v2")
    assert next(seen) == "v2"
    put("key", "v2")
    timer = threading.Timer(0.05, put, ("key", "v3"))
    timer.start()
    assert next(seen) == "v3"
    timer.join()


def test_watch_for_asyncio(put: Put) -> None:
    async def second() -> str:
        seen = watch("key", interval=0.005)
        asyncio.get_running_loop().call_later(0.02, put, "key", "v2")
        return await anext(seen)

    put("key", "v1")
    assert asyncio.run(second()) == "v2"


def test_watch_raises_and_goes_on(put: Put, tmp_path: Path) -> None:
    with pytest.raises(SecretNotFound):
        watch("key")
    put("key", "v1")
    with pytest.raises(ValueError, match="more than 0"):
        watch("key", interval=0)
    seen = watch("key", interval=0.005)
    (tmp_path / "key").unlink()
    with pytest.raises(SecretNotFound):
        next(seen)
    put("key", "v2")
    assert next(seen) == "v2"


def test_watch_shows_no_value(put: Put) -> None:
    assert put("key", leaks.fresh()) not in repr(watch("key"))


def test_the_reader_alone_imports_no_asyncio() -> None:
    code = "import sys, strongroom; sys.exit(bool({'asyncio', 'typing', 'logging'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        strongroom.other  # noqa: B018


# pydantic-settings ---------------------------------------------------------------------------------------------------


class Settings(BaseSettings):
    db_password: SecretStr
    port: int = 80
    token: SecretStr = Field(default=SecretStr("none"), alias="api-token")

    @classmethod
    def settings_customise_sources(cls, settings_cls: Any, init_settings: Any, *_: Any, **__: Any) -> Any:
        return init_settings, SecretsSource(settings_cls)


def test_pydantic_settings(put: Put) -> None:
    password, token = put("db_password", leaks.fresh()), put("api-token", leaks.fresh())
    put("port", "8080")
    settings = Settings()  # type: ignore[call-arg]
    assert (settings.db_password.get_secret_value(), settings.port) == (password, 8080)
    assert settings.token.get_secret_value() == token
    assert password not in repr(settings)


def test_pydantic_settings_follow_the_reader_s_rules(put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match="db_password"):
        Settings()  # type: ignore[call-arg]
    monkeypatch.setenv("DB_PASSWORD_FILE", str(tmp_path / "elsewhere"))
    with pytest.raises(SecretUnreadable, match="DB_PASSWORD_FILE"):
        Settings()  # type: ignore[call-arg]
    put("elsewhere", "value")
    assert Settings().db_password.get_secret_value() == "value"  # type: ignore[call-arg]


def test_pydantic_settings_with_a_prefix(put: Put) -> None:
    class Prefixed(BaseSettings):
        key: str

    put("app_key", "value")
    assert SecretsSource(Prefixed, prefix="app_")() == {"key": "value"}


# Django --------------------------------------------------------------------------------------------------------------


def test_django(put: Put) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"'key' not found.*KEY_FILE"):
        django.secret("key")
    assert django.secret("key", "default") == "default"
    assert django.previous("key") == []
    current, before = put("key_current", leaks.fresh()), put("key_previous", leaks.fresh())
    assert django.secret("key") == current
    assert django.previous("key") == [before]


def test_django_names_all_that_is_missing(put: Put, tmp_path: Path) -> None:
    put("there", "value")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ImproperlyConfigured) as caught:
        django.require("there", "one", "folder", "two")
    assert len(str(caught.value).splitlines()) == 3
    django.require("there")
    with pytest.raises(ImproperlyConfigured, match="directory"):
        django.secret("folder", "default")
    with pytest.raises(ImproperlyConfigured, match="directory"):
        django.previous("folder")


# logging -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def logged() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    shown = io.StringIO()
    handler = logging.StreamHandler(shown)
    handler.addFilter(MaskSecrets())
    logger = logging.getLogger("strongroom-test")
    logger.propagate = False
    logger.addHandler(handler)
    yield logger, shown
    logger.removeHandler(handler)
    reader.seen = None


def test_logging_masks_what_was_read(put: Put, logged: tuple[logging.Logger, io.StringIO]) -> None:
    logger, shown = logged
    value = put("key", leaks.fresh())
    os.environ.pop("KEY", None)
    strongroom.get_secret("key")
    logger.warning("connecting with %s", f"postgres://app:{value}@db")
    try:
        raise ValueError(f"cannot use {value}")
    except ValueError:
        logger.exception("failed", stack_info=True)
    assert value not in shown.getvalue()
    assert "postgres://app:<secret>@db" in shown.getvalue()
    assert "ValueError: cannot use <secret>" in shown.getvalue()


def test_logging_keeps_the_rest(put: Put, logged: tuple[logging.Logger, io.StringIO]) -> None:
    logger, shown = logged
    put("key", "abc")
    strongroom.get_secret("key")
    logger.warning("%s is %d of abc", "this", 7)
    assert shown.getvalue() == "this is 7 of abc\n"


def test_logging_masks_the_longest_first(put: Put, logged: tuple[logging.Logger, io.StringIO]) -> None:
    logger, shown = logged
    for name, value in (("short", "pass"), ("long", "password\nline"), ("before", "password")):
        put(name, value)
        strongroom.get_secret(name)
    logger.warning("%s / %r", "password\nline", "password\nline")
    assert shown.getvalue() == "<secret> / '<secret>'\n"
