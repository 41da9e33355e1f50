"""Findings as annotations of a GitHub workflow: lines that the runner reads from the output."""

from __future__ import annotations

from weightgauge.errors import harmless
from weightgauge.findings import grouped
from weightgauge.reporting.document import Document
from weightgauge.reporting.writers.medium import Medium

_COMMANDS = {"fault": "error", "warning": "warning", "note": "notice"}


def write(document: Document, medium: Medium) -> str:
    """Return one workflow command for each group of findings, and the verdict last.

    What could not be looked at is an error, because a check that is not complete is no pass.

    Parameters
    ----------
    document : Document
        What to write.
    medium : Medium
        The place it goes to, which makes no difference.
    """
    model = str(document.data()["model"])
    lines = [
        f"::{_COMMANDS[group.level]} title={_property(f'weightgauge: {group.id}')}::"
        f"{_message(f'{model}: {group.message}')}"
        for group in grouped(document.findings or ())
    ]
    title = _property("weightgauge: not everything could be looked at")
    lines += [
        f"::error title={title}::{_message(f'{model}: {gap}')}" for gap in document.data()["gaps"]
    ]
    return "\n".join([*lines, document.verdict]) + "\n"


def _message(text: str) -> str:
    """Escape what would end a command, and what a terminal would obey."""
    return harmless(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape what would end a property too."""
    return _message(text).replace(":", "%3A").replace(",", "%2C")
