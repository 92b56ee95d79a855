"""Fields of pydantic-settings filled by the reader's rules.

>>> class Settings(BaseSettings):  # doctest: +SKIP
...     db_password: SecretStr
...     @classmethod
...     def settings_customise_sources(
...         cls, settings_cls, init_settings, env_settings, dotenv_settings, file_secret_settings
...     ):
...         return init_settings, SecretsSource(settings_cls), env_settings
"""

from __future__ import annotations

from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from ..reader import get_secret


class SecretsSource(PydanticBaseSettingsSource):
    """A source of settings: each field is the secret of its name, or of its alias where it has one.

    A secret that is nowhere is left to the next source, and to the field's default; one that cannot be read is an error
    of the reader's. Values are texts, which pydantic turns into the field's type.
    """

    def __init__(self, settings_cls: type[BaseSettings], prefix: str = "") -> None:
        """Fill ``settings_cls``; ``prefix`` goes before every field's name, as in ``app_``."""
        super().__init__(settings_cls)
        self._prefix = prefix

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return a field's value, the key it goes under, and that it is never JSON."""
        alias = field.validation_alias if isinstance(field.validation_alias, str) else field.alias
        return get_secret(alias or f"{self._prefix}{field_name}", None), alias or field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return all fields that have a secret.

        Raises:
            SecretUnreadable, NotText, InvalidName: as ``get_secret``.
        """
        found = {}
        for name, field in self.settings_cls.model_fields.items():
            value, key, _ = self.get_field_value(field, name)
            if value is not None:
                found[key] = value
        return found
