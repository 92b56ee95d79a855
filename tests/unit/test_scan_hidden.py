"""What is hidden is found: each encoding, at each alignment, in one another, and at the edges of windows."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest

from scanning import A_TOKEN, Scans, Told, cut
from strongroom.scan.detect import windows
from strongroom.scan.detect.decode import unescaped

Encode = Callable[[bytes], bytes]
PASSWORD = b"password = hunter22\n"


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scans]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield Scans()


def wrapped(data: bytes) -> bytes:
    return base64.encodebytes(data).replace(b"\n", b"\r\n    ")


def unpadded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


ENCODINGS: dict[str, tuple[Encode, tuple[str, ...]]] = {
    "base64": (base64.b64encode, ("base64",)),
    "URL-safe, unpadded": (unpadded, ("base64",)),
    "wrapped": (wrapped, ("base64",)),
    "hex": (lambda data: data.hex().encode(), ("hex",)),
    "HEX": (lambda data: data.hex().upper().encode(), ("hex",)),
    "UTF-16 LE": (lambda data: data.decode().encode("utf-16-le"), ("utf-16",)),
    "UTF-16 BE": (lambda data: data.decode().encode("utf-16-be"), ("utf-16",)),
    "UTF-16 with a mark": (lambda data: data.decode().encode("utf-16"), ("utf-16",)),
    "URL, each character": (lambda data: "".join(f"%{each:02X}" for each in data).encode(), ("url",)),
    "\\x": (lambda data: "".join(f"\\x{each:02x}" for each in data).encode(), ("escape",)),
    "\\u": (lambda data: "".join(f"\\u{each:04X}" for each in data).encode(), ("escape",)),
    "gzip in base64": (lambda data: base64.b64encode(gzip.compress(data)), ("base64", "gzip")),
    "base64 in base64": (lambda data: base64.b64encode(base64.b64encode(data)), ("base64", "base64")),
    "UTF-16 in base64": (lambda data: base64.b64encode(data.decode().encode("utf-16-le")), ("base64", "utf-16")),
    "Helm's release": (
        lambda data: base64.b64encode(base64.b64encode(gzip.compress(data))), ("base64", "base64", "gzip"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("before", [b"", b".", b"..", b"..."])
def test_a_token_in_an_encoding(scan: Scans, name: str, before: bytes) -> None:
    encode, told = ENCODINGS[name]
    if told[:2] == ("base64", "base64") and before:
        return  # where it is all that is hidden twice
    data = b"first line\n  x: " + encode(before + A_TOKEN + b"\n")
    (found,) = scan(data)
    if name != "wrapped":
        assert found[0] == "vendor-token" and found[1] == 2 and found[3:] == (A_TOKEN, told)
    assert found.value == A_TOKEN


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_password_in_an_encoding(scan: Scans, name: str) -> None:
    encode, told = ENCODINGS[name]
    assert [each[3:] for each in scan(b"x: " + encode(b"# all\n" + PASSWORD))] == [(b"hunter22", told)]


def test_the_column_is_that_of_the_run(scan: Scans) -> None:
    assert scan(b'{"a": "' + base64.b64encode(PASSWORD) + b'"}') == [
        Told("generic-password", 1, 8, b"hunter22", ("base64",))
    ]


def test_utf16_has_lines_and_columns_of_its_own(scan: Scans) -> None:
    for kind in ("utf-16-le", "utf-16-be"):
        data = "\ufeffone\ntwo\npassword = hunter22\n".encode(kind)
        assert scan(data) == [Told("generic-password", 3, 12, b"hunter22", ("utf-16",))]
        data = "schöne\nWörter\npassword = hunter22\n".encode(kind)
        assert scan(data) == [Told("generic-password", 3, 12, b"hunter22", ("utf-16",))]


def test_an_excerpt_masks_the_run(scan: Scans) -> None:
    (found,) = scan.findings([b"x: " + base64.b64encode(PASSWORD) + b" y"])
    assert found.excerpt == "x: ***** y"


def test_json_in_json_in_base64(scan: Scans) -> None:
    inner = json.dumps({"config": json.dumps({"db": {"password": "hunter\u0026'22"}})})
    (found,) = scan(b"data = " + base64.b64encode(inner.encode()))
    assert found.value == b"hunter&" and found.encoding == ("base64", "escape")


def test_an_escaped_document_in_a_line(scan: Scans) -> None:
    line = json.dumps({"a": json.dumps({"password": "hunter22", "user": "me"})}).encode()
    assert scan(line) == [Told("generic-password", 1, line.index(b"hunter22") + 1, b"hunter22", ("escape",))]


def test_a_url_in_a_url(scan: Scans) -> None:
    assert scan(b"next=" + quote('{"password":"hunter22"}').encode())[0][3:] == (b"hunter22", ("url",))


def test_the_values_of_a_kubernetes_secret(scan: Scans) -> None:
    manifest = b"""\
