"""A labelled set: files as programs and people write them, with made-up secrets in them or with what only looks so.

Everything is drawn from a seed. A sample is a file of its own; ``secret`` is what is to be found in it, and empty where
nothing is. How secrets look follows how people choose them: drawn by a generator, a word with digits, a word alone.
"""

from __future__ import annotations

import base64
import re
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple
from uuid import UUID

from labelled_tokens import TOKENS

WORDS = """
    sunset marble rocket violet harbor winter falcon copper meadow thunder silver planet tiger coffee summer
    dolphin bamboo castle puzzle cactus jungle velvet anchor lemon pepper galaxy turtle banjo walnut canyon
"""
NAMES = ("shop", "billing", "orders", "crm", "wiki", "intranet", "reports", "mailer", "gateway", "inventory")
_HERE = Path(__file__).parent
_MARK = re.compile("§([a-zA-Z]+[0-9]*)§")


class Template(NamedTuple):
    """A file to be filled in: ``labelled_positives.toml`` and ``labelled_negatives.toml`` say with what."""

    kind: str
    path: str
    text: str


class Sample(NamedTuple):
    """One file; ``kind`` says what it is about."""

    kind: str
    path: str
    text: str
    secret: str = ""


def password(random: Random) -> str:
    """Return a password as one stands in a configuration."""
    word, number = random.choice(WORDS.split()), random.choice(("7", "42", "123", "2024", "99", "01"))
    letters = string.ascii_letters + string.digits
    return random.choice(
        (
            "".join(random.choices(letters, k=random.randint(12, 24))),
            "".join(random.choices(letters + "!#%&*+-=?@^_", k=random.randint(10, 18))),
            word.capitalize() + number,
            word.capitalize() + random.choice("!@#") + number,
            word + number,
            word + random.choice("._-") + random.choice(WORDS.split()) + number,
            word.translate(str.maketrans("aeo", "430")) + number,
        )
    )


def key(random: Random) -> str:
    """Return a secret as machines make them."""
    made = random.randbytes(random.choice((16, 20, 24, 32)))
    letters = string.ascii_letters + string.digits
    return random.choice(
        (
            made.hex(),
            base64.b64encode(made).decode(),
            base64.urlsafe_b64encode(made).decode().rstrip("="),
            "".join(random.choices(letters, k=random.randint(20, 40))),
        )
    )


def samples(count: int, seed: str = "strongroom") -> list[Sample]:
    """Return ``count`` files with a secret each, and as many without one."""
    random = Random(seed)
    positive = _turns(random, [*_templates("positives"), *_tokens()])
    negative = _turns(random, _templates("negatives"))
    return [next(positive) for _ in range(count)] + [next(negative) for _ in range(count)]


def _templates(name: str) -> list[Template]:
    listed = tomllib.loads((_HERE / f"labelled_{name}.toml").read_text("utf-8"))["samples"]
    return [Template(**each) for each in listed]


def _tokens() -> Iterator[Template]:
    for index in range(len(TOKENS)):
        yield Template("vendor's token", f"notes{index}.txt", f"the §n§ one: §t{index}§\n")


def _turns(random: Random, templates: list[Template]) -> Iterator[Sample]:
    while True:
        for template in templates:
            yield _filled(random, template)


def _filled(random: Random, template: Template) -> Sample:
    letters = string.ascii_letters + string.digits
    name = random.choice(NAMES)
    secrets = {"p": password(random), "k": key(random)}
    secrets["u"] = random.choice(("".join(random.choices(letters, k=14)), random.choice(WORDS.split()) + "42"))
    secrets |= {f"t{index}": make(random) for index, make in enumerate(TOKENS)}
    others = {"n": name, "N": name.upper(), "U": str(UUID(bytes=random.randbytes(16), version=4))}
    others |= {f"H{size}": random.randbytes(size // 2).hex() for size in (40, 64)}
    others |= {f"B{size}": "".join(random.choices(letters + "+/", k=size)) for size in (44, 64, 300)}
    values = secrets | others
    [secret] = [values[mark] for mark in _MARK.findall(template.text) if mark in secrets] or [""]
    path, text = (_MARK.sub(lambda mark: values[mark[1]], each) for each in (template.path, template.text))
    return Sample(template.kind, path, text, secret)
