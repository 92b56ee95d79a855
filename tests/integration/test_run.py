"""``strongroom run``: the files that a process finds, who else finds them, and what is left afterwards."""

from __future__ import annotations

import ctypes
import importlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import leaks
from cli import STRONGROOM, Cli
from projects import missing
from strongroom.delivery import linux, namespace

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="strongroom run needs Linux")


def forbid_namespaces() -> None:
    """Make unshare(2) fail for this process and those below it, as the profile of a container does (seccomp(2))."""
    if sys.byteorder != "little" or os.uname().machine not in ("x86_64", "aarch64"):
        raise OSError("no filter for this machine")
    unshare = {"x86_64": 272, "aarch64": 97}[os.uname().machine]

    def instruction(code: int, true: int, false: int, k: int) -> bytes:
        return code.to_bytes(2, "little") + bytes([true, false]) + k.to_bytes(4, "little")

    program = b"".join([
        instruction(0x20, 0, 0, 0),  # load the system call's number
        instruction(0x15, 0, 1, unshare),
        instruction(0x06, 0, 0, 0x00050000 | 1),  # EPERM
        instruction(0x06, 0, 0, 0x7FFF0000),  # allow
    ])  # fmt: skip
    buffer = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    fprog = Program(4, ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(fprog), 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


@pytest.fixture(params=["namespace", "private"])
def way(request: pytest.FixtureRequest) -> str:
    if request.param == "namespace" and not namespace.is_possible():
        if os.environ.get("CI"):
            pytest.fail("this system allows no mount namespace, and CI must test it")
        pytest.skip("this system allows no mount namespace")
    return str(request.param)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """Give a directory in memory that is this test's own, for the private way."""
    base = Path("/dev/shm", f"strongroom-test-{os.getpid()}-{tmp_path.name}")
    base.mkdir(mode=0o700)
    yield base
    shutil.rmtree(base, ignore_errors=True)


def start(cli: Cli, way: str, memory: Path, *arguments: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        [STRONGROOM, "run", *arguments], cwd=cli.project, env=cli.variables() | {"XDG_RUNTIME_DIR": str(memory)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=forbid_namespaces if way == "private" else None, **options,
    )  # fmt: skip


def output(cli: Cli, way: str, memory: Path, *arguments: str) -> str:
    """Run to the end, successfully, and return what was printed."""
    process = start(cli, way, memory, *arguments)
    shown, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    return shown


def is_empty(memory: Path) -> bool:
    """Wait for the cleaner, which works after the application ended."""
    deadline = time.monotonic() + 10
    while list(memory.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not list(memory.iterdir())


READ = 'import strongroom; print(strongroom.get_secret("db_password"))'


def test_an_application_reads_its_secret(cli: Cli, way: str, memory: Path) -> None:
    value = cli.secret("db_password")
    assert output(cli, way, memory, "--secret", "db_password", "--", sys.executable, "-c", READ) == f"{value}\n"
    assert is_empty(memory)


def test_the_file_is_at_run_secrets(cli: Cli, memory: Path) -> None:
    value = cli.secret("db_password")
    assert output(cli, "namespace", memory, "-s", "db_password", "--", "cat", "/run/secrets/db_password") == value
    assert not Path("/run/secrets/db_password").exists()


def test_the_variables_lead_to_the_file(cli: Cli, memory: Path) -> None:
    value = cli.secret("db-password.x")
    script = 'cat "$DB_PASSWORD_X_FILE" "$SECRETS_DIR/db-password.x"'
    assert output(cli, "private", memory, "-s", "db-password.x", "--", "sh", "-c", script) == value * 2


def test_target_and_mode(cli: Cli, way: str, memory: Path) -> None:
    value = cli.secret("db_password")
    script = 'cd "${SECRETS_DIR:-/run/secrets}"; stat -c "%a %u" a/b; cat a/b'
    shown = output(cli, way, memory, "-s", "db_password=a/b,mode=0400", "--", "sh", "-c", script)
    assert shown == f"400 {os.getuid()}\n{value}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_uid_and_gid(cli: Cli, way: str, memory: Path) -> None:
    cli.secret("x")
    script = 'stat -c "%a %u %g" "${SECRETS_DIR:-/run/secrets}/x"'
    assert output(cli, way, memory, "-s", "x,uid=1234,gid=4321,mode=440", "--", "sh", "-c", script) == "440 1234 4321\n"


def test_an_absolute_target(cli: Cli, memory: Path, tmp_path: Path) -> None:
    value = cli.secret("x")
    target = tmp_path / "config"
    target.write_text("what is there otherwise")
    assert output(cli, "namespace", memory, "-s", f"x={target}", "--", "cat", str(target)) == value
    assert target.read_text() == "what is there otherwise"
    process = start(cli, "namespace", memory, "-s", "x=/does/not/exist", "--", "true")
    assert "Create an empty file there" in process.communicate()[1]
    assert process.returncode == 1


def test_the_files_are_in_memory_and_read_only(cli: Cli, way: str, memory: Path) -> None:
    cli.secret("x")
    script = 'cd "${SECRETS_DIR:-/run/secrets}"; stat -f -c %T .; stat -c %a . x'
    kind, *modes = output(cli, way, memory, "-s", "x", "--", "sh", "-c", script).split()
    assert kind == "tmpfs"
    assert modes == (["755", "444"] if way == "namespace" else ["700", "444"])


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -9 $$", -9),
                         ("kill -TERM $$", -15), ("kill -SEGV $$", -11)])  # fmt: skip
def test_exit_status_passes_through_and_nothing_stays(
    cli: Cli, way: str, memory: Path, script: str, status: int
) -> None:
    cli.secret("x")
    process = start(cli, way, memory, "-s", "x", "--", "sh", "-c", script)
    process.communicate(timeout=30)
    assert process.returncode == status
    assert is_empty(memory)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_reach_the_application(cli: Cli, way: str, memory: Path, number: signal.Signals) -> None:
    cli.secret("x")
    code = f"import signal, sys; signal.signal({int(number)}, lambda *_: sys.exit(42)); print('up', flush=True)\n"
    process = start(cli, way, memory, "-s", "x", "--", sys.executable, "-c", code + "while True: signal.pause()")
    assert process.stdout and process.stdout.readline() == "up\n"
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 42
    assert is_empty(memory)


def test_no_parent_stays(cli: Cli, way: str, memory: Path) -> None:
    cli.secret("x")
    process = start(cli, way, memory, "-s", "x", "--", "sh", "-c", "echo $$ $PPID; ps -o pid= --ppid $$ | wc -l")
    shown, _ = process.communicate()
    assert shown.split()[:2] == [str(process.pid), str(os.getpid())]


def test_killed_with_its_whole_group(cli: Cli, way: str, memory: Path) -> None:
    cli.secret("x")
    process = start(cli, way, memory, "-s", "x", "--", "sh", "-c", "echo up; sleep 60", start_new_session=True)
    assert process.stdout and process.stdout.readline() == "up\n"
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert is_empty(memory)


def test_what_a_killed_cleaner_left_is_swept(cli: Cli, memory: Path) -> None:
    left = memory / "strongroom-run-999999999-123-abc"
    left.mkdir(mode=0o700)
    (left / "x").write_text("left behind")
    cli.secret("x")
    output(cli, "private", memory, "-s", "x", "--", "true")
    assert is_empty(memory)


def test_two_at_once_do_not_see_each_other(cli: Cli, way: str, memory: Path) -> None:
    for name in ("a", "b"):
        cli.secret(name)
    script = 'echo up; read -r line; ls "${SECRETS_DIR:-/run/secrets}"'
    both = [start(cli, way, memory, "-s", name, "--", "sh", "-c", script, stdin=subprocess.PIPE) for name in "ab"]
    for process in both:
        assert process.stdout and process.stdout.readline() == "up\n"
    assert [process.communicate("go\n")[0] for process in both] == ["a\n", "b\n"]


def test_no_value_in_the_environment_or_arguments(cli: Cli, way: str, memory: Path) -> None:
    value = cli.secret("x")
    script = "cat /proc/self/environ /proc/self/cmdline /proc/$PPID/environ /proc/$PPID/cmdline | tr '\\0' '\\n'"
    assert value not in output(cli, way, memory, "-s", "x", "--", "sh", "-c", script)


def test_other_users_cannot_read_them(cli: Cli, way: str, memory: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    value = cli.secret("x")
    memory.chmod(0o755)
    process = start(cli, way, memory, "-s", "x", "--", "sh", "-c", "echo ${SECRETS_DIR:-/run/secrets}; read -r line",
                    stdin=subprocess.PIPE)  # fmt: skip
    assert process.stdout
    directory = process.stdout.readline().strip()
    nobody = pwd.getpwnam("nobody").pw_uid
    seen = [subprocess.run(["cat", path], capture_output=True, user=nobody, group=nobody)
            for path in (f"{directory}/x", f"/proc/{process.pid}/root{directory}/x")]  # fmt: skip
    process.communicate("end\n")
    assert [each.returncode for each in seen] == [1, 1]
    assert value.encode() not in b"".join(each.stdout for each in seen)


def readable_copy(directory: Path) -> dict[str, str]:
    """Copy strongroom and what it needs to where every user may read it, and return the variables that lead there."""
    for module in ("strongroom", "click", "cryptography", "pyrage", "yaml", "cffi"):
        (origin,) = importlib.import_module(module).__path__
        shutil.copytree(origin, directory / module, ignore=shutil.ignore_patterns("__pycache__"))
    for library in Path(directory.parent, sysconfig.get_path("platlib")).glob("_cffi_backend*.so"):
        shutil.copy(library, directory)
    return {"PYTHONPATH": str(directory), "PYTHONDONTWRITEBYTECODE": "1"}


def python_of_everybody() -> str:
    """Return a Python of this version that every user may run: this one may lie in somebody's home."""
    own = getattr(sys, "_base_executable", sys.executable)
    for python in (own, f"/usr/bin/python3.{sys.version_info.minor}"):
        if Path(python).exists() and all(each.stat().st_mode & 0o001 for each in (Path(python), *Path(python).parents)):
            return python
    missing(f"{own} cannot be run by an ordinary user")
    return own


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests are run by an ordinary user already")
def test_as_an_ordinary_user(way: str, memory: Path, tmp_path: Path) -> None:
    """What most people are: a user namespace where the system allows one, else the private directory."""
    for directory in (tmp_path, *tmp_path.parents[:2]):
        directory.chmod(0o755)
    cli = Cli(tmp_path / "home", tmp_path / "project")
    nobody = pwd.getpwnam("nobody").pw_uid
    for directory in (cli.home, cli.project, memory):
        directory.mkdir(exist_ok=True)
        os.chown(directory, nobody, nobody)
    value = leaks.fresh()
    (cli.project / "value").write_text(value)
    script = f"""set -e
        strongroom() {{ {python_of_everybody()} -m strongroom "$@"; }}
        strongroom init >/dev/null
        strongroom secret create x value >/dev/null
        strongroom run -s x,mode=0400 -- sh -c 'd=${{SECRETS_DIR:-/run/secrets}}; id -u; ls $d; cat $d/x'"""
    done = subprocess.run(
        ["sh", "-c", script], cwd=cli.project, user=nobody, group=nobody, extra_groups=[], capture_output=True,
        env=cli.variables() | {"XDG_RUNTIME_DIR": str(memory)} | readable_copy(tmp_path / "lib"),
        text=True, preexec_fn=forbid_namespaces if way == "private" else None,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{nobody}\nx\n{value}", "")
    assert is_empty(memory)


def test_default_signal_actions_are_restored(cli: Cli, memory: Path) -> None:
    cli.secret("x")
    shown = output(cli, "namespace", memory, "-s", "x", "--", "grep", "SigIgn", "/proc/self/status")
    assert not int(shown.split()[1], 16) & (1 << (signal.SIGPIPE - 1))


def test_core_dump_limit_is_the_user_s_own(cli: Cli, memory: Path) -> None:
    cli.secret("x")
    own = subprocess.run(["sh", "-c", "ulimit -c"], capture_output=True, text=True).stdout
    assert output(cli, "namespace", memory, "-s", "x", "--", "sh", "-c", "ulimit -c") == own


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("--", "true"), 2, "nothing to grant"),
        (("-s", "x"), 2, "COMMAND"),
        (("-s", "x,mode=999", "--", "true"), 2, "mode"),
        (("-s", "x,uid=root", "--", "true"), 2, "numbers"),
        (("-s", "../x", "--", "true"), 2, "not a secret's name"),
        (("-f", "compose.yaml", "--", "true"), 2, "--service"),
        (("-s", "missing", "--", "true"), 1, "strongroom secret create missing"),
        (("-s", "x=../y", "--", "true"), 1, ".."),
        (("-s", "x=same", "-s", "y=same", "--", "true"), 1, "both granted"),
        (("-s", "x", "--", "no-such-program"), 127, "not found"),
        (("-s", "x", "--", "./not-executable"), 126, "cannot execute"),
        (("--service", "api", "--", "true"), 1, "compose.yaml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_is_wrong_is_said(cli: Cli, memory: Path, arguments: tuple[str, ...], status: int, says: str) -> None:
    (cli.project / "not-executable").write_text("")
    for name in "xy":
        cli.secret(name)
    result = cli("run", *arguments, status=status, environment={"XDG_RUNTIME_DIR": str(memory)})
    assert says in result.stderr


COMPOSE = """
services:
  api:
    image: x
    secrets:
      - plain
      - {source: db, target: database/password, mode: 0400}
      - from_file
      - from_variable
  other: {image: x}
secrets:
  plain: {external: true}
  db: {external: true, name: db_password}
  from_file: {file: ./file.txt}
  from_variable: {environment: THE_VARIABLE}
"""


def test_what_a_compose_file_grants(cli: Cli, way: str, memory: Path) -> None:
    values = [cli.secret("plain"), cli.secret("db_password"), leaks.fresh()]
    (cli.project / "compose.yaml").write_text(COMPOSE)
    (cli.project / "file.txt").write_text(values[2])
    cli.environment["THE_VARIABLE"] = "from the user's own environment"
    script = """cd "${SECRETS_DIR:-/run/secrets}"
        for f in plain database/password from_file from_variable; do cat $f; echo; done"""
    shown = output(cli, way, memory, "--service", "api", "--", "sh", "-c", script).splitlines()
    assert shown == [*values, "from the user's own environment"]
    assert "no service 'apo'" in cli("run", "--service", "apo", "--", "true", status=1).stderr


def test_memory_directories_are_told_from_others() -> None:
    assert linux.is_in_memory(Path("/dev/shm"))
    assert not linux.is_in_memory(Path("/proc"))
