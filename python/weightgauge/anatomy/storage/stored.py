"""Records that say how the values of a matrix are made from stored tensors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from weightgauge.errors import printable

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo

_PACKED = {"qweight": "weight", "weight_packed": "weight"}

PRODUCT = "ba"
"""Value of `part` for a slice that is a whole product."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A tensor of scales, or a factor, and the format in which it is read.

    Attributes
    ----------
    tensor : TensorInfo
        The tensor that holds the numbers.
    dtype : str
        Their format: that of the tensor, except for exponents stored as U8.
    any_sign : bool
        Whether they are as often negative as positive by design.
    """

    tensor: TensorInfo
    dtype: str
    any_sign: bool = False


@dataclass(frozen=True, slots=True)
class ScaledCodes:
    """Codes of eight or four bits, with one scale for each block of rows and columns.

    Attributes
    ----------
    codes : str
        Format of the codes: one of the F8 formats, or F4 for two E2M1 codes in a byte.
    matrices, rows, columns : int
        The codes are this many matrices, one after the other, of this size in elements.
    block_rows, block_columns : int
        Size of a block in elements. Blocks at the edges may be smaller.
    scales : Numbers
        One scale for each block, in the order of the blocks.
    scale_of_all : Numbers or None
        What all of these are multiplied with, in float32.
    divided : bool
        Whether they are divided by it instead.
    """

    codes: str
    matrices: int
    rows: int
    columns: int
    block_rows: int
    block_columns: int
    scales: Numbers
    scale_of_all: Numbers | None = None
    divided: bool = False

    @property
    def per_byte(self) -> int:
        """Number of elements in a byte."""
        return 2 if self.codes == "F4" else 1

    @property
    def single(self) -> bool:
        """Whether all codes share their only scale, which does not change the Weibull shape."""
        return self.scales.tensor.size == 1 and self.scale_of_all is None

    @property
    def scale_of_whole(self) -> Numbers | None:
        """The scale of all others, if it is one number: it may as well be applied to all values."""
        of_all = self.scale_of_all
        return of_all if of_all is not None and of_all.tensor.size == 1 else None

    @property
    def all_scales(self) -> tuple[Numbers, ...]:
        """Everything that the codes are multiplied with."""
        return (self.scales,) if self.scale_of_all is None else (self.scales, self.scale_of_all)


@dataclass(frozen=True, slots=True)
class PackedCodes:
    """Integers of two, three, four or eight bits in words, with scales of groups of columns.

    A value is (code - zero point) times its scale, in float32. The zero point is half of all codes
    where none is stored, or 1 for the two bits of BitNet.

    Attributes
    ----------
    packing : str
        Where the codes lie, as `weightgauge._core.PackedCodes` names it.
    rows, columns : int
        Size of the matrix: outputs and inputs.
    groups, group_columns : int
        Groups of each row, and columns in a group, where these follow each other.
    codes : TensorInfo
        The words or bytes.
    scales : Numbers
        One for each group of each row, or one for all.
    zeros : TensorInfo or None
        Zero points, packed as the codes are.
    index : TensorInfo or None
        The group of each column.
    divided : bool
        Whether values are divided by the scale instead.
    zeros_less_one : bool
        Whether zero points are stored less one.
    bits : int
        Bits of a code in words.
    added_words : tuple of int
        What is added to the words of zero points of a group by turns; of three bits alone.
    """

    packing: str
    rows: int
    columns: int
    groups: int
    group_columns: int
    codes: TensorInfo
    scales: Numbers
    zeros: TensorInfo | None = None
    index: TensorInfo | None = None
    divided: bool = False
    zeros_less_one: bool = False
    bits: int = 4
    added_words: tuple[int, int, int] = (0, 0, 0)

    @property
    def added_zero(self) -> int:
        """What is added to a word of zero points; of three bits, to each of them."""
        places = range(0, 32, self.bits) if 32 % self.bits == 0 else (0,)
        return sum(1 << place for place in places) if self.zeros_less_one else 0

    @property
    def all_scales(self) -> tuple[Numbers, ...]:
        """Everything that the integers are multiplied with, or divided by."""
        return (self.scales,)


@dataclass(frozen=True, slots=True)
class ScaleCodes:
    """Scales that are codes of eight bits: a scale is the value of a code x a scale + a number.

    Attributes
    ----------
    codes : TensorInfo
        One byte for each scale.
    values : Numbers
        The values of all 256 codes.
    group : int
        Codes that share a scale.
    added : float
        What is added to all.
    """

    codes: TensorInfo
    values: Numbers
    group: int
    added: float


@dataclass(frozen=True, slots=True)
class ZeroPoints:
    """Integers that are subtracted from codes: those of a group of all rows lie below each other.

    Attributes
    ----------
    tensor : TensorInfo
        A byte with a sign for each (I8), or words that are filled down the columns (I32).
    columns : int
        Groups of a row.
    bits : int
        Bits of a zero point.
    """

    tensor: TensorInfo
    columns: int
    bits: int

    @property
    def packed(self) -> bool:
        """Whether they lie in words."""
        return self.tensor.dtype == "I32"


@dataclass(frozen=True, slots=True)
class GroupedCodes:
    """Codes of two to eight bits that follow each other without gaps, with a scale for each group.

    A value is that of the code, less the zero point of its group, times the scale of it, plus the
    bias of it, in float32.

    Attributes
    ----------
    shape : tuple of int
        Shape of the matrix, or of a stack of them.
    bits : int
        Bits of a code.
    group : int
        Codes that share a scale. Groups follow each other across rows.
    codes : TensorInfo
        The words or bytes.
    scales : Numbers
        One for each group.
    biases : Numbers or None
        What is added to the values of each group.
    values : Numbers or None
        The values of all codes; otherwise codes are the numbers that they spell.
    scale_codes : ScaleCodes or None
        Codes that are multiplied with the scales to make those of groups.
    upper_first : bool
        Whether the first of the two codes of a byte is in its upper bits, and not in the lower.
    divisor : float or None
        What codes are divided by if they are integers with a sign.
    zero : int
        The code that spells 0.
    zeros : ZeroPoints or None
        What is subtracted from the values of codes.
    """

    shape: tuple[int, ...]
    bits: int
    group: int
    codes: TensorInfo
    scales: Numbers
    biases: Numbers | None = None
    values: Numbers | None = None
    scale_codes: ScaleCodes | None = None
    upper_first: bool = False
    divisor: float | None = None
    zero: int = 0
    zeros: ZeroPoints | None = None

    @property
    def items(self) -> int:
        """Number of codes."""
        return prod(self.shape)

    @property
    def all_scales(self) -> tuple[Numbers, ...]:
        """Everything that the codes are multiplied with, but what makes scales of other codes."""
        return (self.scales,) if self.scale_codes is None else ()


@dataclass(frozen=True, slots=True)
class Factor:
    """The number that a product is multiplied with.

    Attributes
    ----------
    value : float
        The number; 1 where it is not known.
    text : str
        Its origin, such as "lora_alpha/r = 2"; "" where it is not known.
    unknown : str
        Why it is not known; "" where it is known.
    contradicted : bool
        Whether that is because the configuration contradicts the factors.
    """

    value: float
    text: str
    unknown: str = ""
    contradicted: bool = False


@dataclass(frozen=True, slots=True)
class Product:
    """A matrix that is the product of two thin ones times a factor.

    Attributes
    ----------
    left, right : Numbers
        Factors of shape [rows, rank] and [rank, columns], both in C order.
    rows, rank, columns : int
        Sizes of the factors.
    factor : Factor
        The number that the product is multiplied with.
    """

    left: Numbers
    right: Numbers
    rows: int
    rank: int
    columns: int
    factor: Factor


@dataclass(frozen=True, slots=True, repr=False)
class Stored:
    """A matrix whose values are made from other tensors.

    Attributes
    ----------
    name : str
        The name that the matrix would have if its values were stored.
    shape : tuple of int
        Shape of the matrix.
    source : ScaledCodes, PackedCodes, GroupedCodes or Product
        The tensors from which its values are made.
    text : str
        The same in words.
    turned : bool
        Whether the values come in the order of the transposed matrix. The matrix then has two
        dimensions, with its inputs first.
    """

    name: str
    shape: tuple[int, ...]
    source: ScaledCodes | PackedCodes | GroupedCodes | Product
    text: str
    turned: bool = False

    def __repr__(self) -> str:
        """Show the name and how the values are made."""
        return f"<Stored '{printable(self.name, limit=60)}': {self.text[:50]}>"

    @property
    def two_in_a_byte(self) -> bool:
        """Whether each stored byte makes two values."""
        return isinstance(self.source, ScaledCodes) and self.source.per_byte == 2


def weight_names(names: Sequence[str], codes: Collection[str] | None = None) -> list[str]:
    """Return the names that matrices would have if their values were stored.

    Parameters
    ----------
    names : sequence of str
        Names of tensors.
    codes : collection of str, optional
        Those that hold packed codes, where not all are to be asked.

    Returns
    -------
    list of str
        One for each. Codes beside a weight, or other codes, of that name keep their own.

    Examples
    --------
    >>> weight_names(["a.qweight", "b.qweight", "b.weight"])
    ['a.weight', 'b.qweight', 'b.weight']
    """
    found = [weight_name(name) if codes is None or name in codes else name for name in names]
    count = Counter(found)
    return [own if count[name] > 1 else name for name, own in zip(found, names, strict=True)]


def weight_name(name: str) -> str:
    """Return the name that a matrix would have if its values were stored.

    Examples
    --------
    >>> weight_name("model.layers.0.mlp.up_proj.qweight")
    'model.layers.0.mlp.up_proj.weight'
    """
    owner, dot, leaf = name.rpartition(".")
    return f"{owner}{dot}{_PACKED.get(leaf, leaf)}"


def in_module(owner: str, leaf: str) -> str:
    """Return the name of a tensor of a module, which has no name where it is saved alone.

    Examples
    --------
    >>> in_module("up_proj", "weight"), in_module("", "weight")
    ('up_proj.weight', 'weight')
    """
    return f"{owner}.{leaf}" if owner else leaf
