"""What is odd about files and headers of a model, as its findings tell it."""

from __future__ import annotations


def remarks(found):
    """Return the messages of the findings `odd-input`, of anything that has findings."""
    return tuple(each.message for each in found.findings if each.id == "odd-input")
