"""What names, files and values say: the parts that the judgement of an assigned value is put together from."""

from __future__ import annotations

import zlib

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.scan.detect import checksums, files, keys, values
from strongroom.scan.detect.files import Kind
from strongroom.scan.detect.keys import Key


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("DB_PASSWORD", Key.PASSWORD),
        ("dbPass", Key.PASSWORD),
        ("spring.datasource.password", Key.PASSWORD),
        ("password2", Key.PASSWORD),
        ("requirepass", Key.PASSWORD),
        ("api_key", Key.SECRET),
        ("aws_secret_access_key", Key.SECRET),
        ("clientSecret", Key.SECRET),
        ("authToken", Key.TOKEN),
        ("bindpw", Key.PASSWORD),
        ("STORAGE_KEY", Key.TOKEN),
        ("key", Key.WEAK),
        ("password_field", Key.NONE),
        ("passwordLabel", Key.NONE),
        ("forgotPassword", Key.NONE),
        ("secretName", Key.NONE),
        ("tokenUrl", Key.NONE),
        ("csrf_token", Key.NONE),
        ("publicKey", Key.NONE),
        ("AccessKeyId", Key.NONE),
        ("authenticity_token", Key.NONE),
        ("PASSWORD_HASHERS", Key.NONE),
        ("password_pop_host", Key.NONE),
        ("compass", Key.NONE),
        ("passenger", Key.NONE),
        ("", Key.NONE),
    ],
)
def test_names(name: str, key: Key) -> None:
    assert keys.of(name) is key


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("src/a.py", Kind.CODE),
        (".env.production", Kind.CONFIG),
        ("config/app.yml.example", Kind.CONFIG),
        ("Dockerfile", Kind.SHELL),
        ("dockerfile.dev", Kind.SHELL),
        ("README.md", Kind.PROSE),
        ("a/b.xml", Kind.MARKUP),
        ("app.jar!/conf/db.properties", Kind.CONFIG),
        ("Env DB_PASSWORD", Kind.UNKNOWN),
        ("", Kind.UNKNOWN),
    ],
)
def test_files(path: str, kind: Kind) -> None:
    assert files.of(path).kind is kind


def test_files_of_a_sort() -> None:
    assert files.of("config.sample.php").template and not files.of("config.php").template
    assert files.of("app/LocalStrings_zh_CN.properties").language and files.of("p/localization/da_DK/x.inc").language
    assert files.of("src/locales/de.json").language and not files.of("src/local.json").language
    assert files.of("web/app.min.js").dense and files.of("yarn.lock").dense
    assert files.of("main.tf").strict and not files.of("a.yml").strict


@pytest.mark.parametrize(
    "value",
    ["somerootpassword", "{$API.PASSWORD}", "%{User-Name}", "SAME_KEY_ON_BOTH_ENDS", "eyJhbGciOiJIUzI1NiJ9.abc.def",
     "'$NEW_PASS'", "'.$pass.'", "(?:[A-Z]{4})+", "@user_password"],
)  # fmt: skip
def test_left_open_to_others(value: str) -> None:
    assert values.left_open(value)


@pytest.mark.parametrize(
    "value",
    ["${X}", "{{ x }}", "<password>", "%(x)s", "$X", "your-password", "changeme", "xxxxxx", "********", "null",
     "REDACTED", "vault:secret/x", "ENC(a8f)", "#{x}", "%s", "TODO"],
)  # fmt: skip
def test_left_open(value: str) -> None:
    assert values.left_open(value)


@pytest.mark.parametrize("value", ["changeit", "admin", "hunter2", "P@ssw0rd!", "123456", "root", "Kd82LmQx7Zp0"])
def test_not_left_open(value: str) -> None:
    assert not values.left_open(value)


@pytest.mark.parametrize(
    "value", ["f3a9Kd82LmQx7Zp0WvBn", "5f0c3e7a9b1d4f6e8a2c4b6d", "q7Zf+93kd/LmXw02", "29AV1-3OFV9-VVIUB"]
)
def test_random(value: str) -> None:
    assert values.is_random(value)


@pytest.mark.parametrize(
    "value",
    ["user-settings-panel", "ClientVpnTargetNetworks", "RSA_2048", "12345678901234", "getUserName", "two words", "ab1"],
)
def test_not_random(value: str) -> None:
    assert not values.is_random(value)


@pytest.mark.parametrize("value", ["kqwzdtvbnm", "TVTZDiQZDzjkWqVkNCxr", "djfksldkfjalewiorjf"])
def test_gibberish(value: str) -> None:
    assert values.is_gibberish(value) and values.is_mixed(value)


@pytest.mark.parametrize("value", ["purplelantern", "authentication_backend", "qwz", "aaaaaaaaaa", "Kennwortabfrage"])
def test_no_gibberish(value: str) -> None:
    assert not values.is_gibberish(value)


@given(st.text(max_size=60))
def test_any_value(value: str) -> None:
    for look in (
        values.left_open,
        values.is_random,
        values.is_code,
        values.is_other,
        values.is_prose,
        values.made_up,
        values.is_gibberish,
        values.is_path,
    ):
        assert look(value) in {True, False}


@given(st.text(alphabet="ABCDEFabcdef0123456789", min_size=30, max_size=30))
def test_github_checksum(body: str) -> None:
    token = f"ghp_{body}".encode() + checksums.base62(zlib.crc32(body.encode())).rjust(6, b"0")
    assert checksums.crc_base62(token)
    assert not checksums.crc_base62(token[:-1] + (b"0" if token[-1:] != b"0" else b"1"))


def test_bech32() -> None:
    identity = str(pyrage.x25519.Identity.generate()).encode()
    assert checksums.bech32(identity)
    assert not checksums.bech32(identity[:-1] + (b"Q" if identity[-1:] != b"Q" else b"P"))


def test_jwt() -> None:
    assert not checksums.jwt(b"eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln")
    assert not checksums.jwt(b"eyJh.eyJi.x")
