"""The audit on the command line: what each command leaves in it, its filters, its export, its proof, and its matrix."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import engines
import leaks
from cli import STRONGROOM, Cli
from shells import Shell
from strongroom.audit import handing
from strongroom.cli.app import app
from strongroom.cli.state import State
from strongroom.delivery.driver import nodes


def entries(cli: Cli, *options: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in cli("audit", "ls", "--format", "json", *options).out.splitlines()]


def last(cli: Cli) -> dict[str, Any]:
    return entries(cli, "--last", "1")[0]


def test_a_process_and_a_service_are_who_got_it(shop: Cli) -> None:
    shop("run", "--secret", "db_password", "--", "true", "--reason", "not an option of ours")
    found = last(shop)
    assert (found["Action"], found["Secret"], found["Version"], found["To"]) == (
        "deliver",
        "db_password",
        1,
        "process true",
    )
    assert (found["Command"], found["Reason"]) == ("run", None)
    shop("run", "--service", "api", "--", "true")
    assert last(shop)["To"] == "api"


@pytest.mark.parametrize("how", ["command", "root", "variable"])
def test_the_reason(shop: Cli, how: str) -> None:
    before, after, environment = [], [], {}
    match how:
        case "command":
            after = ["--reason", "ticket 42"]
        case "root":
            before = ["--reason", "ticket 42"]
        case "variable":
            environment = {"STRONGROOM_REASON": "ticket 42"}
    shop(*before, "secret", "reveal", "db_password", *after, reveals=True, environment=environment)
    assert last(shop)["Reason"] == "ticket 42"
    shop(*before, "secret", "update", "db_password", "-", *after, stdin=leaks.fresh(), environment=environment)
    assert (last(shop)["Action"], last(shop)["Reason"]) == ("write", "ticket 42")
    assert "ticket 42" in shop("audit", "ls", "--last", "1").out
    shop("audit", "verify")


def test_failures(shop: Cli) -> None:
    shop("secret", "reveal", "missing", status=1)
    assert (last(shop)["Action"], last(shop)["Secret"]) == ("fail", "missing")
    shop("run", "--secret", "missing", "--", "true", status=1)
    assert (last(shop)["Detail"], last(shop)["To"]) == ({"tried": "deliver", "error": "SecretNotFound"}, "process true")
    refused = shop("rotate", "db_password", "--store-only", "--with", "command:///bin/false", status=1)
    assert "Undoing it failed as well" in refused.stderr
    failed = [each["Detail"] for each in entries(shop, "--action", "fail")][-2:]
    assert failed == [{"tried": "rotate", "step": step, "error": "RotatorFailed"} for step in ("allow", "abort")]
    shop("rotate", "db_password", "--store-only", "--abort")
    assert last(shop)["Detail"] == {"step": "abort"}


def test_filters(shop: Cli) -> None:
    shop.secret("api_key")
    actor = last(shop)["Actor"]
    assert {each["Secret"] for each in entries(shop, "--secret", "api_*")} == {"api_key"}
    assert len(entries(shop, "--actor", actor)) == len(entries(shop))
    assert entries(shop, "--actor", "nobody-else") == []
    assert [each["Action"] for each in entries(shop, "--action", "create", "--action", "init")] == [
        "init",
        "create",
        "create",
    ]
    assert entries(shop, "--since", "0s") == []
    assert len(entries(shop, "--since", "1h", "--until", "0s")) == len(entries(shop))
    since = last(shop)["At"]
    assert [each["Seq"] for each in entries(shop, "--since", since)] == [last(shop)["Seq"]]
    assert "'nap'" in shop("audit", "ls", "--action", "nap", status=2).stderr
    assert "is not a time" in shop("audit", "ls", "--since", "yesterday", status=2).stderr


def test_a_terminal_gets_lines_that_fit(shop: Cli) -> None:
    shop("run", "--service", "api", "--reason", "a reason " * 20, "--", "true")
    with Shell(["sh", "-i"], shop.project, shop.variables()) as typed:
        typed.run(f"stty cols 80; {STRONGROOM} audit ls")
        shown = [line.rstrip() for line in typed.shown.splitlines() if re.match(r"\d+ +2", line)]
    assert len(shown) == 4
    assert max(map(len, shown)) == 80
    assert re.match(r"4 +20\S+Z +\S+ +deliver +db_password +1 +api .*…$", shown[-1])
    assert max(map(len, shop("audit", "ls").out.splitlines())) > 200


def test_export(shop: Cli) -> None:
    whole = [json.loads(line) for line in shop("audit", "export").out.splitlines()]
    assert whole == entries(shop)
    assert all(len(each["Code"]) == 64 for each in whole)
    assert [json.loads(line)["Seq"] for line in shop("audit", "export", "--after", "2").out.splitlines()] == [3]
    shop("audit", "export", "--after", str(2**63), status=2)


def test_export_follows(shop: Cli) -> None:
    running = shop.start("audit", "export", "--follow", "--after", "3")
    assert running.process.stdout
    for number in range(3):
        shop.secret(f"secret_{number}")
        assert json.loads(running.process.stdout.readline())["Secret"] == f"secret_{number}"
    running.process.terminate()
    running.end()


@pytest.mark.parametrize(("target", "constant"), [("syslog", "SYSLOG"), ("journald", "JOURNAL")])
def test_export_to_a_log(
    shop: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, constant: str
) -> None:  # fmt: skip
    monkeypatch.setattr(handing, constant, tmp_path / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "log"))
        listening.settimeout(10)
        arguments = ["--store", str(shop.project), "audit", "export", "--to", target]
        done = CliRunner().invoke(app, arguments, obj=State((0, 0)))
        assert (done.exit_code, done.output) == (0, "")
        received = [listening.recv(65536).decode() for _ in range(3)]
    assert [each.count('"Action": "') for each in received] == [1, 1, 1]
    assert '"Action": "create"' in received[2]


DAMAGES = {
    "edited": ("UPDATE audit SET actor = 'nobody' WHERE seq = 4", 4),
    "deleted": ("DELETE FROM audit WHERE seq = 4", 4),
    "reordered": ("UPDATE audit SET seq = CASE seq WHEN 3 THEN 103 WHEN 4 THEN 104 END WHERE seq IN (3, 4);"
                  "UPDATE audit SET seq = CASE seq WHEN 103 THEN 4 ELSE 3 END WHERE seq > 100", 3),
    "truncated": ("DELETE FROM audit WHERE seq >= 5", 5),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_verify_names_the_first_bad_entry(shop: Cli, damage: str) -> None:
    for _ in range(3):
        shop.reveal("db_password")
    assert json.loads(shop("audit", "verify", "--format", "json").out) == {"Verified": True, "Entries": 6}
    script, entry = DAMAGES[damage]
    with sqlite3.connect(shop.project / ".strongroom/store.db") as connection:
        connection.executescript(script)
    connection.close()
    assert f"audit entry {entry} " in shop("audit", "verify", status=1).stderr
    told = json.loads(shop("audit", "verify", "--format", "json", status=1).out)
    assert (told["Verified"], told["Entry"]) == (False, entry)


def test_the_driver_records_each_answer(shop: Cli, tmp_path: Path) -> None:
    value, policy, listening = tmp_path / "value", tmp_path / "policy.toml", tmp_path / "d.sock"
    value.write_text(leaks.fresh())
    policy.write_text(f'[[allow]]\nservices = ["shop_*"]\nreferences = ["file://{value}"]\n')
    shop.environment["STRONGROOM_STORE"] = str(shop.project)
    running = shop.start("driver", "--socket", str(listening), "--policy", str(policy))
    engines.until(lambda: nodes.answers(listening))

    def ask(service: str) -> int:
        labels = {"strongroom.ref": f"file://{value}"}
        connection = nodes.Unix(listening)
        body = json.dumps({"SecretName": "db", "ServiceName": service, "SecretLabels": labels})
        connection.request("POST", "/SecretProvider.GetSecret", body)
        status = connection.getresponse().status
        connection.close()
        return status

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, [f"shop_{number}" for number in range(40)])) == {200}
    assert ask("mail") == 500
    running.process.terminate()
    running.end()
    told = [(each["Action"], each["To"]) for each in entries(shop, "--secret", "db")]
    assert sorted(told[:-1]) == sorted(("deliver", f"shop_{number}") for number in range(40))
    assert told[-1] == ("deny", "mail")
    assert last(shop)["Detail"] == {"reference": f"file://{value}"}
    shop("audit", "verify")


def test_access(shop: Cli) -> None:
    shop("run", "--service", "api", "--", "true")
    shop("run", "--secret", "db_password", "--", "true")
    shop.reveal("db_password")
    rows = [json.loads(line) for line in shop("audit", "access", "--format", "json").out.splitlines()]
    assert [(each["Secret"], each["Service"], each["May"], each["Reads"]) for each in rows] == [
        ("db_password", "api", "yes", 1),
        ("db_password", "process true", "undeclared", 1),
        ("db_password", "", "yes", 1),
        ("*", "", "yes", 0),
    ]
    assert rows[0]["User"] == "1000:1000" or engines.on_debian()
    (shop.project / "compose.yaml").unlink()
    assert len(shop("audit", "access").out.splitlines()) == 5  # without a file there is only who did
    assert "nowhere.yaml" in shop("audit", "access", "-f", "nowhere.yaml", status=1).stderr
