"""The command line: one module a command group. They parse, call and print; no logic lives here."""

from __future__ import annotations

import gc
import os
import sys

_NEEDED = ("click", "cryptography", "docker", "pyrage", "requests", "rich", "yaml")


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 used wrongly, 130 interrupted."""
    # Importing makes many objects and no garbage: looking for some takes a tenth of a short command's time.
    gc.set_threshold(100_000)
    try:
        from .app import run

        status = run()
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has had enough; Python would complain once more when it closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _NEEDED:
            raise
        sys.stderr.write("strongroom: the command line needs its extra. Run: pip install 'strongroom[cli]'\n")
        status = 1
    gc.freeze()  # nor is there anything to find at the end
    sys.exit(status)
