"""The shapes that the paper found for each kind of matrix, by type and storage of attention."""

from __future__ import annotations

from weightgauge.diagnosis.regime import TRANSMISSION

SEPARATE_MHA, GROUPED, MERGED = (0.76, 0.99), (1.10, 1.16), (1.05, 1.18)
"""Ranges of the medians per model: q and k stored apart under multi-head attention, q and k under
grouped-query attention, and q, k and v in one tensor."""

ROUNDING = 0.005
"""Largest rounding error of the ends of the ranges, which are published to two decimals."""

_TRANSMISSION_KINDS = frozenset(("o", "ffn_in", "ffn_out", "gate", "up", "down"))


def expected_range(
    kind: str, *, attention: str | None = None, storage: str | None = None
) -> tuple[float, float] | None:
    """Return the range of the median shapes of published models (arXiv:2605.18898).

    For q, k and qkv it is the range over the paper's table of 12 language models, which says what
    is usual, not what is right. For FFN matrices and the attention output it is the Transmission
    Class, to which the paper assigns them. The attention outputs of two of the paper's own models,
    at 1.041 and 1.166, lie outside that class.

    Parameters
    ----------
    kind : str
        One of `weightgauge.anatomy.components.KINDS`.
    attention : str or None
        "MHA", "GQA", "MQA" or "MLA"; None where it is not known.
    storage : str or None
        "separate" or "merged"; None where it is not known.

    Returns
    -------
    tuple of float or None
        Lowest and highest shape. None where nothing is published about such a matrix, as for v and
        for the parts of a merged tensor.

    Examples
    --------
    >>> from weightgauge.diagnosis import expected_range
    >>> expected_range("q", attention="GQA", storage="separate")
    (1.1, 1.16)
    >>> expected_range("down")
    (1.18, 1.21)
    """
    if kind in _TRANSMISSION_KINDS:
        return TRANSMISSION
    if kind == "qkv":
        return MERGED
    if kind in ("q", "k") and storage == "separate":
        return {"MHA": SEPARATE_MHA, "GQA": GROUPED}.get(attention or "")
    return None
