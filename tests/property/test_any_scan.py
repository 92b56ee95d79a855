"""Whatever a text is and however it is cut: what is planted is told once, and where it stands."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanning import A_TOKEN, Scans, Told, knowing
from strongroom.scan.detect import windows
from strongroom.scan.detect.rules import RuleSet
from strongroom.scan.detect.windows import Window

WEAK = b"correcthorse"
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "base64": base64.b64encode,
    "hex": lambda data: data.hex().encode(),
    "gzip": lambda data: base64.b64encode(gzip.compress(data)),
    "escape": lambda data: "".join(f"\\x{each:02x}" for each in data).encode(),
    "url": lambda data: "".join(f"%{each:02x}" for each in data).encode(),
}
chunked = st.lists(st.binary(max_size=300), max_size=12)
quiet = st.text("abcdef ,;\n", max_size=200).map(str.encode)


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scans]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield Scans(known=knowing(WEAK))


@settings(deadline=None, max_examples=50)
@given(chunked)
def test_any_bytes(scan: Scans, chunks: list[bytes]) -> None:
    assert scan(*chunks) == scan(b"".join(chunks))


@settings(deadline=None, max_examples=50)
@given(quiet, quiet, st.integers(1, 50))
def test_a_token_is_told_where_it_stands(scan: Scans, before: bytes, after: bytes, size: int) -> None:
    text = before + b"\n= " + A_TOKEN + b" " + after
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    assert scan(*chunks) == [Told("vendor-token", before.count(b"\n") + 2, 3, A_TOKEN)]


@settings(deadline=None, max_examples=50)
@given(quiet, quiet, st.lists(st.sampled_from(sorted(ENCODERS)), min_size=1, max_size=2))
def test_a_known_value_is_found_in_one_encoding_and_mostly_in_two(
    scan: Scans, before: bytes, after: bytes, ways: list[str]
) -> None:
    data = before + b" " + WEAK + b" " + after
    for way in ways:
        data = ENCODERS[way](data)
    found = scan(data)
    if len(ways) == 1:
        assert [each.value for each in found] == [WEAK]
    assert {each.value for each in found} <= {WEAK}


@settings(deadline=None, max_examples=50)
@given(st.binary(min_size=8, max_size=100).filter(lambda value: value.rstrip(b"\r\n") == value), quiet)
def test_any_known_value(value: bytes, around: bytes) -> None:
    scan = Scans(RuleSet(()), knowing(value))
    for data in (value, base64.b64encode(b"." + value), value.hex().encode(), quote(value).encode()):
        found = scan(around + b"\n" + data + b"\n" + around)
        assert value in {each.value for each in found}


@settings(deadline=None, max_examples=50)
@given(st.lists(st.binary(max_size=60), max_size=40))
def test_windows_are_the_chunks_with_overlaps(chunks: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "SIZE", 64)
        patch.setattr(windows, "AHEAD", 16)
        patch.setattr(windows, "BEHIND", 8)
        found = list(windows.windows(chunks))
    whole = b"".join(chunks)
    assert b"".join(each.data[each.first : each.limit] for each in found) == whole
    assert all(_right(each, whole) for each in found)


def _right(window: Window, whole: bytes) -> bool:
    start = whole.rfind(b"\n", 0, window.offset) + 1
    return (
        whole[window.offset : window.offset + len(window.data)] == window.data
        and window.line == whole.count(b"\n", 0, window.offset) + 1
        and window.column == len(whole[start : window.offset].translate(None, bytes(range(0x80, 0xC0))))
    )
