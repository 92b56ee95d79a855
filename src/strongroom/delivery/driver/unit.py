"""The systemd unit that serves the driver on a manager, and putting it there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from ...errors import DeliveryError
from . import Options

NAME = "strongroom-driver.service"
ENVIRONMENT = "/etc/strongroom/driver.env"
_DIRECTORY = Path("/etc/systemd/system")
_TEXT = """\
# Save as {directory}/{name} on every manager, then: systemctl enable --now {name}
# What the stores need (VAULT_ADDR, VAULT_ROLE_ID, VAULT_SECRET_ID_FILE, ...) stands in {environment}.
[Unit]
Description=Secrets for Docker Swarm, from where they are kept
After=network-online.target
Wants=network-online.target
Before=docker.service

[Service]
Type=notify
ExecStart={command}
EnvironmentFile=-{environment}
Restart=always
RestartSec=1
LimitCORE=0
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictNamespaces=yes
RestrictSUIDSGID=yes
LockPersonality=yes
CapabilityBoundingSet=CAP_DAC_READ_SEARCH
RuntimeDirectory=docker/plugins
RuntimeDirectoryPreserve=yes

[Install]
WantedBy=multi-user.target
"""


def text(options: Options) -> str:
    """Return the unit for a driver with these options."""
    command = " ".join(_quoted(word) for word in (str(_program()), "driver", *options.arguments()))
    return _TEXT.format(directory=_DIRECTORY, name=NAME, environment=ENVIRONMENT, command=command)


def install(options: Options) -> Path:
    """Write the unit, and start it now and at each boot; return where it is.

    Raises:
        DeliveryError: this is no machine with systemd, or it refuses.
    """
    if not Path("/run/systemd/system").is_dir() or shutil.which("systemctl") is None:
        raise DeliveryError("systemd does not run here. Start 'strongroom driver' by what starts services on this "
                            "machine; what 'strongroom driver unit' prints says how.")  # fmt: skip
    path = _DIRECTORY / NAME
    try:
        path.write_text(text(options))
    except OSError as error:
        raise DeliveryError(f"{path} cannot be written: {error.strerror}. Run it as root.") from None
    for arguments in (["daemon-reload"], ["enable", NAME], ["restart", NAME]):
        done = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise DeliveryError(
                f"systemctl {' '.join(arguments)} failed: {done.stderr.strip()} See: journalctl -u {NAME}"
            )
    return path


def _program() -> Path:
    return Path(sys.argv[0]).resolve()


def _quoted(word: str) -> str:
    """Quote a word as systemd.service(5) has it."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if any(character.isspace() or character in "\"';" for character in word) else escaped
