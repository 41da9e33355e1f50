"""How the elements of a slice form rows and columns, and which of these belong together."""

from __future__ import annotations

from math import prod
from typing import NamedTuple


class MatrixLayout(NamedTuple):
    """Rows and columns of a slice, in the order of its shape.

    Attributes
    ----------
    columns : int
        Elements in each row.
    rows_in_cluster, columns_in_cluster : int
        So many rows, or columns, that follow each other share a head, an expert or a channel, and
        so may share a scale; 1 where there is none of these, or where they are not known.
    """

    columns: int
    rows_in_cluster: int = 1
    columns_in_cluster: int = 1

    def turned(self, rows: int) -> MatrixLayout:
        """Return the layout of the transposed matrix; `rows` are those of this one."""
        return MatrixLayout(rows, self.columns_in_cluster, self.rows_in_cluster)


def matrix_layout(
    shape: tuple[int, ...], *, stacked: bool = False, clusters: tuple[int, int] = (1, 1)
) -> MatrixLayout:
    """Return the layout of values that come in C order.

    Parameters
    ----------
    shape : tuple of int
        Shape of the slice. The last dimension of a stack of matrices has its columns. Kernels of
        convolutions have one row for each output, in which the places of a kernel are a cluster:
        they read one channel. A vector is one row. Dimensions of 1 beside just two do not count.
    stacked : bool
        Whether the slice is a stack of the matrices of experts, each of which is a cluster, unless
        it ends like kernels.
    clusters : (int, int)
        Rows and columns of a head.

    Returns
    -------
    MatrixLayout

    Examples
    --------
    >>> matrix_layout((8, 16, 32), stacked=True)
    MatrixLayout(columns=32, rows_in_cluster=16, columns_in_cluster=1)
    >>> matrix_layout((64, 3, 5, 5))
    MatrixLayout(columns=75, rows_in_cluster=1, columns_in_cluster=25)
    >>> matrix_layout((64, 48, 1, 1))
    MatrixLayout(columns=48, rows_in_cluster=1, columns_in_cluster=1)
    """
    longer = tuple(extent for extent in shape if extent != 1)
    if len(longer) == 2:
        shape = longer
    if len(shape) > 2:
        if stacked and shape[-1] >= _FEWEST_COLUMNS:
            return MatrixLayout(shape[-1], prod(shape[1:-1]))
        if clusters == (1, 1):
            clusters = (1, prod(shape[2:]))
    return MatrixLayout(prod(shape[1:]) if len(shape) > 1 else prod(shape), *clusters)


_FEWEST_COLUMNS = 8
"""Matrices of a stack have so many; kernels of convolutions in their place have fewer."""
