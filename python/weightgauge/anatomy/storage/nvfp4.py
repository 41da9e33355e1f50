"""NVFP4: two E2M1 codes in a byte, a scale of E4M3 for each 16 codes, and a scale of all of these.

ModelOpt multiplies with its `weight_scale_2`, compressed-tensors divides by its
`weight_global_scale`; both in float32.
"""

from __future__ import annotations

from math import prod

from weightgauge.anatomy.storage.beside_codes import Beside
from weightgauge.anatomy.storage.not_unpacked import AtOdds, Lacking, NotUnpacked
from weightgauge.anatomy.storage.scales import (
    DIVIDES_ALL,
    IN_TILES,
    MULTIPLIES_ALL,
    NotScaled,
    in_tiles,
    of_all_in_words,
    with_scale_of_all,
)
from weightgauge.anatomy.storage.stored import Numbers, ScaledCodes

_BLOCK = 16


def nvfp4(beside: Beside) -> tuple[ScaledCodes, str]:
    """Find out how the weights of a matrix, or of a stack of them, are made from these codes.

    Parameters
    ----------
    beside : Beside
        The bytes of codes, and what lies beside them.

    Returns
    -------
    ScaledCodes
        The codes and their scales.
    str
        The same in words.

    Raises
    ------
    NotUnpacked
        If scales are missing, or the tensors do not fit each other.
    """
    codes = beside.codes
    scales = beside.find("weight_scale")
    if scales is None:
        raise Lacking(["weight_scale"], sure=True)
    if beside.find("pre_quant_scale") is not None:
        raise NotUnpacked("its inputs have scales as well ('pre_quant_scale')")
    if in_tiles(codes, scales, beside.tensors, stated=beside.quantisation.tiled):
        raise NotUnpacked(IN_TILES)
    if scales.dtype != "F8_E4M3":
        raise NotUnpacked(f"its scales are {scales.dtype}, and not F8_E4M3")
    shape = codes.shape
    columns = 2 * shape[-1] if shape else 0
    expected = (*shape[:-1], columns // _BLOCK)
    if len(shape) > 1 and scales.shape == (*shape[:-2], 2 * shape[-2] // _BLOCK, shape[-1]):
        raise NotUnpacked("its blocks lie down the columns")
    if len(shape) < 2 or columns % _BLOCK or scales.shape != expected or codes.size == 0:
        raise AtOdds(f"its scales are {list(scales.shape)}, and its bytes {list(shape)}")
    by_name = {"weight_packed": DIVIDES_ALL}
    leaf = by_name.get(codes.name.rpartition(".")[2], MULTIPLIES_ALL)
    of_all = beside.find(leaf)
    if of_all is None:
        raise Lacking([leaf], sure=True)
    numbers = Numbers(scales, scales.dtype)
    found = ScaledCodes("F4", prod(shape[:-2]), shape[-2], columns, 1, _BLOCK, numbers)
    try:
        found = with_scale_of_all(found, of_all)
    except NotScaled as error:
        raise NotUnpacked(*error.args) from error
    return found, f"NVFP4 x weight_scale{of_all_in_words(found)}"
