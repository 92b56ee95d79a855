"""Measure, print, and write ``bench/RESULTS.md``.

Usage: python bench/run.py [TOPIC...], by default all of ``TOPICS``. Only a run of all is written down.
"""

from __future__ import annotations

import os
import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.measure import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
TOPICS = (
    "reader",
    "readers",
    "commands",
    "store",
    "deploy",
    "rotate",
    "entrypoint",
    "scan",
    "scan_image",
    "scan_accuracy",
)


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program's modules are compiled once, not every time
    wanted = sys.argv[1:] or TOPICS
    if unknown := set(wanted) - set(TOPICS):
        sys.exit(f"bench: there is no topic '{min(unknown)}'. The topics: {', '.join(TOPICS)}")
    head = (
        f"# What `make bench` measured\n\nOn {datetime.now(UTC):%Y-%m-%d}: Python {platform.python_version()}, "
        f"{platform.system()} {platform.release().partition('-')[0]}, {os.cpu_count()} CPUs. Ratios are of medians, "
        "measured in turns; the times behind them depend on the machine.\n"
    )
    print(head)
    parts = [head]
    for topic in wanted:
        print(f"bench: {topic} …", file=sys.stderr, flush=True)
        for table in _measured(topic):
            text = f"## {table.title}\n\n| what | measured | aim | |\n| --- | --- | --- | --- |\n" + "".join(
                f"| {row.what} | {row.figure} | {row.aim} | {_word(row.holds)} |\n" for row in table.rows
            )
            print(text, flush=True)
            parts.append(text)
    if tuple(wanted) == TOPICS:
        (ROOT / "bench/RESULTS.md").write_text("\n".join(parts))


def _measured(topic: str) -> list[Table]:
    """Measure in a new process: the memory of one that measured before counts as that of the programs it starts."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_tables, topic).result()


def _tables(topic: str) -> list[Table]:
    tables: list[Table] = import_module(f"bench.{topic}").tables()
    return tables


def _word(holds: bool | None) -> str:
    return "" if holds is None else "holds" if holds else "MISSED"


if __name__ == "__main__":
    main()
