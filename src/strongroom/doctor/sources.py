"""Judgements on where values come from: the store, files, variables, and the shape of what is there."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from ..delivery.declared import Kind as SourceKind
from .model import Fault, Finding, Known, shape

_CREATE = "strongroom secret create {}"


def judge(known: Iterable[Known], store: str | None) -> Iterator[Finding]:
    """Yield what is wrong with the secrets that the project uses. ``store`` is where the store is, if there is one."""
    homeless = []
    for each in known:
        if each.source is None or not each.declared:
            continue
        if each.source.kind is SourceKind.MISSING and store is None and each.source.secret.external:
            homeless.append(each.name)
        else:
            yield from _missing(each)
            yield from _shapes(each)
    if homeless:
        seen = f"the project's external secrets ({', '.join(homeless)}) need a store, and there is none here or above"
        yield Finding(Fault.STORE_MISSING, "", "", seen, "strongroom init")


def _missing(known: Known) -> Iterator[Finding]:
    assert known.source is not None  # noqa: S101 - for the type checker
    secret, path = known.source.secret, known.source.secret.file
    if path is not None and known.empty:
        seen = f"{path} has no byte in it; Docker Swarm refuses that, and no application wants it"
        yield Finding(Fault.FILE_EMPTY, "", known.key, seen, f"rm {_quoted(path)} && strongroom init --dev")
    if known.source.kind is not SourceKind.MISSING:
        return
    if path is not None and path.is_dir():
        seen = f"{path} is a directory: Docker makes one where a file that it shall mount is missing"
        yield Finding(Fault.FILE_IS_DIRECTORY, "", known.key, seen, f"rmdir {_quoted(path)} && strongroom init --dev")
    elif path is not None:
        yield Finding(Fault.FILE_MISSING, "", known.key, f"there is no file {path}", "strongroom init --dev")
    elif secret.variable:
        command = f"read -rs {secret.variable} && export {secret.variable}"
        yield Finding(Fault.VARIABLE_MISSING, "", known.key, known.source.problem, command)
    else:
        seen = f"declared external, and {known.source.problem}"
        yield Finding(Fault.SECRET_MISSING, "", known.name, seen, _CREATE.format(known.name))


def _shapes(known: Known) -> Iterator[Finding]:
    if known.value is None:
        return
    found = shape(known.value.reveal())
    size = f"the value has {found.length} bytes"
    if found.mark == "UTF-16":
        seen = f"{size} and starts with the byte-order mark of UTF-16, which editors on Windows write"
        yield Finding(Fault.BYTE_ORDER_MARK, "", known.key, seen, _from_utf16(known))
        return
    if found.mark:
        seen = f"{size} and starts with the byte-order mark of UTF-8, which is no part of a password"
        yield Finding(Fault.BYTE_ORDER_MARK, "", known.key, seen, _rewrite(known, r"sed '1s/^\xEF\xBB\xBF//'"))
    if found.crlf and found.lines > 1:
        seen = f"{size} and {found.lines} lines that end with CR LF, as on Windows"
        yield Finding(Fault.CRLF, "", known.key, seen, _rewrite(known, r"sed 's/\r$//'"))
    elif found.newline and found.lines == 1:
        ending = "CR LF" if found.crlf else "a newline"
        fault = Fault.CRLF if found.crlf else Fault.TRAILING_NEWLINE
        seen = f"{size} and ends with {ending}: programs that do not strip it log in with it"
        yield Finding(fault, "", known.key, seen, _rewrite(known, r"sed -z 's/[\r\n]*$//'"))


def _rewrite(known: Known, sed: str) -> str:
    """Return the command that writes a value anew through sed: it is in pipes and files, and in no argument."""
    assert known.source is not None  # noqa: S101 - for the type checker
    if (path := known.source.secret.file) is not None:
        return f"{sed.replace('sed', 'sed -i', 1)} {_quoted(path)}"
    return _through(known, sed)


def _from_utf16(known: Known) -> str:
    assert known.source is not None  # noqa: S101 - for the type checker
    iconv = "iconv -f UTF-16 -t UTF-8"
    if (path := known.source.secret.file) is not None:
        new = _quoted(f"{path}.new")
        return f"(umask 077 && {iconv} {_quoted(path)} > {new} && mv {new} {_quoted(path)})"
    return _through(known, iconv)


def _through(known: Known, program: str) -> str:
    assert known.source is not None  # noqa: S101 - for the type checker
    if variable := known.source.secret.variable:
        return f'export {variable}="$(printenv {variable} | {program})"'
    name = known.source.stored.name if known.source.stored else known.name
    return f"strongroom secret reveal {name} | {program} | strongroom secret update {name} -"


def _quoted(path: object) -> str:
    return shlex.quote(str(path))
