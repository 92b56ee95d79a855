"""The systemd service and timer that rotate what is due."""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path

from ..delivery.units import LOGIN, quoted

_TEXT = """\
# Save as ~/.config/systemd/user/strongroom-rotate.service (or /etc/systemd/system, with User={user})
[Unit]
Description=Rotate the secrets that are due

[Service]
Type=oneshot
{login}WorkingDirectory={directory}
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


def text(directory: Path, store: str, identity: Path | None) -> str:
    """Return both units for the project in ``directory``; ``store`` is a directory or a URI."""
    options = f" --store {quoted(store)}"
    options += f" --identity {quoted(str(identity.resolve()))}" if identity else ""
    user = pwd.getpwuid(os.getuid()).pw_name
    login = LOGIN if "://" in store else ""
    place = str(directory).replace("%", "%%")  # the rest of its line, which no quotes belong around
    program = quoted(str(Path(sys.argv[0]).resolve()))
    return _TEXT.format(user=user, login=login, directory=place, program=program, options=options)
