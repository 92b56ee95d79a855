"""Secrets in a KV engine of version 1, which keeps one version of each, and neither times nor labels."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import SecretNotFound
from ...model import Name, Value
from ..managers import Content, to_document
from ..single import SingleStore, Writing
from .session import Session


def open_kv1(session: Session, mount: str, prefix: str) -> SingleStore:
    """Return the secrets at ``mount`` + ``prefix`` + name as a store."""
    path = f"{mount}{prefix}"

    def fetch(name: str) -> Content:
        uri = f"vault://{path}{name}"
        answer = session.request("GET", f"{path}{name}")
        if answer is None:
            raise SecretNotFound(uri, ("Vault has nothing there",), "Look at the path.")
        return Content(uri, answer["data"])

    def names() -> Sequence[str]:
        answer = session.request("LIST", path.rstrip("/")) or {}
        return (answer.get("data") or {}).get("keys") or []

    def put(name: Name, value: Value) -> None:
        session.request("POST", f"{path}{name}", to_document(value))

    def delete(name: Name) -> None:
        session.request("DELETE", f"{path}{name}")

    return SingleStore(f"vault://{path}".rstrip("/"), fetch, names, Writing(put, delete), session.close)
