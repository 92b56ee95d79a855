"""An image's configuration and history, as pieces; and what made a layer, as a person would say it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...model import Layer, Piece, Place

Json = Mapping[str, Any]
# `|2 A=x B=y /bin/sh -c make`: what Docker's builders write of a RUN with build arguments.
_ARGUMENTS = re.compile(r"\|(\d{1,4}) ")
_COMMAND = re.compile(r" (?=(?:/\S{1,60}|cmd|powershell)(?:\.exe)? [-/])")
_ASSIGNMENT = re.compile(r" (?=[A-Za-z_]\w*=)")
_SHELL = re.compile(r"/bin/(?:ba|a)?sh (?:-o pipefail )?-[a-z]*c ")
_NOP = re.compile(r"/bin/sh -c #\(nop\) +")
# What of the history the configuration says too.
_REPEATED = ("ENV", "LABEL", "CMD", "ENTRYPOINT", "HEALTHCHECK", "ONBUILD")


def config_pieces(config: Json, prefix: str, platform: str, layers: Sequence[Layer]) -> Iterator[Piece]:
    """Yield the settings of an image's ``config``, and of its history what they do not say."""
    inner = mapping(config.get("config"))
    for where, text in settings(inner):
        yield text_piece(Place(prefix + where, None, platform), text)
    said = sorted({text for _, text in _values(inner) if len(text) > 3}, key=len, reverse=True)
    arguments: set[str] = set()
    index = 0
    for number, entry in enumerate(map(mapping, _list(config.get("history")))):
        layer = None
        if not entry.get("empty_layer"):
            layer = layers[index] if index < len(layers) else None
            index += 1
        created = str(entry.get("created_by") or "")
        instruction, given = split_arguments(created)
        if instruction.startswith("ARG "):
            given, instruction = [each for each in (instruction[4:],) if "=" in each], ""
        for argument in given:
            if argument not in arguments:
                arguments.add(argument)
                yield text_piece(Place(f"{prefix}ARG {argument.partition('=')[0]}", layer, platform), argument)
        if instruction.startswith(_REPEATED):
            for value in said:
                instruction = instruction.replace(value, "")
        text = "\n".join(filter(None, (instruction, str(entry.get("comment") or ""), str(entry.get("author") or ""))))
        if text:
            yield text_piece(Place(f"{prefix}history {number}", layer, platform), text)


def text_piece(place: Place, text: str) -> Piece:
    """Return a text as a piece."""
    return Piece(place, iter((text.encode(errors="replace"),)))


def settings(config: Json) -> Iterator[tuple[str, str]]:
    """Yield what each setting of an image, a container or a service is called, and its text."""
    for variable in _texts(config.get("Env")):
        yield f"Env {variable.partition('=')[0]}", variable
    for key, value in mapping(config.get("Labels")).items():
        yield f"Label {key}", f"{key}={value}"
    for name in ("Cmd", "Entrypoint", "Command", "Args", "Shell"):
        if words := _texts(config.get(name)):
            yield name, " ".join(words)
    test = _texts(mapping(config.get("Healthcheck")).get("Test"))
    if test:
        yield "Healthcheck", " ".join(test)
    for number, trigger in enumerate(_texts(config.get("OnBuild"))):
        yield f"OnBuild {number}", trigger
    for name in ("User", "WorkingDir", "Hostname", "Domainname"):
        if text := str(config.get(name) or ""):
            yield name, text


def _values(config: Json) -> Iterator[tuple[str, str]]:
    """Yield the settings in the words in which the history repeats them."""
    yield from settings(config)
    lists = (config.get("Cmd"), config.get("Entrypoint"), mapping(config.get("Healthcheck")).get("Test"))
    for words in lists:
        for word in _texts(words):
            yield "", word
            yield "", word.replace("\\", "\\\\").replace('"', '\\"')
    for _, text in settings({"Env": config.get("Env"), "Labels": config.get("Labels")}):
        key, _, value = text.partition("=")
        yield "", f'{key}="{value}"'
        yield "", f"{key} {value}"


def instructions(config: Json) -> list[str]:
    """Return the instruction that made each layer, base first, as the history says."""
    entries = [mapping(entry) for entry in _list(config.get("history"))]
    return [split_arguments(str(entry.get("created_by") or ""))[0] for entry in entries if not entry.get("empty_layer")]


def split_arguments(created_by: str) -> tuple[str, list[str]]:
    """Return an instruction without what builders add to it, and the build arguments that it was run with."""
    text = created_by.removesuffix(" # buildkit").strip()
    text, found = _NOP.subn("", text, count=1)
    if found:
        return text, []
    run = text.startswith("RUN ")
    body = text[4:].lstrip() if run else text
    arguments: list[str] = []
    if match := _ARGUMENTS.match(body):
        found_command = _COMMAND.search(body, match.end() - 1)
        end = found_command.start() if found_command else len(body)
        arguments = [each for each in _ASSIGNMENT.split(body[match.end() : end]) if "=" in each]
        body, run = body[end:].strip(), True
    body, found = _SHELL.subn("", body, count=1) if _SHELL.match(body) else (body, 0)
    return (f"RUN {body}" if run or found else body), arguments


def mapping(value: object) -> Json:
    """Return a JSON object, or an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _texts(value: object) -> list[str]:
    """Return a list of texts, also of the single text that Docker takes for one."""
    if isinstance(value, str):
        return [value]
    return [str(each) for each in _list(value)]
