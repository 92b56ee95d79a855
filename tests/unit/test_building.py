"""What the arguments of docker build ask for, and how a secret is handed over."""

from __future__ import annotations

from pathlib import Path

import pytest

import leaks
from strongroom.building.request import Request
from strongroom.building.secrets import Handover, SecretOption, given, resolve
from strongroom.errors import DeclarationError
from strongroom.model import Value


@pytest.mark.parametrize("typed", [
    "--secret id=a -t x:1 --push .", "-tx:1 --secret=id=a --push=true .", "--push . --tag=x:1 --secret id=a",
    "-t=x:1 . --secret id=a --push",
])  # fmt: skip
def test_what_is_ours_is_taken_out_however_it_was_typed(typed: str) -> None:
    request = Request.parse(typed.split())
    assert request == Request((".",), (SecretOption("a"),), ("x:1",), (), "", True)


@pytest.mark.parametrize("typed", [
    "--build-arg --push .", "-f --secret .", "--label -t --no-cache .", "-q .", "--progress=plain -", "-- -t",
    "-fDockerfile .", "--target tag --pull .",
])  # fmt: skip
def test_all_else_is_dockers(typed: str) -> None:
    request = Request.parse(typed.split())
    assert (request.secrets, request.tags, request.push) == ((), (), False)
    assert " ".join(request.arguments).replace("-f D", "-fD") == typed


def test_short_options_may_stand_in_one_word() -> None:
    request = Request.parse(["-qt", "x:1", "."])
    assert (request.arguments, request.tags) == (("-q", "."), ("x:1",))


@pytest.mark.parametrize(("text", "expected"), [
    ("id=a", SecretOption("a")), ("id=a,src=b", SecretOption("a", src="b")),
    ("source=b,ID=a", SecretOption("a", src="b")),
    ("type=env,id=a", SecretOption("a", "env")), ("id=a,env=B", SecretOption("a", env="B")),
    ('id=a,"src=b,c"', SecretOption("a", src="b,c")),
    ("id=a,from=vault://s/x#y", SecretOption("a", reference="vault://s/x#y")),
])  # fmt: skip
def test_a_secret_is_read_as_docker_reads_it(text: str, expected: SecretOption) -> None:
    assert SecretOption.parse(text) == expected
    if not expected.reference:
        assert SecretOption.parse(expected.option()) == expected


@pytest.mark.parametrize("text", ["", "a", "src=b", "id=", "id=a,nonsense=b", "id=a,b"])
def test_what_is_no_secret_is_refused(text: str) -> None:
    with pytest.raises(DeclarationError, match="--secret"):
        SecretOption.parse(text)


def test_an_id_alone_is_the_stores_then_a_variable_then_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    alone = SecretOption("a")
    assert resolve(alone, in_store=False) == alone
    (tmp_path / "a").touch()
    assert resolve(alone, in_store=False).src == "a"
    monkeypatch.setenv("a", "x")
    assert resolve(alone, in_store=False).env == "a"
    assert resolve(alone, in_store=True) == alone
    assert resolve(SecretOption("a", "file"), in_store=True).src == "a"
    assert resolve(SecretOption("a", "env"), in_store=True).env == "a"
    assert resolve(SecretOption("a", "env", src="B"), in_store=True).env == "B"


def test_what_docker_reads_itself_is_looked_for_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    value = leaks.fresh()
    (tmp_path / "file").write_text(f"{value}\n")
    monkeypatch.setenv("VARIABLE", value)
    expected = Value(value.encode())
    assert given(SecretOption("a", src=str(tmp_path / "file"))) == expected
    assert given(SecretOption("a", env="VARIABLE")) == expected
    assert given(SecretOption("a", src=str(tmp_path / "none"))) is None
    assert given(SecretOption("a", env="NONE")) is None


@pytest.mark.parametrize(("output", "target"), [
    ("out", "dir:out"), ("type=local,dest=out", "dir:out"), ("type=tar,dest=a.tar", "dir:a.tar"),
    ("type=oci,dest=a.tar", "oci:a.tar"), ("type=docker,dest=a.tar", "archive:a.tar"),
])  # fmt: skip
def test_what_goes_to_a_file_is_looked_through_there(output: str, target: str) -> None:
    assert Request.parse(["-o", output, "."]).exports() == [target]
    assert Request.parse(["-o", "type=docker", "."]).exports() == []


@pytest.mark.parametrize("output", [
    "-", "type=tar,dest=-", "type=registry", "type=image,name=x,push=true", "type=oci",
])  # fmt: skip
def test_what_nobody_could_look_through_is_refused(output: str) -> None:
    with pytest.raises(DeclarationError, match="looked"):
        Request.parse(["--output", output, "."])


def test_a_value_is_handed_over_in_memory_and_cannot_be_changed() -> None:
    value = leaks.fresh()
    handover = Handover()
    path = handover.path(Value(value.encode()))
    assert Path(path).read_text() == value == Path(path).read_text()
    assert Path(path).is_file()
    with pytest.raises(PermissionError), Path(path).open("r+b") as file:
        file.write(b"x")
    handover.close()
    assert not Path(path).exists()
