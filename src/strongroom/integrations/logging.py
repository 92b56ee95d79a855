"""A filter for ``logging`` that masks the values which this process read through the reader.

>>> for handler in logging.getLogger().handlers:  # doctest: +SKIP
...     handler.addFilter(MaskSecrets())
"""

from __future__ import annotations

import logging

from .. import reader

_MASK = "<secret>"
_SHORTEST = 4  # shorter ones stand in every other word
_FORMATTER = logging.Formatter()


class MaskSecrets(logging.Filter):
    """Replaces values in a record's text and in its traceback by ``<secret>``, and lets every record pass.

    Add it to handlers, not to loggers: a logger's filter does not see the records of the loggers below it. It knows
    what was read since the first filter was made, so make it before the first secret is read. Values of less than four
    characters stay.
    """

    def __init__(self) -> None:
        """Begin to remember what the reader reads."""
        super().__init__()
        if reader.seen is None:
            reader.seen = {found.text for found in reader.cached() if found.text}

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask a record."""
        values = sorted((each for each in reader.seen or () if len(each) >= _SHORTEST), key=len, reverse=True)
        text = record.getMessage()
        masked = _masked(text, values)
        if masked != text:
            record.msg, record.args = masked, None
        if record.exc_info and not record.exc_text:
            record.exc_text = _FORMATTER.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = _masked(record.exc_text, values)
        if record.stack_info:
            record.stack_info = _masked(record.stack_info, values)
        return True


def _masked(text: str, values: list[str]) -> str:
    for value in values:
        text = text.replace(value, _MASK)
        text = text.replace(repr(value)[1:-1], _MASK)
    return text
