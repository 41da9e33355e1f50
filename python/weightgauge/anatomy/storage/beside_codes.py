"""Whether what lies beside packed codes fits them: shapes, formats, numbers of groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from weightgauge.anatomy.architecture.settings import shown
from weightgauge.anatomy.storage.not_unpacked import (
    BESIDE_CODES,
    AtOdds,
    Lacking,
    Misfit,
    NotUnpacked,
)
from weightgauge.anatomy.storage.quantisation import Quantisation, Settings
from weightgauge.anatomy.storage.stored import in_module
from weightgauge.errors import printable
from weightgauge.wording import agreeing, counted

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo

PER_WORD = 8
"""Codes of four bits in a word."""
WORD_BITS = 32
"""Bits of a word."""
_OTHER_WIDTHS = (2, 3, 5, 6, 7, 8)
"""Bits of codes that some modules may have, if nothing says how many there are."""
_WIDTHS = dict(enumerate(("two", "three", "four", "five", "six", "seven", "eight"), 2))
_SCALES = ("F32", "BF16", "F16")
_WITH_ZERO_POINTS = ("gptq", "awq", "auto-round", "intel/auto-round")
"""Quantisers that store zero points beside `qweight`, be they all the same."""


class Beside(NamedTuple):
    """The tensors of one matrix.

    Attributes
    ----------
    codes : TensorInfo
        The packed codes.
    tensors : mapping of str to TensorInfo
        All tensors of the checkpoint.
    owner : str
        Name of the module.
    stated : mapping of str to tuple of int
        As in `unpacked`.
    quantisation : Quantisation
        As in `unpacked`.
    contents : mapping of str to bytes
        As in `unpacked`.
    """

    codes: TensorInfo
    tensors: Mapping[str, TensorInfo]
    owner: str
    stated: Mapping[str, tuple[int, ...]]
    quantisation: Quantisation
    contents: Mapping[str, bytes]

    def find(self, leaf: str) -> TensorInfo | None:
        """Return the tensor of this name in the module, or with the name of the codes before it."""
        found = self.tensors.get(in_module(self.owner, leaf))
        return self.tensors.get(f"{self.codes.name}_{leaf}") if found is None else found

    def need(self, *leaves: str, sure: bool = True, zero_points: str = "I32") -> list[TensorInfo]:
        """Return tensors without which nothing can be decoded; see `Lacking` for `sure`."""
        found = [tensor for leaf in leaves if (tensor := self.find(leaf)) is not None]
        if len(found) < len(leaves):
            raise Lacking([leaf for leaf in leaves if self.find(leaf) is None], sure=sure)
        for leaf, tensor in zip(leaves, found, strict=True):
            what = BESIDE_CODES[leaf]
            if tensor.dtype not in (_SCALES if what in ("scales", "biases") else (zero_points,)):
                raise NotUnpacked(f"its {what} are {tensor.dtype}")
        return found


def words_for(codes: int, bits: int) -> int:
    """Return the number of words that hold so many codes side by side."""
    return -(-codes * bits // WORD_BITS)


def check_groups(
    parts: Sequence[TensorInfo],
    stated: Sequence[object],
    rows: int,
    columns: int,
    bits: int = 4,
) -> None:
    """Name what was cut, where the codes fit their own shape; of smaller groups nothing is cut."""
    sizes = {each for each in stated if type(each) is int}
    if len(sizes) != 1 or len(stated) != 1 or not 0 < min(sizes) < columns:
        return
    wanted = -(-columns // min(sizes))
    for tensor, side in zip(parts, (rows, words_for(rows, bits)), strict=False):
        if len(tensor.shape) == 2 and (tensor.shape[0] != side or tensor.shape[1] < wanted):
            raise Misfit(tensor, (side, wanted))


def matrix(tensor: TensorInfo, dtype: str | None = None) -> tuple[int, int]:
    """Return the sides of a tensor that must be a matrix."""
    if dtype is not None and tensor.dtype != dtype:
        raise NotUnpacked(f"its codes are {tensor.dtype}")
    if len(tensor.shape) != 2 or tensor.size == 0:
        what = f"'{printable(tensor.name.rpartition('.')[2])}'"
        raise NotUnpacked(f"{what} is {list(tensor.shape)}, and no matrix")
    return tensor.shape[0], tensor.shape[1]


def groups_of_rows(scales: TensorInfo, rows: int) -> int:
    """Return the groups of each row; 1 where there is one scale for a row, or for all."""
    if scales.size == 1:
        return 1
    shape = (*scales.shape, 1) if len(scales.shape) == 1 else scales.shape
    if len(shape) != 2 or shape[0] != rows or scales.size == 0:
        raise AtOdds(f"its scales are {list(scales.shape)}, and it has {counted(rows, 'row')}")
    return shape[1]


def group_columns(
    groups: int, columns: int, stated: Sequence[object], beside: Beside, key: str
) -> int:
    """Return the number of columns that share a scale."""
    numbers = [each for each in stated if type(each) is int]
    sizes = [columns if each == -1 else each for each in numbers]  # -1: one group a row
    for size in sizes:
        if size > 0 and -(-columns // size) == groups:
            return min(size, columns)
    if groups == 1 and not any(0 < size < columns for size in sizes):
        return columns
    if sizes:
        of = " or ".join(dict.fromkeys(map(shown, numbers)))
        raise AtOdds(
            f"it has {counted(groups, 'group')} a row, which its {columns:,} "
            f"columns do not fill by {of}, "
            f"as {beside.quantisation.file_of(key)} says"
        )
    if columns % groups:
        raise AtOdds(
            f"its {counted(groups, 'group')} {agreeing(groups, 'does', 'do')} not divide its "
            f"{counted(columns, 'column')}"
        )
    return columns // groups


def beside_groups(beside: Beside) -> list[TensorInfo]:
    """Return scales and zero points; other quantisers may have none of the latter by design."""
    marks = (beside.find("g_idx"), beside.find("qzeros"))
    known = beside.quantisation.method in _WITH_ZERO_POINTS
    sure = known or any(mark is not None for mark in marks)
    return beside.need("scales", "qzeros", sure=sure)


def number_of_groups(
    settings: Settings, parts: Sequence[TensorInfo], rows: int, columns: int, bits: int = 4
) -> int:
    """Return the number of groups that scales and zero points are for.

    Where they do not fit each other, that one is wrong which does not fit the codes and the stated
    groups.
    """
    scales, zeros = parts
    groups, outputs = matrix(scales)
    words = words_for(rows, bits)
    size = settings.get("group_size")
    if type(size) is int and type(settings.get("bits")) is int:
        wanted = 1 if size == -1 else -(-columns // size) if size > 0 else 0
        if zeros.shape == (wanted, words) and scales.shape != (wanted, rows):
            raise Misfit(scales, (wanted, rows))
        if scales.shape == (wanted, rows) and zeros.shape != (wanted, words):
            raise Misfit(zeros, (wanted, words))
    if rows != outputs:
        raise AtOdds(
            f"it has {counted(rows, 'output')} of {_WIDTHS[bits]} bits, and its scales are for "
            f"{outputs:,}"
        )
    others = [each for each in _OTHER_WIDTHS if zeros.shape == (groups, words_for(rows, each))]
    if zeros.shape != (groups, words) and others and type(settings.get("bits")) is not int:
        raise NotUnpacked(
            f"its zero points have {others[0]} bits, and no whole number of bits is stated"
        )
    if len(zeros.shape) == 2 and zeros.shape[0] != groups:
        raise AtOdds(
            f"its scales are {list(scales.shape)} and its zero points {list(zeros.shape)}, "
            "which are not for as many groups"
        )
    if zeros.shape != (groups, words):
        raise AtOdds(
            f"its zero points are {list(zeros.shape)}, and those of {bits} bits {[groups, words]}"
        )
    return groups


def check_shape(tensor: TensorInfo, shape: tuple[int, ...], what: str) -> None:
    """Refuse zero points of another shape than the codes and scales ask for."""
    if tensor.shape != shape:
        raise AtOdds(f"its {what} are {list(tensor.shape)}, and not {list(shape)}")


def check_stated(codes: TensorInfo, shape: tuple[int, ...], *, sure: bool, width: int = 4) -> None:
    """Refuse codes that are not as many as `weight_shape` says; `sure` if they have this width."""
    rows, words = codes.shape
    wanted = words_for(shape[1], width) if len(shape) == 2 else -1
    if (rows, words) == (shape[0], wanted):
        return
    said = " x ".join(f"{side:,}" for side in shape)
    if len(shape) == 2 and min(shape) > 0 and (sure or words == wanted):
        raise Misfit(codes, (shape[0], wanted), by=f"'weight_shape' says {said}, which makes it")
    other = {words_for(shape[-1], bits) for bits in _OTHER_WIDTHS} if rows == shape[0] else ()
    kind = NotUnpacked if words in other else AtOdds
    raise kind(
        f"it has {counted(rows, 'row')} of {counted(words, 'word')}, which hold no {said} codes "
        f"of {_WIDTHS[width]} bits"
    )


def check_index(index: TensorInfo, columns: int) -> None:
    """Refuse an index that has no group for each column."""
    if index.dtype != "I32" or index.shape != (columns,):
        raise AtOdds(
            f"'{printable(index.name.rpartition('.')[2])}' is {index.dtype} {list(index.shape)}, "
            f"and no group for each of its {columns:,} columns"
        )
