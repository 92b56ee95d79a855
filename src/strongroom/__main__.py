"""``python -m strongroom``: the command line, where its program is not on the PATH."""

from .cli import main

main()
