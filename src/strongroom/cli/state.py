"""What all commands share: where the store is, who opens it, and how a person gives a passphrase."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import IdentityError, StoreNotFound, StoreUnsupported

if TYPE_CHECKING:
    from ..stores.base import Store
    from ..stores.embedded import EmbeddedStore
    from ..stores.embedded.identity import Identity

PASSPHRASE_FILE = "STRONGROOM_PASSPHRASE_FILE"  # noqa: S105 - a variable's name


@dataclass
class State:
    """The root command's options, for the commands below it. ``limit`` is how long a manager has for an answer."""

    core_limit: tuple[int, int]
    store: str | None = None
    identity_path: Path | None = None
    debug: bool = False
    limit: float = 30.0  # seconds
    reason: str = ""

    def open_store(self, files: Sequence[Path] = ()) -> Store:
        """Open the project's store: the one that was named, or that a Compose file declares, or else the embedded one.

        Raises:
            StoreNotFound, StoreDamaged: as ``EmbeddedStore``.
            StoreUnsupported, StoreUnavailable, StoreRefused: as ``stores.registry.open_store``.
        """
        if uri := self.uri(files):
            from ..stores.registry import open_store

            store = open_store(uri, self.limit)
            if context := click.get_current_context(silent=True):
                context.call_on_close(store.close)
            return store
        return self._open_embedded()

    def open_embedded(self, instead: str = "") -> EmbeddedStore:
        """Open the project's store for what the embedded one alone can do; ``instead`` says what others have for it.

        Raises:
            StoreNotFound, StoreDamaged: as ``EmbeddedStore``.
            StoreUnsupported: the project has another store.
        """
        if uri := self.uri():
            word = f": {instead}" if instead else ""
            raise StoreUnsupported(
                f"'strongroom {command()}' is for the embedded store, and this project's is {uri}{word}."
            )
        return self._open_embedded()

    def open_store_if_any(self, files: Sequence[Path] = ()) -> Store | None:
        """Open the project's store, if there is one; one that was named or declared has to be there.

        Raises:
            StrongroomError: as ``open_store``.
        """
        try:
            return self.open_store(files)
        except StoreNotFound:
            if self.store is not None:
                raise
            return None

    def uri(self, files: Sequence[Path] = (), directory: Path | None = None) -> str:
        """Return the URI of the project's store, as it was named or ``files`` declare it; '' for the embedded one.

        Without files, the project's own Compose file counts.

        Raises:
            DeclarationError: a file cannot be read, or declares no store.
        """
        if self.store is not None:
            return self.store if "://" in self.store else ""
        from ..compose_files import declared_store

        return declared_store(files, directory or Path.cwd())

    def _open_embedded(self) -> EmbeddedStore:
        from ..stores.embedded import DIRECTORY, EmbeddedStore, find
        from ..stores.embedded.audit import Origin

        if self.store is None:
            directory = find(Path.cwd())
        elif (directory := Path(self.store, DIRECTORY)).is_dir() or (directory := Path(self.store)).is_dir():
            pass
        else:
            raise StoreNotFound(f"there is no directory {self.store}, which --store or STRONGROOM_STORE names.")
        return EmbeddedStore(directory, self.identities, Origin.here(command(), self.reason))

    def identity_files(self) -> list[Path]:
        """Return the identity file that was named, or else the usual ones that are there."""
        from ..stores.embedded import identity

        return [self.identity_path] if self.identity_path else identity.candidates()[:1]

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


def reopened(store: Store) -> str:
    """Return what ``--store`` takes to open a store from any working directory."""
    directory: Path | None = getattr(store, "directory", None)
    return str(directory.resolve()) if directory else store.place


def command() -> str:
    """Return the name of the command that runs, without the program's: ``secret create``."""
    context = click.get_current_context(silent=True)  # there is none while a shell completes a command
    if context is None:
        return "completion"
    return context.command_path.removeprefix(context.find_root().command_path).strip()


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
