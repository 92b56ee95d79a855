"""``strongroom exec``: the files and the environment that an application finds, and when it is not started at all."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import leaks
from cli import STRONGROOM, Cli

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="strongroom exec needs Linux")

STARTED: list[subprocess.Popen[str]] = []


@pytest.fixture
def memory() -> Iterator[Path]:
    """Return a directory in memory that does not exist yet."""
    base = Path(tempfile.mkdtemp(dir="/dev/shm"))
    base.chmod(0o755)
    yield base / "secrets"
    for process in STARTED:
        process.kill()
        process.communicate()
    STARTED.clear()
    shutil.rmtree(base)


@pytest.fixture
def app(empty: Cli) -> Cli:
    """Return the command line, with a value in a file."""
    empty.environment |= {"STRONGROOM_SECRETS": f"db_password=file://{empty.project}/value"}
    (empty.project / "value").write_text(leaks.fresh())
    return empty


def run(app: Cli, memory: Path, *arguments: str, status: int = 0, **environment: str) -> list[str]:
    """Return the lines that a shell script, the last argument, prints."""
    *options, script = arguments
    result = app("exec", "--directory", str(memory), *options, "--", "sh", "-c", script, reveals=True, status=status,
                 environment=environment)  # fmt: skip
    return result.out.splitlines()


def start(app: Cli, memory: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [STRONGROOM, "exec", "--directory", str(memory), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, cwd=app.project, env=app.variables() | environment,
    )  # fmt: skip
    STARTED.append(process)
    return process


def until(what: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


@pytest.fixture(params=[(), ("--watch",)], ids=["becomes", "watches"])
def way(request: pytest.FixtureRequest) -> tuple[str, ...]:
    found: tuple[str, ...] = request.param
    return found


def test_what_the_application_finds(app: Cli, memory: Path, way: tuple[str, ...]) -> None:
    script = 'cat "$DB_PASSWORD_FILE"; echo; echo $DB_PASSWORD_FILE $SECRETS_DIR; stat -c "%a %u %F" $DB_PASSWORD_FILE'
    assert run(app, memory, *way, script) == [
        (app.project / "value").read_text(),
        f"{memory}/db_password {memory}",
        f"400 {os.geteuid()} regular file",
    ]


def test_every_key(app: Cli, memory: Path, way: tuple[str, ...]) -> None:
    (app.project / "value").write_text('{"user": "u", "port": 5432, "ca.crt": "-----"}')
    variable = f"app_=file://{app.project}/value#*,other=file://{app.project}/value#user"
    shown = run(
        app, memory, *way, 'ls $SECRETS_DIR; cat "$APP_PORT_FILE" $APP_CA_CRT_FILE', STRONGROOM_SECRETS=variable
    )
    assert shown == ["app_ca.crt", "app_port", "app_user", "other", "5432-----"]


def test_options_and_files_together(app: Cli, memory: Path, way: tuple[str, ...]) -> None:
    reference = f"file://{app.project}/value"
    (app.project / "s.toml").write_text(f'[secrets]\ntoml = {{from = "{reference}", mode = "0444"}}\n')
    (app.project / "s.yaml").write_text(f"secrets: {{yaml: '{reference}'}}\n")
    options = (*way, "-s", f"x={reference}", "-f", "s.toml", "-f", "s.yaml")
    assert run(app, memory, *options, "stat -c '%n %a' $SECRETS_DIR/*") == [
        f"{memory}/{name}" for name in ("db_password 400", "toml 444", "x 400", "yaml 400")
    ]


def test_no_login_stays_in_the_environment(app: Cli, memory: Path, way: tuple[str, ...]) -> None:
    logins = dict.fromkeys(("VAULT_TOKEN", "VAULT_SECRET_ID", "BAO_TOKEN", "BAO_SECRET_ID", "THE_KEY"), "a login")
    app.environment["STRONGROOM_SECRETS"] += ",key=env://THE_KEY"
    done = subprocess.run(
        [STRONGROOM, "exec", "--directory", str(memory), *way, "--keep", "BAO_SECRET_ID", "--", "env"],
        capture_output=True, text=True, env=app.variables() | logins | {"VAULT_ADDR": "http://localhost", "MINE": "1"},
    )  # fmt: skip
    names = {line.partition("=")[0] for line in done.stdout.splitlines()}
    assert names & {*logins, "VAULT_ADDR", "MINE"} == {"BAO_SECRET_ID", "VAULT_ADDR", "MINE"}


def test_exit_status_and_no_parent(app: Cli, memory: Path) -> None:
    process = start(app, memory, "--", "sh", "-c", "echo $$; exit 42")
    shown, _ = process.communicate()
    assert (int(shown), process.returncode) == (process.pid, 42)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_as_another_user(app: Cli, memory: Path, way: tuple[str, ...]) -> None:
    nobody = pwd.getpwnam("nobody")
    (app.project / "s.yaml").write_text(
        f"secrets: {{other: {{from: 'file://{app.project}/value', uid: 4, gid: 5, mode: '0440'}}}}\n"
    )
    script = "id -u; id -g; id -G; echo $HOME; cat $DB_PASSWORD_FILE; echo; stat -c '%a %u %g' $SECRETS_DIR/*"
    assert run(app, memory, *way, "--user", "nobody", "-f", "s.yaml", f"{script}; grep CapEff /proc/self/status") == [
        str(nobody.pw_uid), str(nobody.pw_gid), str(nobody.pw_gid), nobody.pw_dir, (app.project / "value").read_text(),
        f"400 {nobody.pw_uid} {nobody.pw_gid}", "440 4 5", "CapEff:\t0000000000000000",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "variable", "status", "says"),
    [
        (("--", "true"), "", 2, "nothing to fetch"),
        (("--", "true"), "x", 2, "STRONGROOM_SECRETS is not understood"),
        (("--", "true"), "x=nothing://y", 1, "no store is known for nothing://"),
        (("--", "true"), "x=file:///missing", 1, "there is no file /missing"),
        (("--", "true"), "x=file:///dev/null", 1, "empty"),
        (("--", "true"), "x=env://NOBODY_SET_IT", 1, "is not set"),
        (("--", "true"), "x=file:///etc/passwd#user", 1, "no field"),
        (("--", "no-such-program"), "x=file:///etc/passwd", 127, "not found"),
        (("--", "/etc/passwd"), "x=file:///etc/passwd", 126, "cannot execute"),
        (("--watch", "--", "no-such-program"), "x=file:///etc/passwd", 127, "not found"),
        (("--user", "no-such-user", "--", "true"), "x=file:///etc/passwd", 1, "no user 'no-such-user'"),
        (("--directory", "/", "--", "true"), "x=file:///etc/passwd", 1, "no directory in memory"),
        (("--optional", "y", "--", "true"), "x=file:///etc/passwd", 2, "there is no 'y'"),
        (("--signal", "HUP", "--", "true"), "x=file:///etc/passwd", 2, "--watch"),
        (("--watch", "--signal", "NONE", "--", "true"), "x=file:///etc/passwd", 2, "no signal"),
        (("--cache", "c", "--", "true"), "x=file:///etc/passwd", 2, "--identity"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_is_wrong_is_said(
    empty: Cli, memory: Path, arguments: tuple[str, ...], variable: str, status: int, says: str
) -> None:
    result = empty("exec", "--directory", str(memory), *arguments, status=status,
                   environment={"STRONGROOM_SECRETS": variable})  # fmt: skip
    assert says in result.stderr
    assert not memory.exists() or list(memory.iterdir()) == []


def test_one_missing_leaves_nothing_and_starts_nothing(app: Cli, memory: Path, way: tuple[str, ...]) -> None:
    assert run(app, memory, *way, "-s", "x=file:///missing", "echo started", status=1) == []
    assert list(memory.iterdir()) == []


def test_optional(app: Cli, memory: Path, way: tuple[str, ...]) -> None:
    options = (*way, "--optional", "x", "-s", "x=file:///missing")
    assert run(app, memory, *options, 'ls $SECRETS_DIR; echo "${X_FILE-unset}"') == ["db_password", "unset"]


def test_a_changed_value(app: Cli, memory: Path) -> None:
    script = "trap 'echo told' HUP; echo up; while :; do sleep 0.05; done"
    process = start(app, memory, "--watch", "--interval", "0.1", "--signal", "HUP", "--", "sh", "-c", script)
    assert process.stdout and process.stdout.readline() == "up\n"
    inode = (memory / "db_password").stat().st_ino
    changed = leaks.fresh()
    (app.project / "new").write_text(changed)
    (app.project / "new").rename(app.project / "value")
    assert process.stdout.readline() == "told\n"
    assert (memory / "db_password").read_text() == changed
    assert (memory / "db_password").stat().st_ino != inode
    process.terminate()
    _, said = process.communicate(timeout=20)
    assert process.returncode == 143
    assert "written anew: db_password" in said
    assert changed not in said


def test_a_restart_has_the_new_files(app: Cli, memory: Path) -> None:
    (app.project / "value").write_text('{"a": "1"}')
    process = start(
        app, memory, "--watch", "--interval", "0.1", "--restart", "--", "sh", "-c",
        "echo \"$B_FILE up\"; exec sleep 60",
        STRONGROOM_SECRETS=f"=file://{app.project}/value#*",
    )  # fmt: skip
    assert process.stdout and process.stdout.readline() == " up\n"
    (app.project / "new").write_text('{"a": "1", "b": "2"}')
    (app.project / "new").rename(app.project / "value")
    assert process.stdout.readline() == f"{memory}/b up\n"
    process.terminate()
    process.communicate(timeout=20)


def test_a_cache_that_cannot_be_written_is_said(app: Cli, memory: Path) -> None:
    app("init")
    result = app("--identity", str(app.home / ".config/strongroom/identity"), "exec", "--directory", str(memory),
                 "--cache", "/proc/cache", "--", "true")  # fmt: skip
    assert "the cache /proc/cache cannot be written" in result.stderr


def test_the_last_good_value_stays(app: Cli, memory: Path) -> None:
    value = (app.project / "value").read_text()
    process = start(app, memory, "--watch", "--interval", "0.1", "--", "sleep", "60")
    until((memory / "db_password").exists)
    assert process.stderr
    (app.project / "value").rename(app.project / "away")
    assert "keeps the last good values" in process.stderr.readline()
    (app.project / "value").write_text("")
    assert "empty" in process.stderr.readline()
    assert (memory / "db_password").read_text() == value
    (app.project / "away").rename(app.project / "value")
    assert "all secrets are fresh again" in process.stderr.readline()
    process.terminate()
    process.communicate(timeout=20)


def test_the_parent_hides_what_it_knows(app: Cli, memory: Path) -> None:
    """The application, of the same user, must not read its parent's environment, where the login is."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    process = start(app, memory, "--watch", "--", "sleep", "60")
    until((memory / "db_password").exists)
    status = Path(f"/proc/{process.pid}/environ").stat()
    assert (status.st_uid, status.st_mode & 0o777) == (0, 0o400)
    limits = Path(f"/proc/{process.pid}/limits").read_text()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert "Max core file size        0 " in limits


def test_terminated_while_it_fetches(app: Cli, memory: Path) -> None:
    os.mkfifo(app.project / "fifo")
    process = start(app, memory, "-s", f"slow=file://{app.project}/fifo", "--", "true")
    time.sleep(0.5)
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 143
