"""How the output describes codes and their scales."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightgauge.anatomy.storage.scales import Decoding, block_size, of_all_in_words
from weightgauge.anatomy.storage.stored import ScaledCodes
from weightgauge.errors import printable

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo


class ScaleTexts:
    """Texts about scaled codes, each made once for all tensors of the same formats.

    Parameters
    ----------
    words : str
        A format string: the codes, the last part of the scale's name, and which codes share one.
    """

    def __init__(self, words: str) -> None:
        self._words = words
        self._known: dict[tuple[object, ...], str] = {}

    def of(self, tensor: TensorInfo, scale: TensorInfo, decoding: Decoding) -> str:
        """Return the text about a tensor of codes and what was found out about it."""
        leaf, codes = scale.name.rpartition(".")[2], decoding.codes
        second = of_all_in_words(codes)
        form = tensor.dtype, tensor.shape, scale.shape, leaf, second
        text = self._known.get(form)
        if text is None:
            per = _spread(tensor, codes)
            text = self._words.format(codes=tensor.dtype, scale=printable(leaf), per=per)
            text += ("" if decoding.stated else " (inferred)") + second
            self._known[form] = text
        return text


def _spread(tensor: TensorInfo, codes: ScaledCodes) -> str:
    """Say which elements share a scale."""
    if codes.single:
        return "per tensor"
    block = codes.block_rows, codes.block_columns
    if block == (1, codes.columns):
        # A stack with one scale for each matrix is decoded with whole matrices as its rows.
        return "per row" if codes.columns == tensor.shape[-1] else "per matrix"
    if block == (codes.rows, 1):
        return "per column"
    return f"per {block_size(codes)} block"