apiVersion: v1
kind: Secret
metadata:
  name: shop
type: Opaque
data:
  DB_PASSWORD: %b
  user: %b
  file: %b
---
kind: ConfigMap
data:
  DB_PASSWORD: bm90aGVy
""" % tuple(map(base64.b64encode, (b"hunter22", b"someone", b"a\nb=1\n" + PASSWORD)))
    assert [each for each in scan(manifest) if each.encoding] == [
        Told("generic-password", 7, 16, b"hunter22", ("base64",)),
        Told("generic-password", 9, 9, b"hunter22", ("base64",)),
    ]
    as_json = json.dumps({"kind": "Secret", "data": {"password": base64.b64encode(b"hunter22").decode()}})
    assert [each.value for each in scan(as_json.encode())] == [b"hunter22"]


def test_dockers_logins(scan: Scans) -> None:
    logins = {"auths": {"registry.test": {"auth": base64.b64encode(b"user:hunter22").decode()}}}
    assert [each[3:] for each in scan(json.dumps(logins, indent=2).encode())] == [(b"hunter22", ("base64",))]


def test_a_run_longer_than_a_window_is_looked_at_to_its_end(scan: Scans) -> None:
    lines = [b"nothing here, nothing at all"] * (4 * windows.SIZE // 29)
    wanted = []
    for place in range(0, len(lines), 5000):
        lines[place] = b"password = hunter%05d" % place
        wanted.append(b"hunter%05d" % place)
    text = b"\n".join(lines)
    for encode in (base64.b64encode, base64.encodebytes, bytes.hex):
        encoded = encode(text)
        data = b"x: " + (encoded.encode() if isinstance(encoded, str) else encoded)
        assert sorted(each.value for each in scan(*cut(data, 100_000))) == wanted
    found = scan(*cut(text.decode().encode("utf-16"), 100_000))
    assert [each.value for each in found] == wanted
    assert [each.line for each in found] == list(range(1, len(lines) + 1, 5000))


def test_nesting_and_inflating_are_bounded(scan: Scans) -> None:
    data = PASSWORD
    for _ in range(9):
        data = base64.b64encode(b"secret " + data)
    assert scan(data) == []
    bomb = gzip.compress(gzip.compress(b"\0" * 300_000_000))
    assert scan(base64.b64encode(bomb)) == []
    cut_short = base64.b64encode(gzip.compress(PASSWORD * 50)[:-12])
    assert b"hunter22" in {each.value for each in scan(cut_short)}
    assert scan(base64.b64encode(b"\x1f\x8b\x08" + b"no gzip" * 9)) == []


@pytest.mark.parametrize(
    "data", [b"\\x41" * 200_000, b"%41" * 300_000, b"cGFzc3dvcmQ" * 100_000, b"p\0a\0s\0s\0w\0o\0" * 90_000]
)
def test_many_triggers_are_one_run(scan: Scans, data: bytes) -> None:
    assert scan(data) == []


def test_escapes() -> None:
    assert unescaped(rb"a\nb\"c\\nd\u0041\x42\/") == b'a\nb"c\\ndAB/'
    assert unescaped(b"\\") == b"\\"
    assert unescaped(rb"\u00e4\xe4\q") == "ä".encode() + b"\xe4\\q"


def test_a_run_that_starts_the_text(scan: Scans) -> None:
    for size in (*range(240, 270), 2040, 2048, 2056):
        encoded = base64.b64encode(b"." * size + b" " + A_TOKEN)
        assert [each.value for each in scan(encoded)] == [A_TOKEN], size
