"""A Swarm secret driver: its policy, its fetches, its answers, and the protocol on a real socket."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from strongroom.delivery.driver import Options, nodes, unit
from strongroom.delivery.driver.answers import Answers
from strongroom.delivery.driver.fetches import Fetches
from strongroom.delivery.driver.policy import Policy
from strongroom.delivery.driver.server import serving_on
from strongroom.errors import DeclarationError, DeliveryError, PolicyDenied, SecretNotFound, StoreBusy, StoreUnavailable
from strongroom.model import Value
from strongroom.references import Reference
from strongroom.stores.audited import Event, Happening

REFERENCE = Reference.parse("vault://secret/shop/db#password")
VALUE = Value(b"what the store has for the shop")
POLICY = """
[[allow]]
services = ["shop_*"]
references = ["vault://secret/shop/*", "file:///run/shop/*"]

[[allow]]
services = ["mail"]
references = ["vault://secret/mail#password"]
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    return path


def allowed(policy: Policy, service: str, reference: str) -> bool:
    try:
        policy.check(service, Reference.parse(reference))
    except PolicyDenied:
        return False
    return True


@pytest.mark.parametrize(
    ("service", "reference", "expected"),
    [
        ("shop_api", "vault://secret/shop/db#password", True),
        ("shop_api", "vault://secret/shop/db#password?version=2", True),
        ("shop_api", "file:///run/shop/key", True),
        ("mail", "vault://secret/mail#password", True),
        ("mail", "vault://secret/mail#other", False),
        ("mail", "vault://secret/mail#password?version=1", False),
        ("mail", "vault://secret/shop/db#password", False),
        ("shopping", "vault://secret/shop/db#password", False),
        ("other_shop_api", "vault://secret/shop/db#password", False),
        ("shop_api", "vault://secret/shopping/db#password", False),
        ("shop_api", "vault://secret/shop/../mail#password", False),
        ("shop_api", "vault://secret/shop/%2E%2E/mail#password", False),
        ("shop_api", "VAULT://secret/shop/db", None),
        ("", "vault://secret/shop/db#password", False),
    ],
)
def test_policy(policy: Path, service: str, reference: str, expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(ValueError, match="not a reference"):
            Reference.parse(reference)
    else:
        assert allowed(Policy(policy), service, reference) is expected


def test_without_a_policy_only_managers_are_asked() -> None:
    assert allowed(Policy(None), "any", "vault://secret/any")
    for scheme in ("file", "env", "command", "pass", "sops", "strongroom"):
        assert not allowed(Policy(None), "any", f"{scheme}://etc/shadow")


def test_a_policy_is_read_again(policy: Path) -> None:
    kept = Policy(policy)
    assert not allowed(kept, "other", "vault://secret/shop/db")
    policy.write_text('[[allow]]\nservices = ["other"]\nreferences = ["*"]\n')
    assert allowed(kept, "other", "vault://secret/shop/db")
    policy.write_text("[[allow]]\n")
    for _ in range(2):  # a wrong one denies everything, and goes on to
        with pytest.raises(DeclarationError):
            kept.check("other", REFERENCE)


@pytest.mark.parametrize(
    "content",
    ["allow", "[allow]", "[[deny]]", '[[allow]]\nservices = ["a"]', '[[allow]]\nservices = "a"\nreferences = ["*"]',
     '[[allow]]\nservices = ["a"]\nreferences = ["*"]\nnodes = ["n"]', '[[allow]]\nservices = []\nreferences = ["*"]'],
)  # fmt: skip
def test_a_wrong_policy(policy: Path, content: str) -> None:
    policy.write_text(content)
    with pytest.raises(DeclarationError, match="policy"):
        Policy(policy)


class Source:
    """A store that answers when it is told to, and counts how often it is asked."""

    def __init__(self, answers: bool = True) -> None:
        self.asked = 0
        self.go = threading.Event()
        if answers:
            self.go.set()

    def read(self, reference: Reference) -> Value:
        self.asked += 1
        self.go.wait(10)
        if "missing" in reference.path:
            raise SecretNotFound(str(reference), ("nowhere",), "Make it.")
        if "down" in reference.path:
            raise StoreUnavailable("it is sealed.")
        return VALUE


def together(count: int, call: Callable[[int], object]) -> list[object]:
    results: list[object] = [None] * count

    def run(index: int) -> None:
        try:
            results[index] = call(index)
        except Exception as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return results


def test_many_who_ask_the_same_cost_one_fetch() -> None:
    source = Source(answers=False)
    fetches = Fetches(source.read, 5, 4)
    threading.Timer(0.2, source.go.set).start()
    assert together(300, lambda _: fetches.get(REFERENCE)) == [VALUE] * 300
    assert source.asked == fetches.started == 1
    assert fetches.joined == 299
    assert [fetches.get(REFERENCE) for _ in range(50)] == [VALUE] * 50  # one after the other, as Swarm asks
    assert source.asked == 1


def test_nothing_is_kept() -> None:
    source = Source()
    fetches = Fetches(source.read, 5, 4)
    fetches.get(REFERENCE)
    time.sleep(1.2)
    assert not fetches._fetches
    fetches.get(REFERENCE)
    assert source.asked == 2


def test_a_slow_store_costs_the_deadline_once() -> None:
    source = Source(answers=False)
    fetches = Fetches(source.read, 0.3, 4)
    with pytest.raises(StoreUnavailable, match=r"did not answer within 0\.3 s"):
        fetches.get(REFERENCE)
    assert list(fetches.down()) == ["vault://"]
    began = time.monotonic()
    for _ in range(100):
        with pytest.raises(StoreUnavailable, match="is not asked for"):
            fetches.get(REFERENCE)
    assert time.monotonic() - began < 0.3
    source.go.set()
    time.sleep(0.7)
    assert fetches.get(REFERENCE) == VALUE
    assert fetches.down() == {}


def test_as_many_fetches_as_allowed() -> None:
    source = Source(answers=False)
    fetches = Fetches(source.read, 0.3, 3)
    results = together(5, lambda index: fetches.get(Reference("vault", f"p{index}")))
    assert source.asked == fetches.under_way == 3
    assert sum("too many fetches" in str(each) for each in results) == 2
    source.go.set()


def test_an_error_is_not_a_store_that_is_down() -> None:
    fetches = Fetches(Source().read, 5, 4)
    for _ in range(2):
        with pytest.raises(SecretNotFound):
            fetches.get(Reference("vault", "missing"))
    assert fetches.get(REFERENCE) == VALUE
    with pytest.raises(StoreUnavailable):
        fetches.get(Reference("vault", "down"))
    assert fetches.down() == {"vault://": "it is sealed."}


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def recorded() -> list[Event]:
    return []


@pytest.fixture
def answers(policy: Path, said: list[str], recorded: list[Event]) -> Answers:
    return Answers(Fetches(Source().read, 1, 4), Policy(policy), said.append, recorded.append)


def request(reference: str | None = str(REFERENCE), service: str = "shop_api", **labels: str) -> bytes:
    given = {"strongroom.ref": reference, **{key.replace("_", "."): text for key, text in labels.items()}}
    return json.dumps({"SecretName": "db", "ServiceName": service, "SecretLabels": given, "TaskID": "t"}).encode()


def test_answers(answers: Answers, recorded: list[Event]) -> None:
    value = base64.b64encode(VALUE.reveal()).decode()
    assert answers.get_secret(request()) == (200, {"Value": value, "DoNotReuse": True})
    assert answers.get_secret(request(strongroom_reuse="true")) == (200, {"Value": value, "DoNotReuse": False})
    detail = {"to": "shop_api", "reference": str(REFERENCE)}
    assert recorded == [Event(Happening.DELIVER, "db", None, detail)] * 2


def test_what_cannot_be_recorded_is_not_given(policy: Path, said: list[str]) -> None:
    def record(_: Event) -> None:
        raise StoreBusy("other processes kept it locked")

    answers = Answers(Fetches(Source().read, 1, 4), Policy(policy), said.append, record)
    assert answers.get_secret(request()) == (500, {"Err": "strongroom: other processes kept it locked"})
    assert "the audit could not be written: other processes kept it locked" in said


@pytest.mark.parametrize(
    ("body", "outcome", "says"),
    [
        (b"", "invalid", "no JSON object"),
        (b"[]", "invalid", "no JSON object"),
        (b"{}", "invalid", "no label strongroom.ref"),
        (request(None), "invalid", "no label strongroom.ref"),
        (request("nonsense"), "invalid", "not a reference"),
        (request("vault://secret/shop/db#*"), "invalid", "many values"),
        (request(service="mail"), "denied", "does not allow service 'mail'"),
        (request("vault://secret/shop/missing"), "failed", "not found"),
        (request("vault://secret/shop/down"), "unreachable", "sealed"),
    ],
)
def test_refusals(
    answers: Answers, said: list[str], recorded: list[Event], body: bytes, outcome: str, says: str
) -> None:  # fmt: skip
    status, answer = answers.get_secret(body)
    assert (status, set(answer)) == (500, {"Err"})
    assert says in answer["Err"]
    assert len(said) == 1
    assert says in said[0]
    assert [each.happening for each in recorded] == [Happening.DENY if outcome == "denied" else Happening.FAIL]
    assert f'strongroom_driver_requests_total{{outcome="{outcome}"}} 1\n' in answers.metrics()


@pytest.fixture
def socket(tmp_path: Path, answers: Answers) -> Iterator[Path]:
    with serving_on(tmp_path / "plugins/d.sock", answers):
        yield tmp_path / "plugins/d.sock"


def call(path: Path, method: str, url: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    connection = nodes.Unix(path)
    connection.request(method, url, body, headers)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, json.loads(data) if method == "POST" else data.decode()


def test_protocol(socket: Path) -> None:
    assert socket.stat().st_mode & 0o777 == 0o600
    assert call(socket, "POST", "/Plugin.Activate") == (200, {"Implements": ["secretprovider"]})
    status, answer = call(socket, "POST", "/SecretProvider.GetSecret", request())
    assert (status, base64.b64decode(answer["Value"])) == (200, VALUE.reveal())
    assert call(socket, "POST", "/SecretProvider.GetSecret", request(service="x"))[0] == 500
    assert call(socket, "POST", "/VolumeDriver.Create", b"{}")[0] == 404
    assert call(socket, "GET", "/health") == (200, "ok\n")
    assert 'outcome="served"} 1\n' in call(socket, "GET", "/metrics")[1]
    call(socket, "POST", "/SecretProvider.GetSecret", request("vault://secret/shop/down"))
    assert call(socket, "GET", "/health") == (503, "it is sealed.\n")
    assert nodes.answers(socket)
    assert not nodes.answers(socket.with_name("other.sock"))


def test_one_connection_for_many(socket: Path) -> None:
    connection = nodes.Unix(socket)
    for _ in range(20):
        connection.request("POST", "/SecretProvider.GetSecret", iter([request()[:20], request()[20:]]))  # chunked
        assert connection.getresponse().read().startswith(b'{"Value"')
    connection.close()


def test_a_socket_that_is_served_is_not_taken(socket: Path, answers: Answers) -> None:
    with pytest.raises(DeliveryError, match="another driver serves"), serving_on(socket, answers):
        pass
    assert nodes.answers(socket)


def test_a_stale_socket_is_replaced(tmp_path: Path, answers: Answers) -> None:
    import socket as sockets

    path = tmp_path / "d.sock"
    with sockets.socket(sockets.AF_UNIX) as left:
        left.bind(str(path))
    with serving_on(path, answers):
        assert nodes.answers(path)
    assert not path.exists()


def test_unit() -> None:
    text = unit.text(Options(policy=Path("/etc/a b/%p.toml"), deadline=2.5, port=9469))
    (line,) = (each for each in text.splitlines() if each.startswith("ExecStart="))
    assert line.endswith(' driver --policy "/etc/a b/%%p.toml" --deadline 2.5 --metrics 9469')
