"""What the systemd units share."""

from __future__ import annotations

# A service sees no variables of a login shell.
LOGIN = """\
# What logs in to the store, such as VAULT_ADDR and VAULT_TOKEN: NAME=VALUE a line, in a file of mode 0600.
EnvironmentFile=/etc/strongroom/login.env
"""


def quoted(word: str) -> str:
    """Quote a word as systemd.syntax(7) has it."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if any(character.isspace() for character in word) or '"' in word else escaped
