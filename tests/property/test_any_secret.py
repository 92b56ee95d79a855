"""The reader, for any name and any content."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom import get_secret, get_secret_bytes, validate_password
from strongroom.errors import InvalidName, SecretNotFound, SecretUnreadable


@pytest.fixture(scope="module", autouse=True)
def secrets_directory() -> object:
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRETS_DIR", directory)
        yield Path(directory)


@given(
    text=st.text(st.characters(blacklist_categories=["Cs"])), end=st.sampled_from(["", "\n", "\r\n", "\n\n", "\r\n\n"])
)
def test_only_newlines_at_the_end_are_stripped(secrets_directory: Path, text: str, end: str) -> None:
    path = secrets_directory / "x"
    path.write_bytes((text + end).encode())
    value = get_secret("x")
    assert (text + end).startswith(value)
    assert set((text + end)[len(value) :]) <= {"\r", "\n"}
    assert not value.endswith("\n")
    assert get_secret_bytes("x") == (text + end).encode()
    assert validate_password(value, "x") is (value != "")


@given(name=st.text(max_size=30))
def test_no_name_leads_out_of_the_directory(secrets_directory: Path, name: str) -> None:
    try:
        get_secret(name)
    except InvalidName:
        assert name in ("", ".", "..") or any(c in "/\\\0" or "\ud800" <= c <= "\udfff" for c in name)
    except (SecretNotFound, SecretUnreadable):
        assert (secrets_directory / name).resolve().parent == secrets_directory.resolve()


@given(data=st.binary(max_size=300), provided=st.binary(max_size=300))
def test_only_the_value_itself_is_valid(secrets_directory: Path, data: bytes, provided: bytes) -> None:
    (secrets_directory / "y").write_bytes(data)
    try:
        value = get_secret("y").encode()
    except SecretUnreadable:
        return
    assert validate_password(provided, "y") is (provided == value != b"")
