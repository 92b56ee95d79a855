"""The audit: what it records, what is chosen of it, where it is handed on, and what it says of who can read what."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest

from strongroom import compose
from strongroom.audit import handing
from strongroom.audit.access import May, matrix
from strongroom.audit.entries import Wanted, moment, row
from strongroom.errors import DeclarationError, DeliveryError, IdentityError, SecretExists, SecretNotFound
from strongroom.model import Name, Stage, Value
from strongroom.stores.audited import Event, Happening, read_for
from strongroom.stores.embedded import EmbeddedStore
from strongroom.stores.embedded.audit import Action, Entry, Origin
from support import ORIGIN, new_identity, new_store, recipient_of

DB = Name("db")
IDENTITY = new_identity()
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BEFORE = 3  # init, recipients, create


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    store = new_store(tmp_path, IDENTITY)
    store.create(DB, Value(b"the value"))
    yield store
    store.close()


def told(store: EmbeddedStore) -> list[tuple[str, str | None, int | None, dict[str, object]]]:
    """Return what was recorded since the store was made."""
    store.verify()
    return [(each.action, each.secret, each.version, each.detail) for each in store.audit_entries(BEFORE)]


def test_a_reading_for_somebody_is_a_delivery(store: EmbeddedStore) -> None:
    assert read_for(store, [(DB, Stage.CURRENT)], "api") == [Value(b"the value")]
    assert told(store) == [("deliver", "db", 1, {"to": "api"})]


@pytest.mark.parametrize(
    ("attempt", "error", "detail"),
    [
        (lambda store: store.read(Name("no")), SecretNotFound, {"tried": "read"}),
        (lambda store: store.read(Name("no"), 3), SecretNotFound, {"tried": "read"}),
        (lambda store: store.read_for([(Name("no"), 1)], "api"), SecretNotFound, {"tried": "deliver", "to": "api"}),
        (lambda store: store.write(Name("no"), Value(b"x")), SecretNotFound, {"tried": "write"}),
        (lambda store: store.remove(Name("no")), SecretNotFound, {"tried": "remove"}),
        (lambda store: store.destroy(Name("no"), 1), SecretNotFound, {"tried": "destroy"}),
        (lambda store: store.set_labels(Name("no"), {}), SecretNotFound, {"tried": "labels"}),
        (lambda store: store.move_stage(Name("no"), Stage.PENDING, 1), SecretNotFound, {"tried": "stage"}),
    ],
)
def test_a_failure_is_recorded(
    store: EmbeddedStore, attempt: Callable[[EmbeddedStore], object], error: type[Exception], detail: dict[str, str]
) -> None:
    with pytest.raises(error):
        attempt(store)
    assert told(store) == [("fail", "no", None, {**detail, "error": error.__name__})]


def test_several_readings_are_recorded_all_or_none(store: EmbeddedStore) -> None:
    with pytest.raises(SecretNotFound):
        store.read_many([(DB, 1), (Name("no"), 1)])
    assert told(store) == [("fail", "no", None, {"tried": "read", "error": "SecretNotFound"})]
    with pytest.raises(SecretExists):
        store.create(DB, Value(b"another"))
    assert told(store)[1:] == [("fail", "db", None, {"tried": "create", "error": "SecretExists"})]


def test_who_cannot_open_the_store_cannot_write_into_its_chain(store: EmbeddedStore) -> None:
    stranger = EmbeddedStore(store.directory, lambda: [new_identity()], ORIGIN)
    with pytest.raises(IdentityError):
        stranger.read(DB)
    with pytest.raises(IdentityError):
        stranger.record([Event(Happening.DENY, "db")])
    assert told(store) == []


def test_the_reason_is_part_of_the_chain(store: EmbeddedStore) -> None:
    origin = Origin("ada", "desk", "secret reveal", "ticket 42")
    asking = EmbeddedStore(store.directory, lambda: [IDENTITY], origin)
    asking.read(DB)
    last = asking.audit_entries()[-1]
    assert (last.actor, last.host, last.command, last.reason) == ("ada", "desk", "secret reveal", "ticket 42")
    shown = row(last)
    assert (shown["Reason"], shown["Detail"], shown["Code"]) == ("ticket 42", {}, last.mac.hex())
    asking.verify()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10m", NOW - timedelta(minutes=10)),
        ("1h30m", NOW - timedelta(hours=1, minutes=30)),
        ("2d", NOW - timedelta(days=2)),
        ("1.5s", NOW - timedelta(seconds=1.5)),
        ("0s", NOW),
        ("1767225600", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-31T15:04:05Z", datetime(2026, 1, 31, 15, 4, 5, tzinfo=UTC)),
        ("2026-01-31T15:04:05+02:00", datetime(2026, 1, 31, 13, 4, 5, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31).astimezone(UTC)),
    ],
)
def test_a_time(text: str, expected: datetime) -> None:
    assert moment(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "m", "10", "10x", "-5m", "yesterday", "2026-13-01", "9" * 40, "9" * 20 + "d"])
def test_no_time(text: str) -> None:
    if text == "10":
        assert moment(text, NOW) == datetime(1970, 1, 1, 0, 0, 10, tzinfo=UTC)
        return
    with pytest.raises(DeclarationError, match="is not a time"):
        moment(text, NOW)


def entry(seq: int, action: Action, secret: str | None, version: int | None = None, **detail: str) -> Entry:
    at = f"2026-03-01T12:{seq:02}:00.000000Z"
    return Entry(seq, at, "ada", "desk", "run", action, secret, version, dict(detail), bytes([seq]))


ENTRIES = [
    entry(1, Action.INIT, None),
    entry(2, Action.READ, "db_password", 1),
    entry(3, Action.DELIVER, "db_password", 1, to="shop_api"),
    entry(4, Action.DENY, "db_admin", to="shop_api"),
]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), [1, 2, 3, 4]),
        (Wanted(secrets=["db_password"]), [2, 3]),
        (Wanted(secrets=["db_*"]), [2, 3, 4]),
        (Wanted(actions=["deny", "read"]), [2, 4]),
        (Wanted(actors=["bob"]), []),
        (Wanted(actors=["a*"], secrets=["db_admin"]), [4]),
        (Wanted(since=NOW + timedelta(minutes=2)), [2, 3, 4]),
        (Wanted(since=NOW + timedelta(minutes=2), until=NOW + timedelta(minutes=3)), [2]),
    ],
)
def test_what_is_wanted(wanted: Wanted, expected: list[int]) -> None:
    assert [each.seq for each in ENTRIES if wanted(each)] == expected


def test_following_goes_on_where_it_was(store: EmbeddedStore) -> None:
    followed = handing.follow(store.audit_entries, 2)
    assert next(followed).action is Action.CREATE
    store.read(DB)
    store.write(DB, Value(b"another"))
    assert [each.action for each in islice(followed, 2)] == [Action.READ, Action.WRITE]


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    monkeypatch.setattr(handing, "SYSLOG", tmp_path / "log")
    monkeypatch.setattr(handing, "JOURNAL", tmp_path / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "log"))
        listening.settimeout(10)
        yield listening


def test_syslog(listener: socket.socket) -> None:
    handing.to_syslog(ENTRIES[1])
    handing.to_syslog(ENTRIES[3])
    first, second = listener.recv(65536).decode(), listener.recv(65536).decode()
    assert first.startswith("<86>strongroom: {")  # authpriv.info
    assert json.loads(first.partition(": ")[2]) == row(ENTRIES[1])
    assert second.startswith("<84>strongroom: {")  # authpriv.warning


def journal_fields(data: bytes) -> dict[str, str]:
    """Read the journal's native protocol: NAME=TEXT, or NAME, a length, and as many bytes."""
    fields = {}
    while data:
        head, _, rest = data.partition(b"\n")
        name, equals, text = head.partition(b"=")
        if not equals:
            size = int.from_bytes(rest[:8], "little")
            text, rest = rest[8 : 8 + size], rest[9 + size :]
        fields[name.decode()], data = text.decode(), rest
    return fields


