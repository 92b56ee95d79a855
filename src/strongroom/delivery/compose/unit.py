"""The systemd unit that stages a project's files again before Docker starts its containers."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from ...errors import DeliveryError
from ..units import LOGIN, quoted

_TEXT = """\
# Save as /etc/systemd/system/strongroom-{name}.service, then: systemctl enable strongroom-{name}.service
# It runs as root before Docker starts, and must be able to open the store without asking for a passphrase.
[Unit]
Description=Secrets in memory for the Compose project {name}
Before=docker.service
RequiresMountsFor={mounts}
{network}
[Service]
Type=oneshot
{login}RemainAfterExit=yes
ExecStart={program} compose restore {manifest}

[Install]
WantedBy=docker.service
"""
_NETWORK = """\
Wants=network-online.target
After=network-online.target
"""


def text(name: str, manifest: Path, content: Mapping[str, str] | None) -> str:
    """Return the unit for a project whose manifest is at ``manifest``.

    Raises:
        DeliveryError: nothing is staged, so that there is nothing to restore.
    """
    if content is None:
        raise DeliveryError(f"project '{name}' has nothing staged yet. Bring it up first: strongroom compose up -d")
    store = content.get("store", "")
    remote = "://" in store
    needed = [str(manifest), *(each for each in ("" if remote else store, content.get("identity")) if each)]
    program = Path(sys.argv[0]).resolve()
    return _TEXT.format(
        name=name, mounts=" ".join(map(quoted, needed)), program=program, manifest=quoted(str(manifest)),
        network=_NETWORK if remote else "", login=LOGIN if remote else "",
    )  # fmt: skip
