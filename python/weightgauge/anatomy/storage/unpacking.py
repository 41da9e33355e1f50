"""The integers that quantisers pack, and the scales and zero points beside them.

What each quantiser packs where is told in docs/packed.md. Where the tensors of a matrix do not fit
each other, or contradict the configuration, the matrix is not decoded, and the reason is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from weightgauge.anatomy.architecture.settings import shown
from weightgauge.anatomy.storage.affine import mlx
from weightgauge.anatomy.storage.beside_codes import (
    PER_WORD,
    WORD_BITS,
    Beside,
    beside_groups,
    check_groups,
    check_index,
    check_shape,
    check_stated,
    group_columns,
    groups_of_rows,
    matrix,
    number_of_groups,
    words_for,
)
from weightgauge.anatomy.storage.blockwise import eight_bits, four_bits
from weightgauge.anatomy.storage.integer_groups import (
    int_quantized,
    integers_in_words,
    pack_quantized,
)
from weightgauge.anatomy.storage.not_unpacked import AtOdds, NotUnpacked
from weightgauge.anatomy.storage.nvfp4 import nvfp4
from weightgauge.anatomy.storage.quantisation import Quantisation, Settings
from weightgauge.anatomy.storage.schemes import (
    check_format,
    check_order,
    scales_and_zeros,
    setting_in_words,
    stated_width,
)
from weightgauge.anatomy.storage.stored import (
    GroupedCodes,
    Numbers,
    PackedCodes,
    ScaledCodes,
    Stored,
    weight_name,
)
from weightgauge.wording import counted

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo

_PER_BYTE = 4
_USUAL_WIDTH = 4
"""Bits of most codes."""
_GPTQ_WIDTHS = (2, 3, 4, 8)
_UNEVEN = 3
"""Bits of codes that may lie in two words."""
_BY_GPTQMODEL = (0x24924924, 0x92492492, 0x49249249)
"""What GPTQModel takes from words of such zero points in place of one each, in its first format."""
_MOST_SIDE, _MOST_GROUPS = 1 << 24, 1 << 16
"""Limits of the core."""
_TURNED = ("paroquant",)
"""Quantisers that turn weights first, so that codes times scales are others than the model's."""
_AUTO_ROUND = {
    "auto_round:auto_gptq": "gptq",
    "auto_round:gptqmodel": "gptq_v2",
    "auto_round": "gptq_v2",
}
"""What AutoRound calls the two formats of GPTQ, and others by their own names."""


def unpacked(
    tensor: TensorInfo,
    title: str,
    tensors: Mapping[str, TensorInfo],
    quantisation: Quantisation,
    stated: Mapping[str, tuple[int, ...]],
    contents: Mapping[str, bytes],
) -> Stored | None:
    """Find out how the weights of a matrix are made from packed codes.

    Parameters
    ----------
    tensor : TensorInfo
        The codes.
    title : str
        The quantiser, as `weightgauge.anatomy.storage.packed` names it.
    tensors : mapping of str to TensorInfo
        All tensors of the checkpoint, by name.
    quantisation : Quantisation
        What configurations say of how it is quantised.
    stated : mapping of str to tuple of int
        What the tensors that hold shapes say, by their names, where they could be read.
    contents : mapping of str to bytes
        The bytes of tensors that hold other settings, by their names, where they could be read.

    Returns
    -------
    Stored or None
        None where there is no decoder for what this quantiser packs.

    Raises
    ------
    NotUnpacked
        If the tensors do not fit each other or the configuration.
    """
    decode = _DECODED.get(title)
    if decode is None:
        return None
    owner = tensor.name.rpartition(".")[0]
    beside = Beside(tensor, tensors, owner, stated, quantisation, contents)
    codes, text = decode(beside, quantisation.of_module(owner))
    return Stored(weight_name(tensor.name), _shape(tensor, codes), codes, text)


def _shape(tensor: TensorInfo, codes: PackedCodes | ScaledCodes | GroupedCodes) -> tuple[int, ...]:
    if isinstance(codes, GroupedCodes):
        return codes.shape
    stack = tensor.shape[:-2] if isinstance(codes, ScaledCodes) else ()
    return (*stack, codes.rows, codes.columns)


