"""``strongroom scan`` and ``strongroom ignore`` as a user runs them."""

from __future__ import annotations

import base64
import json
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

import leaks
from cli import STRONGROOM, Cli, Result

SARIF = json.loads((Path(__file__).parent.parent / "schemas/sarif-2.1.0.json").read_text())


def token() -> str:
    """Return what looks like a key of AWS, and is new."""
    return leaks.watch_for(b"AKIA" + base64.b32encode(os.urandom(10))).decode()


def objects(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.out.splitlines()]


@pytest.fixture
def leaky(empty: Cli) -> tuple[Cli, str]:
    """Return a project without a store that has a token in a file, and the token."""
    value = token()
    (empty.project / "src").mkdir()
    (empty.project / "src/settings.py").write_text(f"import os\nKEY = '{value}'\n")
    (empty.project / "clean.py").write_text("import os\n")
    return empty, value


def test_what_looks_like_a_token_is_found_and_not_shown(leaky: tuple[Cli, str]) -> None:
    cli, _ = leaky
    result = cli("scan", ".", status=1)
    assert "src/settings.py:2" in result.out
    assert "AKIA*****" in result.out
    assert "1 finding in 2 files" in result.stderr
    assert "of the store" not in result.stderr


def test_a_clean_directory(leaky: tuple[Cli, str]) -> None:
    cli, _ = leaky
    result = cli("scan", "clean.py")
    assert result.out == ""
    assert "nothing found in 1 file" in result.stderr


def test_the_store_itself_is_not_looked_at(cli: Cli) -> None:
    for number in range(5):
        cli("secret", "create", f"secret_{number}", "--generate", "40")
    result = cli("scan", ".")
    assert ".strongroom/store.db is strongroom's own store" in result.stderr.replace("store.db: is", "store.db is")


@pytest.mark.parametrize("targets", [["dir:src", "clean.py"], ["src/settings.py"], ["-"]])
def test_targets_of_several_kinds(leaky: tuple[Cli, str], targets: Sequence[str]) -> None:
    cli, value = leaky
    (found,) = objects(cli("scan", "--format", "json", *targets, stdin=f"key={value}", status=1))
    assert found["Path"] == "src/settings.py" or targets == ["-"]
    assert found["Value"] == "AKIA*****"


def test_values_only_when_asked_for(leaky: tuple[Cli, str]) -> None:
    cli, value = leaky
    assert value in cli("scan", ".", "--show-values", status=1, reveals=True).out


def test_each_format_into_a_file_of_ones_own(leaky: tuple[Cli, str]) -> None:
    cli, _ = leaky
    texts = {}
    for name in ("table", "json", "sarif", "junit", "html"):
        path = cli.project.parent / f"report.{name}"
        assert cli("scan", ".", "--format", name, "-o", str(path), status=1).out == ""
        assert path.stat().st_mode & 0o777 == 0o600
        texts[name] = path.read_text()
        leaks.record(texts[name], f"a report: {name}")
        assert "settings.py" in texts[name]
    jsonschema.Draft4Validator(SARIF).validate(json.loads(texts["sarif"]))
    assert ET.fromstring(texts["junit"]).get("failures") == "1"


@pytest.mark.parametrize(("level", "status"), [("any", 1), ("none", 0)])
def test_what_makes_it_fail(leaky: tuple[Cli, str], level: str, status: int) -> None:
    assert leaky[0]("scan", ".", "--fail-on", level, status=status).out


def test_a_baseline_leaves_out_what_is_known_of(leaky: tuple[Cli, str]) -> None:
    cli, _ = leaky
    written = cli("scan", ".", "--write-baseline", "baseline.json")
    assert "baseline.json has 1 finding now" in written.stderr
    settings = cli.project / "src/settings.py"
    settings.write_text(f"# a new line\n{settings.read_text()}")
    result = cli("scan", ".", "--baseline", "baseline.json")
    assert "nothing found (1 more in the baseline)" in result.stderr
    settings.write_text(f"{settings.read_text()}OTHER = '{token()}'\n")
    (found,) = objects(cli("scan", ".", "--baseline", "baseline.json", "--format", "json", status=1))
    assert found["Line"] == 4


