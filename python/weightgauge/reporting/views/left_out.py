"""What a page says of matrices that are left out of the medians of their kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


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
