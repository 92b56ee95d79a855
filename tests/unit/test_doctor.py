"""The judgements of doctor: facts in, findings out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from strongroom.compose import DeclaredSecret, Service, ServiceGrant
from strongroom.delivery.declared import Kind as SourceKind
from strongroom.delivery.declared import Source
from strongroom.docker.engine import Engine
from strongroom.docker.users import Identity
from strongroom.doctor import access, delivered, machinery, sources
from strongroom.doctor.machine import DriverNode, Machine
from strongroom.doctor.model import Fault, Finding, Held, Kind, Known, Subject, User, shape
from strongroom.model import Value

ROOT = User(Identity(0, 0, frozenset({0})), True, "it runs as")
APP = User(Identity(1000, 1000, frozenset({1000, 2000})), False, "it runs as")


def known(name: str, value: bytes | None = None, kind: SourceKind = SourceKind.STORE, **secret: object) -> Known:
    declared = DeclaredSecret(name, name, external=not secret, **secret)  # type: ignore[arg-type]
    return Known(name, name, True, Source(declared, kind, problem="not there"), Value(value) if value else None)


def held(secret: str = "db", target: str = "", mode: int = 0o444, **facts: object) -> Held:
    return Held(secret, target or f"/run/secrets/{secret}", 0, 0, mode, **facts)  # type: ignore[arg-type]


def subject(*files: Held, kind: Kind = Kind.CONTAINER, grants: tuple[ServiceGrant, ...] | None = None,
            **facts: object) -> Subject:  # fmt: skip
    granted = tuple(ServiceGrant(each.secret, each.target, mode=each.mode) for each in files)
    service = Service("api", granted if grants is None else grants)
    given = {"service": service, "held": files, "deploy": "deploy"} | facts
    return Subject("shop_api", kind, **given)  # type: ignore[arg-type]


def faults(findings: Iterable[Finding]) -> list[Fault]:
    return [each.fault for each in findings]


def one(findings: Iterable[Finding]) -> Finding:
    (found,) = findings
    return found


@pytest.mark.parametrize(
    ("user", "mode", "readable"),
    [(ROOT, 0o000, True), (APP, 0o400, False), (APP, 0o444, True), (APP, 0o040, False)],
)
def test_who_may_read(user: User, mode: int, readable: bool) -> None:
    found = list(access.judge(subject(held(mode=mode), users=(user,)), [known("db")]))
    assert faults(found) == ([] if readable else [Fault.UNREADABLE])


def test_a_group_an_owner_and_root_without_power() -> None:
    assert APP.may_read(0, 2000, 0o040)
    assert not APP.may_read(1000, 2000, 0o040)  # the owner's bits alone count for the owner
    weak = ROOT._replace(powerful=False)
    assert not weak.may_read(7, 7, 0o400)
    file = held(mode=0o400)._replace(uid=7)
    found = one(access.judge(subject(file, grants=(ServiceGrant("db", "db", 7, 0, 0o400),), users=(weak,)), []))
    assert "without the right" in found.seen
    assert found.command == "strongroom grant db api --uid 0 && deploy"
    found = one(access.judge(subject(held(mode=0o040), users=(weak,)), []))
    assert found.command == "strongroom grant db api --mode 0440 && deploy"


def test_it_is_enough_that_one_process_reads() -> None:
    assert not list(access.judge(subject(held(mode=0o400), users=(ROOT, APP)), [known("db")]))


def test_what_compose_ignores_and_what_is_not_deployed_yet() -> None:
    grants = (ServiceGrant("db", "db", 1000, 0, 0o400),)
    given = {"grants": grants, "users": (APP,)}
    assert one(access.judge(subject(held(mode=0o400), **given), [])).fault is Fault.PLAIN_COMPOSE  # type: ignore[arg-type]
    staged = one(access.judge(subject(held(mode=0o400, staged=True), **given), []))  # type: ignore[arg-type]
    assert (staged.fault, staged.command) == (Fault.NOT_DEPLOYED, "deploy")


@pytest.mark.parametrize(
    ("variables", "fault", "command"),
    [
        ({"DB_FILE": "/run/secrets/db"}, None, ""),
        ({"DB_FILE": "/run/secrets/DB"}, Fault.OTHER_TARGET, "strongroom grant db api --target DB && deploy"),
        ({"DB_FILE": "/run/secrets/pass"}, Fault.OTHER_TARGET, "strongroom grant db api --target pass && deploy"),
        ({"X_FILE": "/run/secrets/api_key"}, Fault.NOT_GRANTED,
         "strongroom grant api-key api --target api_key && deploy"),
        ({"API_KEY_FILE": "/etc/key"}, Fault.NOT_GRANTED, "strongroom grant api-key api --target /etc/key && deploy"),
        ({"X_TOKEN_FILE": "/etc/x"}, Fault.DANGLING_VARIABLE,
         "strongroom secret create x_token && strongroom grant x_token api --target /etc/x && deploy"),
        ({"Y_FILE": "/run/secrets/y"}, Fault.DANGLING_VARIABLE,
         "strongroom secret create y && strongroom grant y api && deploy"),
        ({"LOG_FILE": "/var/log/x"}, None, ""),
        ({"DB_FILE": "/there"}, None, ""),
        ({"DB_FILE": "relative"}, None, ""),
        ({"DB_FILE": ""}, None, ""),
    ],
)  # fmt: skip
def test_what_variables_name(variables: dict[str, str], fault: Fault | None, command: str) -> None:
    absent = frozenset(variables.values()) - {"/there"}
    found = list(access.judge(subject(held(), variables=variables, absent=absent), [known("db"), known("api-key")]))
    assert [(each.fault, each.command) for each in found] == ([(fault, command)] if fault else [])


def test_what_a_log_speaks_of() -> None:
    spoken = frozenset({"/run/secrets/key", "/run/secrets/nobody"})
    secrets = [known("db"), Known("key", "key", False)]
    well = list(access.judge(subject(held(), mentioned=spoken), secrets))
    ill = list(access.judge(subject(held(), mentioned=spoken, well=False), secrets))
    assert faults(well) == [Fault.NOT_GRANTED]
    assert faults(ill) == [Fault.NOT_GRANTED, Fault.SECRET_MISSING]


@pytest.mark.parametrize(
    ("variables", "word"),
    [
        ({"DB": "hunter2"}, "has the secret's value"),
        ({"OTHER": "hunter2"}, "has the secret's value"),
        ({"DB": "else"}, "has another value"),
        ({"OTHER": "else", "DB_FILE": "/run/secrets/db", "EMPTY": ""}, ""),
    ],
)
def test_plain_variables(variables: dict[str, str], word: str) -> None:
    found = list(access.judge(subject(held(), variables=variables), [known("db", b"hunter2\n")]))
    assert [word in each.seen for each in found] == ([True] if word else [])
    assert "hunter2" not in str(found)
    for each in found:
        assert each.command == f"strongroom grant db api --instead-of {next(iter(variables))} && deploy"


def test_where_a_plain_variable_comes_from() -> None:
    given = {"variables": {"DB": "x"}, "origins": {"DB": Path("a b.env")}}
    found = one(access.judge(subject(held(), **given), [known("db")]))  # type: ignore[arg-type]
    assert found.command == "sed -i '/^DB=/d' 'a b.env' && deploy"
    alone = subject(held(), service=None, kind=Kind.SWARM, deploy="", **given)  # type: ignore[arg-type]
    assert one(access.judge(alone, [known("db")])).command == "docker service update --env-rm DB shop_api"


def test_versions_lost_files_and_grants_that_nobody_deployed() -> None:
    secrets = [known("db"), known("late")]
    assert not list(delivered.judge(subject(held(version=2, current=2)), secrets))
    stale = one(delivered.judge(subject(held(version=1, current=2)), secrets))
    assert (stale.fault, stale.command) == (Fault.STALE_VERSION, "deploy")
    assert faults(delivered.judge(subject(held(fresh=False)), secrets)) == [Fault.STALE_VERSION]
    assert faults(delivered.judge(subject(held(lost=True)), secrets)) == [Fault.STAGING_LOST]
    grants = (ServiceGrant("db", "db"), ServiceGrant("late", "late"))
    assert faults(delivered.judge(subject(held(), grants=grants), secrets)) == [Fault.NOT_DEPLOYED]
    swarm = subject(held(), grants=grants, kind=Kind.SWARM)
    assert faults(delivered.judge(swarm, secrets, ["db"])) == [Fault.NOT_IN_SWARM]
    assert faults(delivered.judge(swarm, secrets, ["db", "late"])) == [Fault.NOT_DEPLOYED]
    missing = [known("db"), known("late", kind=SourceKind.MISSING)]
    assert not list(delivered.judge(swarm, missing, []))


def test_a_swarm_service_of_no_file_is_told_all_of_its_grant() -> None:
    file = held(target="/etc/x", mode=0o400, version=1, current=2, swarm_name="db.v1")
    found = one(delivered.judge(subject(file, service=None, kind=Kind.SWARM, deploy=""), []))
    assert found.command == (
        "docker service update --secret-rm db.v1 --secret-add "
        "source=$(strongroom secret push db),target=/etc/x,uid=0,gid=0,mode=0400 shop_api"
    )


def test_no_task_is_told_only_where_nothing_else_is() -> None:
    failed = subject(kind=Kind.SWARM, problem="it ended")
    found = one(delivered.judge_tasks(failed, []))
    assert (found.fault, "it ended" in found.seen) == (Fault.NO_TASK, True)
    assert not list(delivered.judge_tasks(failed, [Finding(Fault.UNREADABLE, "shop_api", "db", "", "")]))
    assert "scale" in one(delivered.judge_tasks(subject(kind=Kind.SWARM, replicas=0), [])).command
    assert not list(delivered.judge_tasks(subject(), []))


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (b"plain", None),
        (b"line\n", Fault.TRAILING_NEWLINE),
        (b"line\r\n", Fault.CRLF),
        (b"a\r\nb\r\n", Fault.CRLF),
        (b"a\nb\n", None),
        (b"\xef\xbb\xbfmarked", Fault.BYTE_ORDER_MARK),
        ("\ufeffw\r\n".encode("utf-16-le"), Fault.BYTE_ORDER_MARK),
    ],
)
def test_shapes(value: bytes, fault: Fault | None) -> None:
    found = list(sources.judge([known("db", value)], "here"))
    assert faults(found) == ([fault] if fault else [])
    for each in found:
        assert f"{shape(value).length} bytes" in each.seen
        assert each.command.startswith("strongroom secret reveal db | ")
        assert each.command.endswith(" | strongroom secret update db -")


def test_secrets_that_are_nowhere() -> None:
    missing = known("db", kind=SourceKind.MISSING)
    assert one(sources.judge([missing], None)).command == "strongroom init"
    assert one(sources.judge([missing], "here")).command == "strongroom secret create db"
    variable = known("v", kind=SourceKind.MISSING, variable="THE_V")
    assert one(sources.judge([variable], None)).command == "read -rs THE_V && export THE_V"
    file = known("f", kind=SourceKind.MISSING, file=Path("/no where"))
    assert one(sources.judge([file], None)).fault is Fault.FILE_MISSING


def test_machines() -> None:
    document = {"services": {"a": {"healthcheck": {"start_interval": "1s"}}, "b": {}}}
    good = Machine(engine=Engine(None), api=(1, 45), command_line=(26, 1), compose=(2, 26), has_docker=True)
    assert not list(machinery.judge(good, document, wants_compose=True))
    assert faults(machinery.judge(good._replace(api=(1, 41)), document, True)) == [Fault.ENGINE_OLD]
    assert faults(machinery.judge(good._replace(compose=()), {}, True)) == [Fault.COMPOSE_OLD]
    assert not list(machinery.judge(good._replace(compose=()), {}, False))
    old = good._replace(command_line=(20, 10), manager=True)
    assert faults(machinery.judge(old, {}, True)) == [Fault.DOCKER_OLD]
    assert faults(machinery.judge(good._replace(swarm="locked"), {}, True)) == [Fault.SWARM_LOCKED]
    assert not list(machinery.judge(Machine(), {}, True))


@pytest.mark.parametrize(
    ("host", "problem", "command"),
    [
        ("", "cannot be reached: No such file or directory.", "sudo systemctl start docker"),
        ("", "cannot be reached: Permission denied.", 'sudo usermod -aG docker "$USER" && newgrp docker'),
        ("ssh://me@far:22", "cannot be reached: refused.", "ssh me@far sudo systemctl start docker"),
        ("ssh://far", "takes one more library: pip install 'docker[ssh]'", "pip install 'docker[ssh]'"),
    ],
)
def test_an_engine_that_is_not_there(host: str, problem: str, command: str) -> None:
    found = one(machinery.judge(Machine(host=host, problem=problem, has_docker=True, compose=(2,)), {}, True))
    assert (found.fault, found.command) == (Fault.ENGINE_UNREACHABLE, command)


def test_drivers_and_workers() -> None:
    nodes = [DriverNode("strongroom", "n1", "why", True, False), DriverNode("strongroom", "n2", "why", False, False),
             DriverNode("other", "n1", "why", True, False)]  # fmt: skip
    assert [each.command for each in machinery.judge_drivers(nodes)] == [
        "sudo strongroom driver install", "ssh n2 sudo strongroom driver install", "docker plugin enable other",
    ]  # fmt: skip
    worker = Machine(swarm="active", managers=("10.0.0.1",))
    found = machinery.not_a_manager(worker, "api")
    assert found and found.command == "DOCKER_HOST=ssh://10.0.0.1 strongroom doctor api"
    assert machinery.not_a_manager(worker._replace(manager=True), "api") is None


def test_every_fault_has_its_section() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/troubleshooting.md").read_text()
    headings = [line.removeprefix("## ").strip("`") for line in page.splitlines() if line.startswith("## `")]
    assert headings == [fault.value for fault in Fault]
