"""The systemd unit that stages a project's files again before Docker starts its containers."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from ...errors import DeliveryError

_TEXT = """\
# Save as /etc/systemd/system/strongroom-{name}.service, then: systemctl enable strongroom-{name}.service
# It runs as root before Docker starts, and must be able to open the store without asking for a passphrase.
[Unit]
Description=Secrets in memory for the Compose project {name}
Before=docker.service
RequiresMountsFor={mounts}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={program} compose restore {manifest}

[Install]
WantedBy=docker.service
"""


def text(name: str, manifest: Path, content: Mapping[str, str] | None) -> str:
    """Return the unit for a project whose manifest is at ``manifest``.

    Raises:
        DeliveryError: nothing is staged, so that there is nothing to restore.
    """
    if content is None:
        raise DeliveryError(f"project '{name}' has nothing staged yet. Bring it up first: strongroom compose up -d")
    needed = [str(manifest), *(content[key] for key in ("store", "identity") if content.get(key))]
    program = Path(sys.argv[0]).resolve()
    return _TEXT.format(
        name=name, mounts=" ".join(map(_quoted, needed)), program=program, manifest=_quoted(str(manifest))
    )


def _quoted(path: str) -> str:
    """Quote a path as systemd.syntax(7) has it."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if any(character.isspace() for character in path) or '"' in path else escaped
