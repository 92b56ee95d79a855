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
    _prepare_streams()
    status = 0
    try:
        from .app import run

        status = run(program)
        sys.stdout.flush()
    except OSError as error:
        # Of a pipe, whoever read our output has had enough. Python would complain once more when it closes it.
        if not isinstance(error, BrokenPipeError) and status == 0:
            sys.stderr.write(f"strongroom: the output cannot be written: {error.strerror}.\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except KeyboardInterrupt:
        sys.stderr.write("strongroom: interrupted\n")
        status = 130
    except ModuleNotFoundError as missing:
        extra = _NEEDED.get((missing.name or "").partition(".")[0])
        if extra is None:
            raise
        what = "the command line" if extra == "cli" else "this"
        sys.stderr.write(f"strongroom: {what} needs its extra. Run: pip install 'strongroom[{extra}]'\n")
        status = 1
    gc.freeze()  # nor is there anything to find at the end
    sys.exit(status)


def _prepare_streams() -> None:
    """Open what the caller closed, so that no file of ours gets its number, and let no locale stop a message."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, open(number, "r" if name == "stdin" else "w", closefd=False))  # noqa: SIM115
        elif name != "stdin" and stream.encoding != "utf-8":
            stream.reconfigure(errors="backslashreplace")
