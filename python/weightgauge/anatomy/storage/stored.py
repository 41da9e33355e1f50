"""How the values of a matrix come from what is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo

PRODUCT = "ba"
"""Part of the slices that are whole products."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A tensor of scales, or a factor, as it is to be read.

    Attributes
    ----------
    tensor : TensorInfo
        Where the numbers lie.
    dtype : str
        Their format: that of the tensor, except for exponents stored as U8.
    """

    tensor: TensorInfo
    dtype: str


@dataclass(frozen=True, slots=True)
class ScaledCodes:
    """Codes of eight or four bits, with one scale for each block of rows and columns.

    Attributes
    ----------
    codes : str
        Format of the codes: one of the F8 formats, or F4 for two E2M1 codes in a byte.
    matrices, rows, columns : int
        The codes as equal matrices one after the other; columns in elements.
    block_rows, block_columns : int
        Size of a block in elements. Blocks at the edges may be smaller.
    scales : Numbers
        As many as there are blocks, in the same order.
    """

    codes: str
    matrices: int
    rows: int
    columns: int
    block_rows: int
    block_columns: int
    scales: Numbers

    @property
    def per_byte(self) -> int:
        """Elements in a byte."""
        return 2 if self.codes == "F4" else 1

    @property
    def single(self) -> bool:
        """Whether all codes have the same scale, which then changes no shape."""
        return self.scales.tensor.size == 1


@dataclass(frozen=True, slots=True)
class Factor:
    """What a product is multiplied with.

    Attributes
    ----------
    value : float
        The factor; 1 where it is not known.
    text : str
        Where it comes from, such as "lora_alpha/r = 2"; "" where it is not known.
    unknown : str
        Why it is not known; "" where it is.
    """

    value: float
    text: str
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Product:
    """A matrix that is the product of two thin ones times a factor.

    Attributes
    ----------
    left, right : Numbers
        Factors of `rows` times `rank` and `rank` times `columns` numbers, both in C order.
    rows, rank, columns : int
        Their sizes.
    factor : Factor
        What the product is multiplied with.
    """

    left: Numbers
    right: Numbers
    rows: int
    rank: int
    columns: int
    factor: Factor


@dataclass(frozen=True, slots=True)
class Stored:
    """A matrix whose values are made from something else.

    Attributes
    ----------
    name : str
        What the matrix would be called if it were stored as it is.
    shape : tuple of int
        Shape of the matrix.
    source : ScaledCodes or Product
        What it is made from.
    text : str
        The same in words.
    turned : bool
        Whether the values come in the order of the transposed matrix, which has two dimensions and
        its inputs first.
    """

    name: str
    shape: tuple[int, ...]
    source: ScaledCodes | Product
    text: str
    turned: bool = False

    @property
    def two_in_a_byte(self) -> bool:
        """Whether each stored byte makes two values."""
        return isinstance(self.source, ScaledCodes) and self.source.per_byte == 2
