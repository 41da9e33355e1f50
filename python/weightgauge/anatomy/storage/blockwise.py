"""The formats of bitsandbytes: codes of four bits with a table of values, and LLM.int8.

What a matrix of four bits is like is told by a text in JSON beside it. Such texts are written by
strangers: whatever they say is held against the sizes of the tensors before it counts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.architecture.settings import shown
from weightgauge.anatomy.storage.beside_codes import Beside
from weightgauge.anatomy.storage.not_unpacked import AtOdds, Lacking, Misfit, NotUnpacked
from weightgauge.anatomy.storage.stored import GroupedCodes, Numbers, ScaleCodes
from weightgauge.errors import printable
from weightgauge.wording import counted

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo

MOST_SETTINGS = 4096
"""Bytes of a text of settings; of those that are longer nothing is read."""
MOST_OF_ALL = 1 << 26
"""And of all texts of a checkpoint."""

_STATE = "weight.quant_state.bitsandbytes__"
_TYPES = ("nf4", "fp4")
_FORMAT = "weight_format"
_LARGEST = 127
"""The code of LLM.int8 that stands for the largest weight of a row."""
_MOST_DIMENSIONS = 4
_MOST = 1 << 62


def holds_settings(name: str) -> bool:
    """Whether a tensor holds how another one is packed, by its name."""
    whole = f".{name}"  # of a module that was saved alone, too
    return f".{_STATE}" in whole or whole.endswith(f".{_FORMAT}")


def four_bits(beside: Beside) -> tuple[GroupedCodes, str]:
    """Find out how bytes of two codes are made into weights: see docs/packed.md.

    Parameters
    ----------
    beside : Beside
        The bytes, and where to look for the rest.

    Returns
    -------
    codes : GroupedCodes
        The tensors from which values are made.
    text : str
        The same in words.

    Raises
    ------
    NotUnpacked
        If the tensors do not fit each other, or the text that describes them.
    """
    kind, settings = _settings(beside)
    absmax, values = _needed(beside, "absmax", "quant_map")
    shape = _shape(settings)
    block = _size(settings, "blocksize")
    _check_sizes(beside.codes, absmax, shape, block)
    _check_table(values, 16)
    nested = absmax.dtype == "U8"
    scale_codes, scales = _nested(beside, absmax, settings) if nested else (None, absmax)
    if scales.dtype != "F32":
        raise NotUnpacked(f"its scales are {scales.dtype}")
    codes = GroupedCodes(
        shape=shape,
        bits=4,
        group=block,
        codes=beside.codes,
        scales=Numbers(scales, scales.dtype),
        values=Numbers(values, values.dtype),
        scale_codes=scale_codes,
        upper_first=True,
    )
    of_eight = ", which has 8 bits" if nested else ""
    return codes, f"{kind.upper()} x absmax per group of {block:,}{of_eight}"


def eight_bits(beside: Beside) -> tuple[GroupedCodes, str]:
    """Find out how bytes of LLM.int8 are made into weights: a code x the scale of its row / 127.

    As `four_bits`.
    """
    (scales,) = beside.need("SCB")
    codes = beside.codes
    form = beside.find(_FORMAT)
    if form is not None and set(beside.contents.get(form.name, b"")) != {0}:
        raise NotUnpacked(f"'{_FORMAT}' does not say that it lies in rows")
    if len(codes.shape) != 2 or codes.size == 0 or scales.shape != codes.shape[:1]:
        raise AtOdds(f"its scales are {list(scales.shape)}, and its codes {list(codes.shape)}")
    grouped = GroupedCodes(
        shape=codes.shape,
        bits=8,
        group=codes.shape[1],
        codes=codes,
        scales=Numbers(scales, scales.dtype),
        divisor=_LARGEST,
    )
    return grouped, "INT8 x SCB / 127 per row"


def _settings(beside: Beside) -> tuple[str, Mapping[str, Any]]:
    """Return the type of codes and what the text beside them says."""
    states = {kind: beside.find(f"{_STATE}{kind}") for kind in _TYPES}
    (kind, state), *more = [each for each in states.items() if each[1] is not None] or [("", None)]
    if state is None:
        stated = beside.quantisation.values.get("bnb_4bit_quant_type")
        kind = stated if stated in _TYPES else _TYPES[0]
        raise Lacking([f"{_STATE}{kind}"], sure=True)
    if more:
        raise NotUnpacked("it is said to be of two types")
    leaf = printable(state.name.rpartition(".")[2])
    raw = beside.contents.get(state.name)
    if raw is None:
        raise NotUnpacked(f"'{leaf}' is {counted(state.nbytes, 'byte')}, and cannot be read")
    try:
        settings = json.loads(raw)
    except (ValueError, RecursionError):
        settings = None
    if not isinstance(settings, dict):
        raise NotUnpacked(f"'{leaf}' holds no settings in JSON")
    return kind, settings


def _shape(settings: Mapping[str, Any]) -> tuple[int, ...]:
    shape = settings.get("shape")
    sides = shape if isinstance(shape, list) else []
    if not 2 <= len(sides) <= _MOST_DIMENSIONS or not all(
        type(side) is int and 0 < side < _MOST for side in sides
    ):
        raise NotUnpacked(f"its quant_state says shape = {shown(shape)}")
    if math.prod(sides) >= _MOST:
        raise NotUnpacked(f"its quant_state says shape = {shown(shape)}, which is too large")
    return tuple(sides)


def _size(settings: Mapping[str, Any], key: str) -> int:
    size = settings.get(key)
    if type(size) is not int or not 0 < size < _MOST:
        raise NotUnpacked(f"its quant_state says {key} = {shown(size)}")
    return size


def _needed(beside: Beside, *leaves: str) -> list[TensorInfo]:
    named = [f"weight.{leaf}" for leaf in leaves]
    found = [tensor for leaf in named if (tensor := beside.find(leaf)) is not None]
    if len(found) < len(named):
        raise Lacking([leaf for leaf in named if beside.find(leaf) is None], sure=True)
    return found


def _check_sizes(codes: TensorInfo, absmax: TensorInfo, shape: tuple[int, ...], block: int) -> None:
    """Refuse codes and scales of other sizes than their settings say; one of them was cut."""
    items = math.prod(shape)
    size, groups = -(-items // 2), -(-items // block)
    fits = codes.nbytes == size, absmax.size == groups
    sides = " x ".join(f"{side:,}" for side in shape)
    said = f"'quant_state' says {sides} in blocks of {block:,}, which makes it"
    if fits == (False, True):
        item = max(codes.nbytes // max(codes.size, 1), 1)
        raise Misfit(codes, (-(-size // item), *codes.shape[1:]), by=said)
    if fits == (True, False):
        raise Misfit(absmax, (groups,), by=said)
    if fits == (False, False):
        raise AtOdds(
            f"its codes are {counted(codes.nbytes, 'byte')} and its scales {absmax.size:,}, and "
            f"quant_state says shape = {shown(list(shape))}"
        )


def _check_table(values: TensorInfo, size: int) -> None:
    if values.dtype != "F32" or values.size != size:
        leaf = printable(values.name.rpartition(".")[2])
        raise NotUnpacked(f"'{leaf}' is {values.dtype} {list(values.shape)}, and not F32 [{size}]")


def _nested(
    beside: Beside, absmax: TensorInfo, settings: Mapping[str, Any]
) -> tuple[ScaleCodes, TensorInfo]:
    """Return scales that are codes themselves, and the scales of these."""
    scales, values = _needed(beside, "nested_absmax", "nested_quant_map")
    block = _size(settings, "nested_blocksize")
    added = settings.get("nested_offset")
    if not isinstance(added, int | float) or isinstance(added, bool) or not _is_usual(added):
        raise NotUnpacked(f"its quant_state says nested_offset = {shown(added)}")
    groups = -(-absmax.size // block)
    if scales.size != groups:
        raise Misfit(scales, (groups,), by="the scales and 'quant_state' make it")
    _check_table(values, 256)
    return ScaleCodes(absmax, Numbers(values, values.dtype), block, float(added)), scales


def _is_usual(number: float) -> bool:
    """Whether float32 holds a number."""
    return abs(number) < 2.0**127
