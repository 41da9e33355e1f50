"""What a page says of matrices that are left out: of medians, and of tables that are cut short."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from weightgauge.reporting.document import Line


def left_out_note(kinds: Iterable[tuple[str, int, int]]) -> Iterator[str]:
    """Yield a sentence on what medians are not over; nothing where they are over everything.

    Parameters
    ----------
    kinds : iterable of (str, int, int)
        Name of a kind, matrices that are left out, and matrices in all.
    """
    listed = [f"{aside:,} of {all_:,} {name}" for name, aside, all_ in kinds if aside]
    if listed:
        yield (
            "Left out of the medians, because they lie on a grid or were pruned, and their k says "
            f"nothing of the training: {', '.join(listed)}."
        )


def rows_left_out(number: int, top: int | None) -> tuple[Line, ...]:
    """Say below a table how many rows it lacks; nothing where it lacks none.

    Parameters
    ----------
    number : int
        How many rows there are.
    top : int or None
        How many are shown at most; None for all.
    """
    more = 0 if top is None else number - top
    return (Line(f"... and {more:,} more: --top {number} or -v shows them"),) if more > 0 else ()
