"""The command line: one module a command group. They parse, call and print; no logic lives here."""

from __future__ import annotations

import gc
import os
import sys

# What each command needs, and what scanning needs besides: the extra that has it.
_NEEDED = dict.fromkeys(("click", "cryptography", "docker", "pyrage", "requests", "rich", "yaml"), "cli")
_NEEDED |= dict.fromkeys(("hyperscan", "re2", "zstandard"), "scan")


def main(program: str = "strongroom") -> None:
    """Run the command line, under the name by which it was called, and exit.

    The status is 0 for done, 1 for failed, 2 for used wrongly, 130 for interrupted.
    """
    # Importing makes many objects and no garbage: looking for some takes a tenth of a short command's time.
    gc.set_threshold(100_000)
    try:
        from .app import run

        status = run(program)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has had enough; Python would complain once more when it closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except ModuleNotFoundError as missing:
        extra = _NEEDED.get((missing.name or "").partition(".")[0])
        if extra is None:
            raise
        what = "the command line" if extra == "cli" else "this"
        sys.stderr.write(f"strongroom: {what} needs its extra. Run: pip install 'strongroom[{extra}]'\n")
        status = 1
    gc.freeze()  # nor is there anything to find at the end
    sys.exit(status)
