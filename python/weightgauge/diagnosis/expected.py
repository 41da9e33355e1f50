"""Which shapes the paper found for a kind of matrix, given how attention is built and stored."""

from __future__ import annotations

from weightgauge.diagnosis.regime import TRANSMISSION

SEPARATE_MHA, GROUPED, MERGED = (0.76, 0.99), (1.10, 1.16), (1.05, 1.18)
"""Medians per model of q and k under multi-head attention with tensors of their own, of q and k
under grouped-query attention, and of q, k and v in one tensor."""

ROUNDING = 0.005
"""The ends of the ranges are published to two decimals."""

_TRANSMISSION_KINDS = frozenset(("o", "ffn_in", "ffn_out", "gate", "up", "down"))


def expected_range(
    kind: str, *, attention: str | None = None, storage: str | None = None
) -> tuple[float, float] | None:
    """Range of the median shapes of published models (arXiv:2605.18898, table of 12 models).

    For q, k and qkv the range of a dozen language models: it says what is usual there, not what is
    right. For FFN matrices and the attention output the Transmission Class itself, to which the
    paper counts them; the outputs of two of its own models, at 1.041 and 1.166, lie outside.

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
        Lowest and highest; None where nothing is published for such a matrix, as for v and for the
        parts of a merged tensor.

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
