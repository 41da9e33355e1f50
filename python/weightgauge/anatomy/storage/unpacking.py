"""Integers of four and two bits that quantisers pack, and the scales and zero points beside them.

What each quantiser packs where is told in docs/packed.md. Where the tensors of a matrix do not fit
each other, or contradict the configuration, the matrix is not decoded, and the reason is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weightgauge.anatomy.architecture.settings import shown
from weightgauge.anatomy.storage.affine import mlx
from weightgauge.anatomy.storage.beside_codes import (
    PER_WORD,
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
)
from weightgauge.anatomy.storage.blockwise import eight_bits, four_bits
from weightgauge.anatomy.storage.not_unpacked import NotUnpacked
from weightgauge.anatomy.storage.nvfp4 import nvfp4
from weightgauge.anatomy.storage.quantisation import Quantisation, Settings
from weightgauge.anatomy.storage.stored import (
    GroupedCodes,
    Numbers,
    PackedCodes,
    ScaledCodes,
    Stored,
    weight_name,
)
from weightgauge.errors import printable
from weightgauge.wording import counted

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo

_PER_BYTE = 4
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


def _compressed(beside: Beside, settings: Settings) -> tuple[PackedCodes, str]:
    """`pack-quantized` of compressed-tensors: eight neighbours of a row in a word."""
    schemes = beside.quantisation.schemes_of_module(beside.owner)
    _check_format(settings, schemes)
    rows, words = matrix(beside.codes, "I32")
    asymmetric = {each.get("symmetric") is False for each in schemes}
    has_zeros = True in asymmetric or beside.find("weight_zero_point") is not None
    zero_points = ("weight_zero_point",) if has_zeros else ()
    scales, *zeros = beside.need("weight_scale", *zero_points, sure=len(asymmetric) < 2)
    bits = [each.get("num_bits") for each in schemes]
    _check_bits(bits, beside, "config_groups")
    columns = words * PER_WORD
    named = beside.find("weight_shape")
    shape = beside.stated.get(named.name) if named is not None else None
    if shape is not None:
        check_stated(beside.codes, shape, sure=bits != [] and set(map(repr, bits)) == {"4"})
        columns = shape[1]
    elif len(set(map(repr, bits))) > 1:
        raise NotUnpacked(f"it has no 'weight_shape', and {_UNDECIDED} (num_bits)")
    sizes_stated = [each.get("group_size") for each in schemes]
    if shape is not None and all(type(each) is int for each in bits):
        check_groups([scales, *zeros], sizes_stated, rows, columns)
    groups = groups_of_rows(scales, rows)
    size = group_columns(groups, columns, sizes_stated, beside, "config_groups")
    for each in zeros:
        check_shape(each, (-(-rows // PER_WORD), groups), "zero points")
    index = beside.find("weight_g_idx")
    if index is not None:
        check_index(index, columns)
    elif any(each.get("actorder") == "group" for each in schemes):
        raise NotUnpacked(
            "actorder says that its groups are out of order, and there is no weight_g_idx"
        )
    sizes = _Sizes(rows, columns, groups, size)
    codes = _codes(beside.codes, "along_rows", sizes, scales, next(iter(zeros), None), index)
    return codes, _text(codes, scales)


def _gptq(beside: Beside, settings: Settings) -> tuple[PackedCodes, str]:
    """GPTQ: a word has eight inputs of one output; zero points are stored less one."""
    form = _gptq_form(settings)
    if form not in ("gptq", "gptq_v2"):
        raise NotUnpacked(f"its format is {_shown(form)}")
    scales, zeros = beside_groups(beside)
    _check_bits([settings.get("bits")], beside, "bits")
    words, rows = matrix(beside.codes, "I32")
    columns = words * PER_WORD
    groups = number_of_groups(settings, (scales, zeros), rows, columns)
    index = beside.find("g_idx")
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
    codes = _codes(beside.codes, "rows_abreast", sizes, *parts, zeros_less_one=less_one)
    return codes, _text(codes, scales)


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
        raise NotUnpacked(f"its format is {_shown(form)}")
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
        raise NotUnpacked(f"its layers are {_shown(layer)}")
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
    )


_UNDECIDED = "config.json does not say which of its config_groups is for it"


def _check_format(settings: Settings, schemes: Sequence[Settings]) -> None:
    """Refuse other formats and other codes than integers, and schemes that differ in these."""
    common = settings.get("format")
    forms = {_shown(each.get("format", common)) for each in schemes} or {_shown(common)}
    if not forms <= {"pack-quantized", "mixed-precision", _shown(None)}:
        (form, *more) = sorted(forms)
        raise NotUnpacked(f"{_UNDECIDED} (format)" if more else f"its format is {form}")
    kinds = {_shown(each.get("type", "int")) for each in schemes}
    if not kinds <= {"int"}:
        (kind, *more) = sorted(kinds)
        raise NotUnpacked(f"{_UNDECIDED} (type)" if more else f"its codes are of type {kind}")


def _shown(value: object) -> str:
    return printable(value, limit=40) if isinstance(value, str) else shown(value)


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
    integers = "INT4" if codes.zeros is None else "(INT4 - zero point)"
    if codes.scales.tensor.size == 1:
        per = "per tensor"
    elif codes.groups == 1:
        per = "per row"
    else:
        per = f"per group of {codes.group_columns:,}"
        per += ", by g_idx" if codes.index is not None else ""
    return f"{integers} x {printable(scales.name.rpartition('.')[2])} {per}"
