"""The formats of MLX: integers with a scale and a bias for each group, and microscaled floats."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from weightgauge.anatomy.architecture.settings import shown
from weightgauge.anatomy.storage.beside_codes import WORD_BITS, Beside
from weightgauge.anatomy.storage.not_unpacked import AtOdds, Lacking, Misfit, NotUnpacked
from weightgauge.anatomy.storage.quantisation import Settings
from weightgauge.anatomy.storage.stored import GroupedCodes, Numbers, ScaledCodes

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo

_BITS = (2, 3, 4, 5, 6, 8)
_GROUPS = (32, 64, 128)
_AFFINE = "affine"


class _Floats(NamedTuple):
    """A format of codes that are floats, with scales of a byte."""

    codes: str
    group: int
    scales: str
    words: str


_FLOATS = {
    "mxfp4": _Floats("F4", 32, "F8_E8M0", "MXFP4 x 2^scales"),
    "nvfp4": _Floats("F4", 16, "F8_E4M3", "NVFP4 x scales"),
    "mxfp8": _Floats("F8_E4M3", 32, "F8_E8M0", "F8_E4M3 x 2^scales per 1 x 32 block"),
}
_BITS_A_SCALE = {128: "mxfp4", 64: "nvfp4", 256: "mxfp8"}
_DEFAULTS = {_AFFINE: (64, 4), "mxfp4": (32, 4), "nvfp4": (16, 4), "mxfp8": (32, 8)}
"""Groups and bits of each mode, where its settings do not state them."""


def mlx(beside: Beside) -> tuple[GroupedCodes | ScaledCodes, str]:
    """Find out how the words of a matrix are made into weights: see docs/packed.md.

    Parameters
    ----------
    beside : Beside
        The words, and where to look for the rest.

    Returns
    -------
    codes : GroupedCodes or ScaledCodes
        The tensors from which values are made.
    text : str
        The same in words.

    Raises
    ------
    NotUnpacked
        If the tensors do not fit each other or the configuration.
    """
    settings = beside.quantisation.of_mlx_module(beside.owner)
    stated = beside.quantisation.states_mlx
    mode = settings.get("mode", _AFFINE if stated else None)
    if mode is not None and (not isinstance(mode, str) or mode not in _DEFAULTS):
        raise NotUnpacked(f"its mode is {shown(mode)}")
    scales = beside.find("scales")
    if scales is None:
        needed = ("scales", "biases") if mode == _AFFINE else ("scales",)
        raise Lacking([leaf for leaf in needed if beside.find(leaf) is None], sure=stated)
    for what, tensor in (("words", beside.codes), ("scales", scales)):
        if tensor.size == 0 or len(beside.codes.shape) < 2:
            raise NotUnpacked(f"its {what} are {list(tensor.shape)}, and no matrix")
    if scales.dtype == "U8":
        return _microscaled(beside.codes, scales, mode if stated else None)
    if mode in _FLOATS:
        raise NotUnpacked(f"its mode is {mode}, and its scales are {scales.dtype}")
    scales, biases = beside.need("scales", "biases", sure=stated)
    bits, group = (
        _stated(settings, beside, (scales, biases))
        if stated
        else _only_one(beside.codes, scales, biases)
    )
    shape = (*scales.shape[:-1], scales.shape[-1] * group)
    codes = GroupedCodes(
        shape=shape,
        bits=bits,
        group=group,
        codes=beside.codes,
        scales=Numbers(scales, scales.dtype, any_sign=True),
        biases=Numbers(biases, biases.dtype),
    )
    return codes, f"INT{bits} x scales + biases per group of {group:,}"


def _microscaled(codes: TensorInfo, scales: TensorInfo, mode: object) -> tuple[ScaledCodes, str]:
    """Floats of four or eight bits, whose scales tell by their number which they are."""
    bits, rest = divmod(codes.shape[-1] * WORD_BITS, scales.shape[-1])
    known = _BITS_A_SCALE.get(bits) if rest == 0 else None
    if codes.shape[:-1] != scales.shape[:-1] or known is None:
        raise AtOdds(f"its words are {list(codes.shape)}, and its scales {list(scales.shape)}")
    if mode is not None and mode != known:
        raise AtOdds(f"its mode is {mode}, and it has as many scales as {known} has")
    form = _FLOATS[known]
    columns = scales.shape[-1] * form.group
    matrices = prod(codes.shape[:-2])
    numbers = Numbers(scales, form.scales)
    sizes = matrices, codes.shape[-2], columns, 1, form.group
    return ScaledCodes(form.codes, *sizes, numbers), form.words


def _stated(settings: Settings, beside: Beside, parts: Sequence[TensorInfo]) -> tuple[int, int]:
    """Return the bits and the group that are stated, which all tensors must fit.

    Where one of three does not, it was cut; unless codes fit other widths than the stated ones.
    """
    codes, (scales, biases) = beside.codes, parts
    default_group, default_bits = _DEFAULTS[_AFFINE]
    bits = settings.get("bits", default_bits)
    group = settings.get("group_size", default_group)
    file = beside.quantisation.file_of("group_size")
    if type(bits) is not int or type(group) is not int or bits not in _BITS or group < 1:
        raise NotUnpacked(f"{file} says {shown(bits)} bits in groups of {shown(group)}")
    columns = codes.shape[-1] * WORD_BITS // bits
    expected = (*codes.shape[:-1], columns // group)
    whole = columns * bits == codes.shape[-1] * WORD_BITS and columns % group == 0
    wrong = [each for each in parts if each.shape != expected]
    if whole and not wrong:
        return bits, group
    if whole and len(wrong) == 1:
        raise Misfit(wrong[0], expected)
    if scales.shape == biases.shape and not _fitting(codes, scales):
        words = scales.shape[-1] * group * bits // WORD_BITS
        by = f"its scales, its biases and the groups that {file} states make it"
        raise Misfit(codes, (*scales.shape[:-1], words), by=by)
    raise AtOdds(
        f"its words are {list(codes.shape)}, its scales {list(scales.shape)} and its biases "
        f"{list(biases.shape)}, which are not for {bits} bits in groups of {group:,}, as {file} "
        "says"
    )


def _fitting(codes: TensorInfo, scales: TensorInfo) -> list[tuple[int, int]]:
    """Return all bits and groups that words and scales may have."""
    each, rest = divmod(codes.shape[-1] * WORD_BITS, scales.shape[-1])
    if codes.shape[:-1] != scales.shape[:-1] or rest:
        return []
    return [(bits, group) for bits in _BITS for group in _GROUPS if bits * group == each]


def _only_one(codes: TensorInfo, scales: TensorInfo, biases: TensorInfo) -> tuple[int, int]:
    """Return bits and group where nothing states them, and one pair fits the tensors."""
    found = _fitting(codes, scales) if scales.shape == biases.shape else []
    if not found:
        raise AtOdds(
            f"its words are {list(codes.shape)}, its scales {list(scales.shape)} and its biases "
            f"{list(biases.shape)}, which do not fit each other"
        )
    if len(found) > 1:
        ways = [f"{bits} bits in groups of {group}" for bits, group in found]
        raise NotUnpacked(f"no configuration says whether it has {' or '.join(ways)}")
    return found[0]
