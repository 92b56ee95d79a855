"""``file:///path``: values that lie in files, such as those of another tool in memory. Read only."""

from __future__ import annotations

from pathlib import Path

from ..errors import AccessDenied, SecretNotFound, StoreRefused
from ..model import MAX_VALUE_BYTES
from .managers import Content, SideBySide, Wanted
from .single import SingleStore, only_current


class Manager(SideBySide):
    """Reads files. A path is absolute (``file:///run/x``), or starts at the working directory (``file://x``)."""

    def store(self, path: str) -> SingleStore:
        """Return a directory as a store: each file is a secret of its name."""
        directory = Path(path).absolute()
        return SingleStore(
            f"file://{directory}", lambda name: self._fetch(Wanted(str(directory / name))), lambda: _names(directory)
        )

    def _fetch(self, wanted: Wanted) -> Content:
        uri = f"file://{wanted.path}"
        only_current(uri, wanted.version)
        try:
            with Path(wanted.path).open("rb") as file:
                return Content(uri, file.read(MAX_VALUE_BYTES + 1))  # enough to be refused, however much there is
        except (FileNotFoundError, NotADirectoryError):
            raise SecretNotFound(
                uri, (f"there is no file {wanted.path}",), "Make it, or change the reference."
            ) from None
        except PermissionError:
            raise AccessDenied(f"{uri} cannot be read: permission denied.") from None
        except OSError as error:
            raise StoreRefused(f"{uri} cannot be read: {error.strerror}.") from None


def _names(directory: Path) -> list[str]:
    try:
        return [each.name for each in directory.iterdir() if each.is_file()]
    except OSError as error:
        raise StoreRefused(f"file://{directory} cannot be listed: {error.strerror}.") from None
