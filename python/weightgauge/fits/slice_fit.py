"""The record of one slice: what it is, and its fit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.components.ordering import order_key
from weightgauge.anatomy.slice_key import SliceKey
from weightgauge.anatomy.storage import is_beside
from weightgauge.errors import printable
from weightgauge.findings import Place, place_of
from weightgauge.fits.matrix_errors import KEPT_COUNTS, Spread, errors_from, matrix_errors
from weightgauge.records import FITTED, as_row, maker

if TYPE_CHECKING:
    from weightgauge.anatomy.layouts import Slice
    from weightgauge.magnitudes.weibull import Numbers, WeibullFit

STATUSES = FITTED | {"degenerate", "empty", "too_few", "not_applicable", "unsupported_dtype"}
"""All that a slice's status may be."""


@dataclass(frozen=True, slots=True, repr=False)
class SliceFit:
    """One slice of a checkpoint and its Weibull fit.

    Attributes
    ----------
    tensor : str
        Name in the checkpoint, raw (see `weightgauge.errors.printable`); for the product of the
        factors of a low-rank adapter, the path of the module that it adapts, followed by the
        adapter's name unless that is "default".
    part : str or None
        Which matrix of a fused tensor the slice is, such as "q", "k", "v", "gate" or "up"; "ba" for
        a product B A; None for the whole tensor and for tensors of one matrix.
    kind, block, tower : str, int or None, str or None
        What the name says: see `weightgauge.anatomy.components.Component`.
    expert, head : int or None
        Number of the expert, from the name or the place in a stack, and of the attention head, for
        a slice that is one.
    dtype : str
        Element format, in the spelling of safetensors.
    shape : tuple of int
        Shape of the slice.
    n, zeros, nonfinite : int
        Elements that were fitted (finite and not zero), zeros, and NaN or infinite elements.
    status : str
        "ok", "sparse" or "scale_not_applied" for a slice with numbers; "degenerate", "empty",
        "too_few", "not_applicable" or "unsupported_dtype" for one without.
    reason : str
        Why the status is not "ok", in a sentence; "not split: ..." for a fused tensor whose parts
        cannot be told.
    decoded : str
        How the values that were fitted come from what is stored, such as "F8_E4M3 x
        weight_scale_inv per 128 x 128 block"; "" where they are stored as they are.
    k, k_se : float
        Weibull shape and its standard error for independent magnitudes.
    lam, ln_lambda_se : float
        Weibull scale lambda, in units of the weights, and the standard error of its logarithm.
    k_se_matrix, ln_lambda_se_matrix : float
        Standard errors for weights whose rows, columns, heads, experts or channels have scales of
        their own, as those of trained matrices have; never below those for independent ones. Where
        rows are not known, those for independent ones: `errors_from` says why.
    errors_from : str
        What the last two come from, such as "a sample of rows and columns", or "counts alone: one
        row". "" without a fit.
    fresh_z : float
        How much more the means of ln |w| differ from row to row, or from column to column, than
        among independent weights: the larger of both, in standard deviations. Of matrices that were
        never trained hardly any is above 4.7; of those with 8 rows or columns, above 6.4. NaN where
        rows are not known.
    spread : Spread or None
        Where the variance of ln |w| comes from: rows, columns and the rest. None where rows are not
        known.
    zero_rows, zero_columns : int or None
        Rows and columns that have no element but zeros. None where rows are not known.
    unused_rows : int or None
        Of an embedding or head: rows that look as if they were never trained, because they are all
        of one size and smaller than most, or far smaller than all others, or zero
        (docs/statistics.md). None where they were not looked for: elsewhere, in fed bytes, and in
        the published protocol.
    k_without_unused : float or None
        Weibull shape of the other rows; None where there are no such rows, or no fit of the others.
    far_out : int or None
        Elements above 4,096 times lambda: none in a sound matrix. None where that was not kept.
    row_levels : int or None
        Where the values of each row lie on a grid, as after rounding with a scale for each row: the
        most different magnitudes that 64 elements of a row have, of eight rows. 0 where they lie on
        no grid, or it was not asked; None where that was not kept.
    large_rows, large_columns : int or None
        Rows and columns whose weights are more than 16 times as large as those of most, by the
        geometric mean of about 64 of them other than zero. None where they were not looked for:
        where rows are not known, and in embeddings and heads.
    r2, ks : float
        Squared correlation of the probability plot; Kolmogorov-Smirnov distance.
    rms, max : float
        Root mean square and largest magnitude.
    negatives : int
        Elements below zero; -0, -Inf and NaN are none. Of scaled codes and products, those of the
        values.
    zero_blocks : int
        Blocks of 2 KiB, counted from the tensor's first byte, of which all bytes are zero, as they
        are where a file has lost a page. Of whole tensors; 0 for pieces and products, and for what
        lies in several processes.
    levels : int or None
        Different magnitudes other than zero; of large F32 and F64 tensors, bins that hold any, of
        which there are 8,192 to a factor of two. None where there are more than 1,024 of these.
    at_max : int
        Elements of the largest magnitude; where magnitudes were counted in bins, those in its bin.
    second : float
        The magnitude next below the largest one; where there are bins, the mean of the next bin.
    lowest : float
        The smallest magnitude other than zero; where there are bins, the mean of the lowest one.
    digest : str or None
        Of the tensor's stored bytes, in 16 hexadecimal digits: equal for equal bytes, and other if
        any bit differs (docs/statistics.md says what is certain). None for pieces and products, and
        for what is not counted or lies in several processes.

    Numbers that a slice does not have are NaN. The standard errors of a product are those of as
    many independent weights, which it does not have.
    """

    tensor: str
    part: str | None
    kind: str
    block: int | None
    tower: str | None
    expert: int | None
    head: int | None
    dtype: str
    shape: tuple[int, ...]
    n: int
    zeros: int
    nonfinite: int
    status: str
    reason: str
    decoded: str
    k: float
    k_se: float
    lam: float
    ln_lambda_se: float
    r2: float
    ks: float
    rms: float
    max: float
    negatives: int
    zero_blocks: int
    levels: int | None
    at_max: int
    second: float
    lowest: float
    digest: str | None
    k_se_matrix: float
    ln_lambda_se_matrix: float
    errors_from: str
    fresh_z: float
    spread: Spread | None
    zero_rows: int | None
    zero_columns: int | None
    unused_rows: int | None
    k_without_unused: float | None
    far_out: int | None
    row_levels: int | None
    large_rows: int | None
    large_columns: int | None

    @property
    def fitted(self) -> bool:
        """Whether the slice has k, lambda and the other numbers."""
        return self.status in FITTED

    @property
    def is_beside(self) -> bool:
        """Whether it is no matrix and serves that of another tensor, as the scales of codes do."""
        return serves_another(self.status, self.reason)

    @property
    def is_product(self) -> bool:
        """Whether the slice is, or is cut from, the product of two stored tensors."""
        return is_product(self.decoded)

    @property
    def key(self) -> SliceKey:
        """What tells the slice from all others of its model."""
        return SliceKey(self.tensor, self.part, self.expert, self.head)

    @property
    def place(self) -> Place:
        """What findings about the slice are about."""
        return place_of(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: `lambda` for `lam`, None for what does not apply."""
        return as_row(self)

    def __repr__(self) -> str:
        """Show the name, what it is, and k with its standard error."""
        found = self.status
        if self.fitted:
            found = (
                f"k={self.k:.4f}±{self.k_se_matrix:.4f}, lambda={self.lam:.4g}, R2={self.r2:.4f}"
            )
            found += "" if self.status == "ok" else f", {self.status}"
        return f"<SliceFit '{printable(self.tensor, limit=60)}' {self.kind}: {found}>"


_slice_fit = maker(SliceFit)


def serves_another(status: str, reason: str) -> bool:
    """Whether a slice of this status, for this reason, is no matrix and serves that of another."""
    return status == "not_applicable" and is_beside(reason)


def is_product(decoded: str) -> bool:
    """Whether that is how the values of a product of two stored tensors are made."""
    return decoded.startswith("B A ")


def slice_fit(item: Slice, numbers: Numbers, words: tuple[str, str], missing: str = "") -> SliceFit:
    """Join what a slice is and its fit.

    Parameters
    ----------
    item : Slice
        What it is.
    numbers : Numbers
        Of its fit.
    words : (str, str)
        Status and reason of the fit.
    missing : str
        Why its values lack a scale that is known to exist; "" where they lack none.

    Returns
    -------
    SliceFit
    """
    tensor, place, shape, _, note, stored, matrix = item
    status, reason = marked(words, missing, note)
    k, k_se, lam, ln_lambda_se, r2, ks, rms, largest, n, zeros, nonfinite = numbers[:11]
    negatives, blocks, levels, at_max, second, lowest, digest, digested = numbers[13:21]
    made = "" if stored is None else stored.text
    errors = matrix_errors(
        k_se, ln_lambda_se, numbers[21:], matrix, shape, product=is_product(made)
    )
    return _slice_fit(
        *(tensor.name, place.part, place.kind, place.block, place.tower, place.expert, place.head),
        *(tensor.dtype, shape, n, zeros, nonfinite, status, reason),
        made,
        *(k, k_se, lam, ln_lambda_se, r2, ks, rms, largest),
        *(negatives, blocks, levels or (None if n or not zeros + nonfinite else 0), at_max),
        *(second, lowest),
        f"{digest:016x}" if digested else None,
        errors.k_se,
        errors.ln_lambda_se,
        errors.errors_from,
        errors.fresh_z,
        errors.spread,
        errors.zero_rows,
        errors.zero_columns,
        errors.unused_rows,
        errors.k_without_unused,
        *numbers[32:34],
        errors.large_rows,
        errors.large_columns,
    )


def refitted(item: SliceFit, found: WeibullFit, *, missing: str, note: str) -> SliceFit:
    """Give a slice the numbers of another fit.

    Parameters
    ----------
    item : SliceFit
        What it is.
    found : WeibullFit
        The other fit.
    missing : str
        As for `slice_fit`.
    note : str
        Why a fused tensor is not split; "" for everything else.

    Returns
    -------
    SliceFit
    """
    status, reason = marked((found.status, found.reason), missing, note)
    return replace(
        item,
        n=found.n,
        zeros=found.zeros,
        nonfinite=found.nonfinite,
        status=status,
        reason=reason,
        k=found.k,
        k_se=found.k_se,
        lam=found.lam,
        ln_lambda_se=found.ln_lambda_se,
        r2=found.r2,
        ks=found.ks,
        rms=found.rms,
        max=found.max,
        k_se_matrix=found.k_se,
        ln_lambda_se_matrix=found.ln_lambda_se,
        errors_from="" if math.isnan(found.k) else KEPT_COUNTS,
        fresh_z=math.nan,
        spread=None,
        k_without_unused=None,
    )


def with_independent_errors(item: SliceFit) -> SliceFit:
    """Leave out what is known of rows and columns, as fits with errors="independent" do."""
    return replace(
        item,
        k_se_matrix=item.k_se,
        ln_lambda_se_matrix=item.ln_lambda_se,
        errors_from=errors_from(0, None, item.shape) if item.errors_from else "",
        fresh_z=math.nan,
        spread=None,
        zero_rows=None,
        zero_columns=None,
        unused_rows=None,
        k_without_unused=None,
        row_levels=0,
        large_rows=None,
        large_columns=None,
    )


def table_order(item: SliceFit) -> tuple[tuple[int, ...], str, str, int]:
    """Sort key of a slice: its place in the model, see `order_key`; name; part; head."""
    return (
        order_key(item.kind, item.block, item.tower, item.expert),
        item.tensor,
        item.part or "",
        -1 if item.head is None else item.head,
    )


def marked(words: tuple[str, str], missing: str, note: str) -> tuple[str, str]:
    """Status and reason: a fit of values without their scale is marked."""
    status, reason = words
    if not (missing or reason or note):
        return status, ""
    marked = bool(missing) and status in ("ok", "sparse")
    status = "scale_not_applied" if marked else status
    return status, "; ".join(filter(None, (missing if marked else "", reason, note)))
