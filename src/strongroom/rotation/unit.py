"""The systemd service and timer that rotate what is due."""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path

_TEXT = """\
# Save as ~/.config/systemd/user/strongroom-rotate.service (or /etc/systemd/system, with User={user})
[Unit]
Description=Rotate the secrets that are due

[Service]
Type=oneshot
WorkingDirectory={directory}
ExecStart={program}{options} rotate --due

# Save as strongroom-rotate.timer beside it, then: systemctl --user enable --now strongroom-rotate.timer
[Unit]
Description=Rotate the secrets that are due, once a day

[Timer]
OnCalendar=daily
RandomizedDelaySec=1h
Persistent=true

[Install]
WantedBy=timers.target
"""


def text(directory: Path, store: Path | None, identity: Path | None) -> str:
    """Return both units for the project in ``directory``."""
    options = f" --store {store.resolve()}" if store else ""
    options += f" --identity {identity.resolve()}" if identity else ""
    user = pwd.getpwuid(os.getuid()).pw_name
    return _TEXT.format(user=user, directory=directory, program=Path(sys.argv[0]).resolve(), options=options)