def _compressed(beside: Beside, settings: Settings) -> tuple[PackedCodes | GroupedCodes, str]:
    """compressed-tensors: integers of a byte each, or neighbours of a row in a word."""
    if beside.codes.name.rpartition(".")[2] != "weight_packed":
        return int_quantized(beside, settings)
    schemes = beside.quantisation.schemes_of_module(beside.owner)
    check_format(settings, schemes, ("pack-quantized",))
    rows, words = matrix(beside.codes, "I32")
    scales, *zeros = scales_and_zeros(beside, schemes, "I32")
    named = beside.find("weight_shape")
    shape = beside.stated.get(named.name) if named is not None else None
    bits = stated_width(beside, schemes, _USUAL_WIDTH, shape)
    columns = words * WORD_BITS // bits
    widths = [each.get("num_bits") for each in schemes]
    if shape is not None:
        sure = set(map(repr, widths)) == {repr(bits)}
        check_stated(beside.codes, shape, sure=sure, width=bits)
        columns = shape[1]
    sizes_stated = [each.get("group_size") for each in schemes]
    if shape is not None and all(type(each) is int for each in widths):
        check_groups([scales, *zeros], sizes_stated, rows, columns, bits)
    groups = groups_of_rows(scales, rows)
    size = group_columns(groups, columns, sizes_stated, beside, "config_groups")
    for each in zeros:
        check_shape(each, (words_for(rows, bits), groups), "zero points")
    if bits != _USUAL_WIDTH:
        return pack_quantized(beside, (rows, columns), bits, [scales, *zeros], size)
    index = check_order(beside, schemes)
    if index is not None:
        check_index(index, columns)
    sizes = _Sizes(rows, columns, groups, size)
    codes = _codes(beside.codes, "along_rows", sizes, scales, next(iter(zeros), None), index)
    return codes, _text(codes, scales)


