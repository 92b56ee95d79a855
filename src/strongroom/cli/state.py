"""What all commands share: where the store is, who opens it, and how a person gives a passphrase."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import IdentityError, StoreNotFound

if TYPE_CHECKING:
    from ..stores.embedded import EmbeddedStore
    from ..stores.embedded.identity import Identity

PASSPHRASE_FILE = "STRONGROOM_PASSPHRASE_FILE"  # noqa: S105 - a variable's name


@dataclass
class State:
    """The root command's options, for the commands below it."""

    core_limit: tuple[int, int]
    store_path: Path | None = None
    identity_path: Path | None = None
    debug: bool = False

    def open_store(self) -> EmbeddedStore:
        """Open the project's store.

        Raises:
            StoreNotFound, StoreDamaged, StoreUnsupported: as ``EmbeddedStore``.
        """
        from ..stores.embedded import DIRECTORY, EmbeddedStore, find
        from ..stores.embedded.audit import Origin

        if self.store_path is None:
            directory = find(Path.cwd())
        elif (directory := self.store_path / DIRECTORY).is_dir() or (directory := self.store_path).is_dir():
            pass
        else:
            raise StoreNotFound(f"there is no directory {self.store_path}, which --store or STRONGROOM_STORE names.")
        return EmbeddedStore(directory, self.identities, Origin.here(command()))

    def open_store_if_any(self) -> EmbeddedStore | None:
        """Open the project's store, if there is one; one that was named has to be there.

        Raises:
            StoreNotFound, StoreDamaged, StoreUnsupported: as ``open_store``.
        """
        try:
            return self.open_store()
        except StoreNotFound:
            if self.store_path is not None:
                raise
            return None

    def identities(self) -> Iterator[Identity]:
        """Open the identity that was named, or else each of the usual ones.

        Raises:
            IdentityError: the one that was named cannot be opened.
        """
        from ..stores.embedded import identity

        if self.identity_path is not None:
            yield identity.load(self.identity_path, ask_passphrase)
            return
        refused = None
        for path in identity.candidates():
            try:
                yield identity.load(path, ask_passphrase)
            except IdentityError as error:
                refused = refused or error
        if refused:
            raise refused


def command() -> str:
    """Return the name of the command that runs, without the program's: ``secret create``."""
    context = click.get_current_context(silent=True)  # there is none while a shell completes a command
    return context.command_path.partition(" ")[2] if context else "completion"


def ask_passphrase(prompt: str) -> str:
    """Return a passphrase: from the file that ``STRONGROOM_PASSPHRASE_FILE`` names, or typed, unseen, on the terminal.

    Raises:
        IdentityError: there is neither.
    """
    path = os.environ.get(PASSPHRASE_FILE)
    if path:
        try:
            return Path(path).read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise IdentityError(f"{PASSPHRASE_FILE} names {path}, which cannot be read.") from None
    return _ask_on_terminal(prompt)


def ask_new_passphrase() -> str:
    """Return a new passphrase, asked for twice.

    Raises:
        IdentityError: as ``ask_passphrase``, or it is empty, or the two differ.
    """
    first = ask_passphrase("New passphrase: ")
    if not first:
        raise IdentityError("an empty passphrase protects nothing: give one, or leave --passphrase out.")
    if not os.environ.get(PASSPHRASE_FILE) and first != _ask_on_terminal("The same again: "):
        raise IdentityError("the two passphrases differ. Nothing was made.")
    return first


def _ask_on_terminal(prompt: str) -> str:
    import getpass

    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))  # standard input may be the value
    except OSError:
        raise IdentityError(
            f"a passphrase is needed, and there is no terminal to ask on. Name a file with it in {PASSPHRASE_FILE}."
        ) from None
    return getpass.getpass(prompt)