def test_journal(listener: socket.socket) -> None:
    handing.to_journal(ENTRIES[2])
    fields = journal_fields(listener.recv(65536))
    assert json.loads(fields["MESSAGE"]) == row(ENTRIES[2])
    assert (fields["PRIORITY"], fields["SYSLOG_IDENTIFIER"], fields["SYSLOG_FACILITY"]) == ("6", "strongroom", "10")
    assert fields["STRONGROOM_TO"] == "shop_api"
    assert fields["STRONGROOM_SECRET"] == "db_password"
    handing.to_journal(entry(5, Action.READ, "x", 1, reason="two\nlines"))
    assert journal_fields(listener.recv(65536))["STRONGROOM_REASON"] == "two\nlines"


def test_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handing, "SYSLOG", tmp_path / "nowhere")
    with pytest.raises(DeliveryError, match=r"nowhere takes no messages: .* go on with: --after 1"):
        handing.to_syslog(ENTRIES[1])


PROJECT = """
services:
  api:
    image: api
    user: "1000:1000"
    secrets:
      - {source: db_password, uid: "1000", mode: 0400}
      - {source: tls_key, uid: "0", mode: 0400}
  web_api:
    image: web
    secrets: [db_password]
secrets:
  db_password: {external: true}
  tls_key: {external: true}
"""


def test_who_can_read_beside_who_did(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text(PROJECT)
    entries = [
        *ENTRIES,
        entry(5, Action.DELIVER, "db_password", 2, to="shop/api"),
        entry(6, Action.DELIVER, "db_password", 2, to="shop_web_api"),
        entry(7, Action.DELIVER, "tls_key", 1, to="process sh"),
        entry(8, Action.EXPORT, "tls_key"),
    ]
    recipient = recipient_of(IDENTITY)
    rows = matrix(compose.load(path), [recipient], entries, None)
    found = [(each.secret, each.to, each.user, each.may, each.reads, each.version) for each in rows]
    assert found == [
        ("db_password", "api", "1000:1000", May.YES, 2, 2),
        ("db_password", "web_api", "", May.YES, 1, 2),
        ("db_password", "", "ada@desk", May.YES, 1, 1),
        ("tls_key", "api", "1000:1000", May.NO, 0, None),
        ("tls_key", "process sh", "", May.UNDECLARED, 1, 1),
        ("tls_key", "", "ada@desk", May.YES, 1, None),
        ("*", "", recipient.key, May.YES, 0, None),
    ]
    assert rows[0].last == "2026-03-01T12:05:00.000000Z"
