"""What Swarm asks a secret driver, and what it is answered (swarmkit, manager/drivers/secrets.go)."""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from ...errors import DeclarationError, InvalidReference, PolicyDenied, StoreUnavailable, StrongroomError
from ...references import EVERY_FIELD, Reference
from ...stores.audited import Event, Happening
from .fetches import Fetches
from .policy import Policy

LABEL = "strongroom.ref"
REUSE_LABEL = "strongroom.reuse"
_REPEATED_SECONDS = 10.0


class Answers:
    """Answers requests for secrets, counts them, and logs refusals: the Engine shows them at its debug level only."""

    def __init__(
        self, fetches: Fetches, policy: Policy, log: Callable[[str], None], record: Callable[[Event], None]
    ) -> None:
        """Answer from ``fetches`` what ``policy`` allows; ``record`` is told of each answer before it is given."""
        self._fetches, self._policy, self._log, self._record = fetches, policy, log, record
        self._lock = threading.Lock()
        self._outcomes: Counter[str] = Counter()
        self._seconds = 0.0

    def get_secret(self, body: bytes) -> tuple[int, dict[str, Any]]:
        """Answer a request with an HTTP status and what becomes JSON. It raises nothing."""
        started = time.monotonic()
        request: Mapping[str, Any] = {}
        try:
            request = _decoded(body)
            answer: tuple[int, dict[str, Any]] = (200, self._answer(request))
            self._record(_event(Happening.DELIVER, request))
            outcome = "served"
        except Exception as error:
            outcome = _OUTCOMES.get(type(error), "failed")
            message = str(error) if isinstance(error, StrongroomError) else f"unexpected {type(error).__name__}."
            answer = (500, {"Err": f"strongroom: {message}"})
            self._log(
                f"secret '{request.get('SecretName', '')}' for service '{request.get('ServiceName', '')}': {message}"
            )
            self._record_refusal(request, error)
        with self._lock:
            self._outcomes[outcome] += 1
            self._seconds += time.monotonic() - started
        return answer

    def health(self) -> tuple[bool, str]:
        """Tell whether all stores answered lately, and say what is wrong."""
        down = self._fetches.down()
        return not down, "\n".join(down.values()) or "ok"

    def metrics(self) -> str:
        """Return the counters in Prometheus's text format."""
        with self._lock:
            outcomes, seconds = dict(self._outcomes), self._seconds
        lines = [
            "# HELP strongroom_driver_requests_total Requests for a secret, by outcome.",
            "# TYPE strongroom_driver_requests_total counter",
            *(
                f'strongroom_driver_requests_total{{outcome="{outcome}"}} {outcomes.get(outcome, 0)}'
                for outcome in ("served", "denied", "invalid", "unreachable", "failed")
            ),
            "# HELP strongroom_driver_request_seconds How long requests took.",
            "# TYPE strongroom_driver_request_seconds summary",
            f"strongroom_driver_request_seconds_sum {seconds:.6f}",
            f"strongroom_driver_request_seconds_count {sum(outcomes.values())}",
            "# HELP strongroom_driver_fetches_total Fetches from stores.",
            "# TYPE strongroom_driver_fetches_total counter",
            f"strongroom_driver_fetches_total {self._fetches.started}",
            "# HELP strongroom_driver_joined_total Requests that joined another one's fetch.",
            "# TYPE strongroom_driver_joined_total counter",
            f"strongroom_driver_joined_total {self._fetches.joined}",
            "# HELP strongroom_driver_fetches_under_way Fetches that run now.",
            "# TYPE strongroom_driver_fetches_under_way gauge",
            f"strongroom_driver_fetches_under_way {self._fetches.under_way}",
            "# HELP strongroom_driver_stores_down Stores that did not answer lately.",
            "# TYPE strongroom_driver_stores_down gauge",
            f"strongroom_driver_stores_down {len(self._fetches.down())}",
        ]
        return "\n".join(lines) + "\n"

    def _record_refusal(self, request: Mapping[str, Any], error: Exception) -> None:
        event = _event(Happening.DELIVER, request)
        denied = event._replace(happening=Happening.DENY)
        try:
            self._record(denied if isinstance(error, PolicyDenied) else event.failed(error))
        except StrongroomError as another:
            self._log(f"the audit could not be written: {another}")

    def _answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        reference = _reference(request)
        self._policy.check(str(request.get("ServiceName", "")), reference)
        value = self._fetches.get(reference)
        reuse = (request.get("SecretLabels") or {}).get(REUSE_LABEL) == "true"
        return {"Value": base64.b64encode(value.reveal()).decode(), "DoNotReuse": not reuse}


_OUTCOMES: Mapping[type[Exception], str] = {
    PolicyDenied: "denied", DeclarationError: "invalid", InvalidReference: "invalid", StoreUnavailable: "unreachable",
}  # fmt: skip


class Log:
    """Writes lines to standard error, where the journal finds them; the same one not again and again."""

    def __init__(self) -> None:
        """Start with nothing said."""
        self._said: dict[str, float] = {}

    def __call__(self, text: str) -> None:
        """Write a line, unless it was written lately."""
        now = time.monotonic()
        self._said = {each: at for each, at in list(self._said.items()) if now - at < _REPEATED_SECONDS}
        if self._said.setdefault(text, now) == now:
            sys.stderr.write(f"strongroom: {text}\n")
            sys.stderr.flush()


def _event(happening: Happening, request: Mapping[str, Any]) -> Event:
    reference = str((request.get("SecretLabels") or {}).get(LABEL, ""))
    detail = {"to": str(request.get("ServiceName", "")), "reference": reference}
    return Event(happening, str(request.get("SecretName", "")), None, detail)


def _decoded(body: bytes) -> Mapping[str, Any]:
    try:
        request = json.loads(body)
    except ValueError:
        request = None
    if not isinstance(request, dict):
        raise DeclarationError("the request is no JSON object.")
    return request


def _reference(request: Mapping[str, Any]) -> Reference:
    labels = request.get("SecretLabels") or {}
    text, name = labels.get(LABEL), request.get("SecretName", "")
    if not text:
        raise DeclarationError(
            f"secret '{name}' has no label {LABEL}. Create it with: docker secret create -d strongroom -l "
            f"{LABEL}=REFERENCE {name}"
        )
    reference = Reference.parse(text)
    if reference.field == EVERY_FIELD:
        raise DeclarationError(f"{text} names many values, and a Swarm secret is one: name a key after the #.")
    return reference
