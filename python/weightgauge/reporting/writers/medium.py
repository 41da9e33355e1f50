"""What a writer has to know about the place of its text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """The place that a result is written to.

    Attributes
    ----------
    width : int or None
        Columns of the terminal; None without a terminal, as in a pipe.
    colour : bool
        Whether headings may be set off with terminal escapes.
    notes : bool
        Whether tables are explained.
    everything : bool
        Whether all findings are told, not the most serious alone.
    plain : bool
        Whether it has ASCII alone, so that text is spelled so before it is laid out.
    """

    width: int | None = None
    colour: bool = False
    notes: bool = True
    everything: bool = False
    plain: bool = False