def _gptq(beside: Beside, settings: Settings) -> tuple[PackedCodes, str]:
    """GPTQ: words of inputs, one below the other; zero points are stored less one."""
    form = _gptq_form(settings)
    if form not in ("gptq", "gptq_v2"):
        raise NotUnpacked(f"its format is {setting_in_words(form)}")
    scales, zeros = beside_groups(beside)
    index = beside.find("g_idx")
    bits = _gptq_width(beside, settings, (scales, zeros), index)
    words, rows = matrix(beside.codes, "I32")
    columns = words * WORD_BITS // bits
    if columns * bits != words * WORD_BITS:
        raise AtOdds(f"its columns of {words:,} words are not filled by codes of {bits} bits")
    groups = number_of_groups(settings, (scales, zeros), rows, columns, bits)
    stated_size = settings.get("group_size")
    if index is None and settings.get("desc_act") is True:
        raise NotUnpacked("desc_act says that its groups are out of order, and there is no g_idx")
    if index is not None and type(stated_size) is not int:
        size = -(-columns // groups)
    else:
        size = group_columns(groups, columns, [stated_size], beside, "group_size")
    if index is not None:
        check_index(index, columns)
    sizes = _Sizes(rows, columns, groups, size)
    parts = scales, zeros, index
    less_one = form == "gptq"
    codes = _codes(beside.codes, "rows_abreast", sizes, *parts, zeros_less_one=less_one, bits=bits)
    if less_one and bits == _UNEVEN and _is_by_gptqmodel(settings):
        codes = replace(codes, zeros_less_one=False, added_words=_BY_GPTQMODEL)
    return codes, _text(codes, scales)


def _gptq_width(
    beside: Beside, settings: Settings, parts: Sequence[TensorInfo], index: TensorInfo | None
) -> int:
    """Return the bits of codes: what is stated, or else what zero points and index make them.

    Where these differ one of them or the codes were cut, and the zero points have their width
    beside the scales.
    """
    stated = settings.get("bits")
    if type(stated) is int:
        if stated not in _GPTQ_WIDTHS:
            file = beside.quantisation.file_of("bits")
            widths = "two, three, four and eight"
            raise NotUnpacked(
                f"{file} says {shown(stated)} bits, and codes of {widths} are decoded"
            )
        return stated
    if index is None:
        return _USUAL_WIDTH
    words, rows = matrix(beside.codes, "I32")
    scales, zeros = parts
    by_zeros = [
        bits for bits in _GPTQ_WIDTHS if zeros.shape == (*scales.shape[:1], words_for(rows, bits))
    ]
    by_index = [bits for bits in _GPTQ_WIDTHS if index.shape == (words * WORD_BITS // bits,)]
    both = [bits for bits in by_index if bits in by_zeros]
    usual = [_USUAL_WIDTH] if _USUAL_WIDTH in by_zeros else []
    return [*both, *usual, *by_zeros, *by_index, _USUAL_WIDTH][0]


def _is_by_gptqmodel(settings: Settings) -> bool:
    meta = settings.get("meta")
    return isinstance(meta, Mapping) and "gptqmodel" in repr(meta.get("quantizer")).lower()


def _gptq_form(settings: Settings) -> object:
    packing = settings.get("packing_format")
    if settings.get("quant_method") in _TURNED:
        return settings["quant_method"]
    if packing is not None:
        return _AUTO_ROUND.get(packing, packing) if isinstance(packing, str) else packing
    if settings.get("is_marlin_format") is True:
        return "marlin"
    return settings.get("checkpoint_format", "gptq")


def _awq(beside: Beside, settings: Settings) -> tuple[PackedCodes, str]:
    """AWQ ("gemm"): a word has eight outputs of one input, the even ones first."""
    keys = ("packing_format", "version", "checkpoint_format")
    form = next((settings[key] for key in keys if key in settings), "gemm")
    if settings.get("quant_method") in _TURNED:
        form = settings["quant_method"]
    if not isinstance(form, str) or form.lower() not in ("gemm", "auto_round:auto_awq"):
        raise NotUnpacked(f"its format is {setting_in_words(form)}")
    scales, zeros = beside_groups(beside)
    _check_bits([settings.get("bits")], beside, "bits")
    columns, words = matrix(beside.codes, "I32")
    rows = words * PER_WORD
    groups = number_of_groups(settings, (scales, zeros), rows, columns)
    size = group_columns(groups, columns, [settings.get("group_size")], beside, "group_size")
    sizes = _Sizes(rows, columns, groups, size)
    codes = _codes(beside.codes, "even_rows_first", sizes, scales, zeros, None)
    return codes, _text(codes, scales)


def _either(beside: Beside, settings: Settings) -> tuple[PackedCodes, str]:
    """GPTQ or AWQ, of which the scales would tell which it is."""
    beside.need("scales")
    raise NotUnpacked("nothing says whether it is AWQ or GPTQ")


def _bitnet(beside: Beside, settings: Settings) -> tuple[PackedCodes, str]:
    """BitNet: a byte has four rows, a quarter of them apart; the scale is one for all."""
    if settings.get("quantization_mode", "offline") != "offline":
        raise NotUnpacked("config.json says that its weights are quantised when they are used")
    layer = settings.get("linear_class", "bitlinear")
    if layer not in ("bitlinear", "autobitlinear"):
        raise NotUnpacked(f"its layers are {setting_in_words(layer)}")
    quarter, columns = matrix(beside.codes, "U8")
    (scales,) = beside.need("weight_scale")
    if scales.size != 1:
        raise NotUnpacked(f"it has {counted(scales.size, 'scale')}, and not one")
    sizes = _Sizes(quarter * _PER_BYTE, columns, 1, columns)
    divided = layer == "bitlinear"
    codes = _codes(beside.codes, "quarters", sizes, scales, None, None, divided=divided)
    return codes, f"ternary {'/' if divided else 'x'} weight_scale"


_DECODED: dict[
    str, Callable[[Beside, Settings], tuple[PackedCodes | ScaledCodes | GroupedCodes, str]]
] = {
    "compressed-tensors": _compressed,
    "GPTQ": _gptq,
    "AWQ": _awq,
    "AWQ or GPTQ": _either,
    "bitnet": _bitnet,
    "NVFP4": lambda beside, _: nvfp4(beside),
    "MLX": lambda beside, _: mlx(beside),
    "bitsandbytes": lambda beside, _: four_bits(beside),
    "bitsandbytes LLM.int8": lambda beside, _: eight_bits(beside),
}


@dataclass(frozen=True, slots=True)
class _Sizes:
    rows: int
    columns: int
    groups: int
    group_columns: int


def _codes(
    codes: TensorInfo,
    packing: str,
    sizes: _Sizes,
    scales: TensorInfo,
    zeros: TensorInfo | None,
    index: TensorInfo | None,
    *,
    divided: bool = False,
    zeros_less_one: bool = False,
    bits: int = _USUAL_WIDTH,
) -> PackedCodes:
    """Put what was found together; all shapes fit each other."""
    if max(sizes.rows, sizes.columns) > _MOST_SIDE or sizes.groups > _MOST_GROUPS:
        raise NotUnpacked(
            f"it has {sizes.rows:,} x {sizes.columns:,} codes in {sizes.groups:,} groups a row, "
            f"and no more than {_MOST_SIDE:,} a side in {_MOST_GROUPS:,} groups are decoded"
        )
    return PackedCodes(
        packing=packing,
        rows=sizes.rows,
        columns=sizes.columns,
        groups=sizes.groups,
        group_columns=sizes.group_columns,
        codes=codes,
        scales=Numbers(scales, scales.dtype),
        zeros=zeros,
        index=index,
        divided=divided,
        zeros_less_one=zeros_less_one,
        bits=bits,
    )


def _check_bits(stated: Sequence[object], beside: Beside, key: str) -> None:
    """Refuse other widths, where all that are stated are others."""
    bits = [each for each in stated if type(each) is int]
    if bits and 4 not in bits:
        widths = ", ".join(dict.fromkeys(map(shown, bits)))
        raise NotUnpacked(
            f"{beside.quantisation.file_of(key)} says {widths} bits, and codes of four are decoded"
        )


def _text(codes: PackedCodes, scales: TensorInfo) -> str:
    """Say how values are made."""
    with_zeros, with_index = codes.zeros is not None, codes.index is not None
    sizes = codes.groups, codes.group_columns
    return integers_in_words(codes.bits, scales, *sizes, zeros=with_zeros, index=with_index)