def test_gitleaks_files_are_honoured(leaky: tuple[Cli, str]) -> None:
    cli, value = leaky
    rule = '[[rules]]\nid = "own"\ndescription = "Ours"\nregex = "KEY = \'(A[A-Z0-9]+)"\nkeywords = ["key"]\n'
    (cli.project / ".gitleaks.toml").write_text(rule)
    (found,) = objects(cli("scan", ".", "--format", "json", status=1))
    assert found["Rule"] == "own"
    (cli.project / ".gitleaksignore").write_text("src/settings.py:own:2\n")
    cli("scan", ".")
    (cli.project / ".gitleaksignore").unlink()
    (cli.project / "src/settings.py").write_text(f"KEY = '{value}'  # gitleaks:allow\n")
    cli("scan", ".")
    assert "ID" not in cli("scan", "rules", "--config", ".gitleaks.toml", "--format", "{{.ID}}").out
    (cli.project / ".gitleaks.toml").write_text('[[rules]]\nid = "broken"\nregex = "("\n')
    assert "broken" in cli("scan", ".", status=1).stderr


def test_values_of_the_store_are_found_in_any_encoding(cli: Cli) -> None:
    value = cli.secret("db_password")
    former = value
    value = leaks.fresh()
    cli("secret", "update", "db_password", "-", stdin=value)
    (cli.project / "a.txt").write_text(f"it was {former}\n")
    (cli.project / "b.yaml").write_text(f"data:\n  auth: {base64.b64encode(f'app:{value}'.encode()).decode()}\n")
    (cli.project / "c.bin").write_bytes(b"\0\1" + value.encode("utf-16-le") + b"\0\2")
    result = cli("scan", ".", "--format", "json", status=1)
    assert "looking for 2 values of the store" in result.stderr
    found = {str(each["Path"]): each for each in objects(result)}
    assert set(found) == {"a.txt", "b.yaml", "c.bin"}
    assert {each["Secret"] for each in found.values()} == {"db_password"}
    assert all("strongroom rotate db_password" in str(each["Fix"]) for each in found.values())
    entries = [json.loads(line) for line in cli("audit", "ls", "--format", "json").out.splitlines()]
    assert [(each["Secret"], each["Version"]) for each in entries if each["Command"] == "scan"] == [
        ("db_password", 1), ("db_password", 2),
    ]  # fmt: skip
    cli("scan", ".", "--no-known", "--fail-on", "known")
    cli("scan", ".", "--fail-on", "known", status=1)


def test_fingerprints_stand_in_for_the_store(cli: Cli) -> None:
    value = cli.secret("db_password")
    cli("secret", "create", "by_hand", "-", stdin="correcthorsebattery")
    written = cli("scan", "fingerprint", "-o", "fingerprints")
    assert "by_hand: its value could be guessed" in written.stderr
    leaks.record((cli.project / "fingerprints").read_bytes(), "a file of fingerprints")
    (cli.project / "a.txt").write_text(f"password={value}\n{base64.b64encode(value.encode()).decode()}\n")
    found = objects(cli("scan", "a.txt", "--fingerprints", "fingerprints", "--format", "json", status=1))
    assert [(each["Secret"], each["Line"], each["Encoding"]) for each in found] == [
        ("db_password", 1, []), ("db_password", 2, ["base64"]),
    ]  # fmt: skip
    cli("scan", "a.txt", "--fingerprints", "fingerprints", "--known", status=2)
    assert "cannot be read" in cli("scan", "a.txt", "--fingerprints", "none", status=1).stderr


def test_a_store_that_does_not_open_is_said_once(cli: Cli) -> None:
    cli.secret("db_password")
    (cli.project / "a.txt").write_text("nothing\n")
    cli.environment["HOME"] = str(cli.project)
    assert "the store's values are not looked for" in cli("scan", "a.txt").stderr
    cli("scan", "a.txt", "--known", status=1)
    assert cli("scan", "a.txt", "--no-known").stderr.count("\n") == 1


@pytest.mark.parametrize(("arguments", "status", "words"), [
    ([], 2, "TARGET"), (["."], 0, "nothing found"), (["nowhere.txt"], 1, "dir:"), (["--format", "xml", "."], 2, "html"),
    ([".", "--baseline", "none.json"], 1, "cannot be read"), ([".", "--config", "none.toml"], 1, "none.toml"),
    ([".", "-o", "no/where"], 1, "cannot be written"), (["--known", "."], 1, "strongroom init"),
])  # fmt: skip
def test_every_end_says_why(empty: Cli, arguments: Sequence[str], status: int, words: str) -> None:
    result = empty("scan", *arguments, status=status)
    assert words in result.stderr + result.out


