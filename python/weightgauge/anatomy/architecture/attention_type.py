"""The type of an attention, by its numbers of heads."""

from __future__ import annotations


def attention_type(heads: int, kv_heads: int) -> str:
    """Return the type of an attention, by its numbers of query heads and key and value heads.

    Parameters
    ----------
    heads, kv_heads : int
        Number of query heads, and of key and value heads, which divides the first.

    Returns
    -------
    str
        "MHA" (multi-head) if every query head has a key and a value of its own, "MQA"
        (multi-query) if all query heads share one, "GQA" (grouped-query) in between.

    Raises
    ------
    ValueError
        If a number is not positive, or `kv_heads` does not divide `heads`.

    Examples
    --------
    >>> from weightgauge.diagnosis import attention_type
    >>> attention_type(32, 32), attention_type(32, 8), attention_type(71, 1)
    ('MHA', 'GQA', 'MQA')
    """
    if kv_heads < 1 or heads < 1 or heads % kv_heads:
        raise ValueError(f"{kv_heads!r} key and value heads do not divide {heads!r} query heads")
    if heads == kv_heads:
        return "MHA"
    return "MQA" if kv_heads == 1 else "GQA"
