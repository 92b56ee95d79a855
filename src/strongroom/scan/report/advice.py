"""What to do about a finding: it depends on what was found, and where."""

from __future__ import annotations

import re

from ..model import Finding

_MOUNT = "RUN --mount=type=secret,id=NAME"
_SETTING = re.compile(r"(?:^| )(Env|Label|ARG|history|logs)\b")
_INSTRUCTIONS = {"Env": "ENV", "Label": "LABEL", "ARG": "ARG", "history": "RUN"}
_VERBS = ("COPY", "ADD", "RUN", "ARG", "ENV", "LABEL")
_FILES = ("dir", "context", "git", "compose", "dockerfile")


def fix(finding: Finding, kind: str, rule_fix: str = "", *, leaked: bool = True) -> str:
    """Return what to do next. ``kind`` is the target's prefix (``image``), ``rule_fix`` what the rule itself says.

    What nobody else can have seen yet has not ``leaked``, and need not be changed.
    """
    return f"{_revoke(finding, rule_fix) if leaked else ''} {_remove(finding, kind)}".strip()


def _revoke(finding: Finding, rule_fix: str) -> str:
    if finding.secret:
        return f"Give it a new value: strongroom rotate {finding.secret}."
    if rule_fix:
        return rule_fix if rule_fix.endswith((".", "!")) else f"{rule_fix}."
    if finding.rule == "private-key":
        return "Make a new key, and let nobody trust this one."
    return "Revoke it where it was issued, and use a new one."


def _remove(finding: Finding, kind: str) -> str:
    place = finding.place
    # An image of several says first which one it is: 'linux/arm64: Env TOKEN'.
    setting = _SETTING.search(place.path)
    what = setting[1] if setting else ""
    if place.layer or kind in ("image", "archive", "oci"):
        advice = _remove_from_image(place.layer.instruction if place.layer else "", what, place.shown)
        return advice.replace("id=NAME", f"id={finding.secret}") if finding.secret else advice
    if place.commit:
        return "The history keeps it: take it out with git filter-repo, and push by force."
    if what == "Env":
        return "Grant it as a file instead: 'secrets:' in the Compose file, and the _FILE variable."
    if what == "logs":
        return "Do not log it: strongroom.integrations.logging.MaskSecrets."
    if kind in _FILES and finding.secret:
        return f"Leave it out, and read it from /run/secrets/{finding.secret}."
    if kind in _FILES:
        return "Keep it in the store: strongroom secret create NAME -, and read it from /run/secrets."
    return ""


def _remove_from_image(instruction: str, what: str, shown: str) -> str:
    words = instruction.split()
    verb = _INSTRUCTIONS.get(what) or next((word for word in words if word in _VERBS), "")
    if verb in ("COPY", "ADD"):
        advice = f"Keep the file out of the build context: strongroom ignore; where a build needs it, use {_MOUNT}."
    elif verb == "ENV":
        advice = "An image keeps its ENV: grant a file in /run/secrets when the container starts."
    elif verb == "LABEL":
        advice = "An image keeps its labels: leave it out of LABEL."
    elif verb:
        advice = f"An image keeps arguments and what RUN writes: use {_MOUNT}."
    else:
        advice = f"Build the image anew without it; where a build needs it, use {_MOUNT}."
    return f"{advice} A layer keeps what a later one deletes." if shown.startswith("deleted") else advice
