"""Why packed codes cannot be made into weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo

BESIDE_CODES = {
    **dict.fromkeys(("scales", "weight_scale"), "scales"),
    **dict.fromkeys(("weight_scale_2", "weight_global_scale"), "scales of all scales"),
    **dict.fromkeys(("qzeros", "weight_zero_point"), "zero points"),
    **dict.fromkeys(("qweight", "weight_packed", "weight"), "codes"),
    "biases": "biases",
    **dict.fromkeys(("weight.absmax", "absmax", "SCB"), "scales"),
    **dict.fromkeys(("weight.nested_absmax", "nested_absmax"), "scales of scales"),
    **dict.fromkeys(("weight.quant_map", "weight.nested_quant_map"), "values of codes"),
    **dict.fromkeys(("weight.quant_state.bitsandbytes__nf4",), "settings"),
    **dict.fromkeys(("weight.quant_state.bitsandbytes__fp4",), "settings"),
}
"""What codes are and what lies beside them, by the last part of its name."""


class NotUnpacked(Exception):
    """Codes cannot be made into weights. The argument says why, in a clause."""


class Lacking(NotUnpacked):
    """Tensors are not there without which codes are no weights.

    Attributes
    ----------
    leaves : tuple of str
        The last parts of their names.
    sure : bool
        Whether every matrix of the kind has them.
    """

    def __init__(self, leaves: Sequence[str], *, sure: bool) -> None:
        what = " and ".join(dict.fromkeys(BESIDE_CODES[leaf] for leaf in leaves))
        super().__init__(f"its {what} are missing ({', '.join(map(repr, leaves))})")
        self.leaves, self.sure = tuple(leaves), sure


class AtOdds(NotUnpacked):
    """The shapes of the tensors of one matrix contradict each other."""


class Misfit(AtOdds):
    """One tensor of a matrix has another shape than the others and the configuration ask for.

    Attributes
    ----------
    name : str
        Its name.
    shape, expected : list of int
        Its shape, and the one that fits.
    by : str
        What makes it so, where that is not the codes and the groups that are stated.
    """

    def __init__(self, tensor: TensorInfo, expected: Sequence[int], by: str = "") -> None:
        self.name, self.shape, self.expected = tensor.name, list(tensor.shape), list(expected)
        self.by = by
        what = BESIDE_CODES[tensor.name.rpartition(".")[2]]
        super().__init__(f"its {what} are {self.shape}, and not {self.expected}")