def test_rules_are_listed(empty: Cli) -> None:
    assert len(empty("scan", "rules").out.splitlines()) > 100


def test_help_imports_no_library_of_the_extra() -> None:
    code = "import sys; from strongroom.cli import build, scan; print({'hyperscan', 're2'} & set(sys.modules))"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_ignore_writes_and_checks(empty: Cli) -> None:
    (empty.project / ".env").write_text("TOKEN=x\n")
    result = empty("ignore", "--check", status=1)
    assert "build context" in result.out
    assert not (empty.project / ".dockerignore").exists()
    assert "no secret is exposed" in empty("ignore").stderr
    assert "lines" not in empty("ignore").stderr
    assert empty("ignore", "--check", "--format", "json").out == ""


def test_what_could_not_be_read_is_said_where_the_format_has_no_place_for_it(empty: Cli) -> None:
    (empty.project / "big.gz").write_bytes(b"\x1f\x8b\x08\0\0\0\0\0\0\x03broken")
    for options in (["--format", "json"], ["--write-baseline", "baseline.json"]):
        assert "note: big.gz: is " in empty("scan", "big.gz", *options).stderr


def test_a_baseline_is_written_instead_of_a_report(leaky: tuple[Cli, str]) -> None:
    cli, _ = leaky
    result = cli("scan", ".", "--write-baseline", "baseline.json", "--output", "report.html", status=2)
    assert "--output" in result.stderr


def test_to_fail_for_known_values_takes_values(leaky: tuple[Cli, str]) -> None:
    cli, _ = leaky
    assert "strongroom init" in cli("scan", ".", "--fail-on", "known", status=1).stderr
    cli("scan", ".", "--fail-on", "known", "--no-known")
    cli("init")
    cli.secret("db_password")
    cli("scan", ".", "--fail-on", "known")


@pytest.mark.parametrize("format_", ["table", "json", "sarif", "junit", "html"])
@pytest.mark.parametrize(("redirection", "says"), [(">/dev/full", "No space left"), (">&-", "1 finding"), ("2>&-", "")])
def test_an_output_that_takes_nothing(leaky: tuple[Cli, str], format_: str, redirection: str, says: str) -> None:
    cli, _ = leaky
    script = f"exec {STRONGROOM} scan . --format {format_} {redirection}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, cwd=cli.project, env=cli.variables())
    assert done.returncode == 1
    assert says in done.stderr.decode() and b"Traceback" not in done.stderr and b"unexpected" not in done.stderr


def test_a_closed_standard_input_is_empty(empty: Cli) -> None:
    script = f"exec {STRONGROOM} scan - <&-"
    done = subprocess.run(["sh", "-c", script], capture_output=True, cwd=empty.project, env=empty.variables())
    assert (done.returncode, b"nothing found" in done.stderr) == (0, True)


@pytest.mark.parametrize("format_", ["json", "sarif", "junit", "html"])
def test_a_report_is_utf_8_whatever_the_locale_says(leaky: tuple[Cli, str], format_: str) -> None:
    cli, value = leaky
    (cli.project / "src/settings.py").write_text(f"KEY = '{value}'  # für\n", "utf-8")
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for encoding in ("latin-1", "ascii"):
        variables = locale | {"PYTHONIOENCODING": encoding}
        assert "# für" in cli("scan", "src", "--format", format_, environment=variables, status=1).out


def test_a_terminal_is_told_what_takes_a_while(leaky: tuple[Cli, str]) -> None:
    cli, _ = leaky
    for option, said in (("--write-baseline", b"making the baseline"), ("--baseline", b"comparing with the baseline")):
        ours, terminal = pty.openpty()
        subprocess.run(
            [STRONGROOM, "scan", ".", option, "baseline.json"], stdout=subprocess.DEVNULL, stderr=terminal, check=True,
            cwd=cli.project, env=cli.variables() | {"TERM": "xterm"},
        )  # fmt: skip
        os.close(terminal)
        shown = os.read(ours, 65536)
        os.close(ours)
        leaks.record(shown, "a terminal")
        assert said in shown


@pytest.mark.parametrize("option", ["--output", "--write-baseline"])
def test_where_nothing_can_be_written_nothing_is_scanned(empty: Cli, option: str) -> None:
    result = empty("scan", ".", option, "none/report", status=1)
    assert result.stderr == "strongroom: none/report cannot be written: there is no directory none.\n"
