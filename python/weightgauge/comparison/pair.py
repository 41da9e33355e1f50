"""The comparison of two slices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightgauge.comparison.two_samples import least_difference, two_sample_ks
from weightgauge.errors import printable
from weightgauge.findings import Place, place_of
from weightgauge.fits.withheld import REASONS, SAME_SHARE
from weightgauge.records import as_row
from weightgauge.scanning.derived import PairedErrors

if TYPE_CHECKING:
    from weightgauge.comparison.matching import Match
    from weightgauge.fits.slice_fit import SliceFit
    from weightgauge.magnitudes.histogram import MagnitudeHistogram
    from weightgauge.scanning.derived import Difference


@dataclass(frozen=True, slots=True, repr=False)
class Pair:
    """Two slices that are the same part of two models, a and b.

    Attributes
    ----------
    tensor, tensor_b : str
        Name in a, and in b.
    part, kind, block, tower, expert, head
        Kind and place of the slice in a; see `weightgauge.SliceFit`.
    k_a, k_b : float
        Weibull shapes.
    dk, dk_se : float
        k_b - k_a, and its standard error. NaN where `withheld` says why, like all changes of k and
        lambda.
    z : float
        dk / dk_se.
    lambda_a, lambda_b : float
        Weibull scales, in the unit of the weights.
    dln_lambda, dln_lambda_se, dln_lambda_z : float
        ln(lambda_b / lambda_a), its standard error, and the quotient of the two.
    errors_from : str
        What these errors come from: "paired: ..." where elements were compared, whose common part
        then cancels; otherwise those of two matrices that are independent of each other, which are
        too large for two versions of one.
    nonfinite_a, nonfinite_b : int
        NaN and infinite elements.
    rows : int or None
        Number of rows that were compared, where one of the two has more; None where both have all.
    changed : float
        Share of the elements whose values differ.
    ks : float
        Kolmogorov-Smirnov distance between the magnitudes, zeros included.
    difference_rms : float
        Root mean square of b - a, divided by that of a; NaN where an element of b - a is NaN or
        infinite, because then there is no such number.
    difference_k, difference_lambda : float
        Weibull fit of the magnitudes of b - a that are not zero.
    moved : float
        The number that pairs are sorted by. It is `difference_rms` where elements were compared,
        and otherwise a lower bound of it: `least_difference` of the two, divided by the root mean
        square of a. Infinite where a is all zeros and b is not, or where elements became NaN or
        infinite.
    withheld : str or None
        Why the k of one side says nothing of the training, so that no change is given: a key of
        `weightgauge.fits.withheld.REASONS`; None where nothing is withheld.
    note : str
        Why numbers are missing; "" where none are missing.

    Numbers that a pair does not have are NaN.
    """

    tensor: str
    tensor_b: str
    part: str | None
    kind: str
    block: int | None
    tower: str | None
    expert: int | None
    head: int | None
    k_a: float
    k_b: float
    dk: float
    dk_se: float
    z: float
    lambda_a: float
    lambda_b: float
    dln_lambda: float
    dln_lambda_se: float
    dln_lambda_z: float
    errors_from: str
    nonfinite_a: int
    nonfinite_b: int
    rows: int | None
    changed: float
    ks: float
    difference_rms: float
    difference_k: float
    difference_lambda: float
    moved: float
    withheld: str | None
    note: str

    @property
    def place(self) -> Place:
        """What findings about the pair are about, by its names in a."""
        return place_of(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None for what is missing."""
        row = as_row(self)
        row["note"] = self.note or None
        return row

    def __repr__(self) -> str:
        """Show the slice, the change of its shape and how far it moved."""
        name = printable(self.tensor, limit=60)
        return f"<Pair '{name}' {self.kind}: dk {self.dk:+.4f}, moved {self.moved:.3g}>"


_OTHER_ROWS = PairedErrors(math.nan, math.nan, "not known: one of the two has more rows")


def pair_of(
    match: Match,
    difference: Difference | None,
    note: str,
    *,
    rows: int | None = None,
    paired: PairedErrors | None = None,
    reasons: tuple[str | None, str | None] = (None, None),
) -> Pair:
    """Compare two slices.

    Parameters
    ----------
    match : Match
        The two slices.
    difference : Difference or None
        The difference of their elements; None where elements were not compared.
    note : str
        Why elements were not compared; "" where they were.
    rows : int, optional
        Number of rows that were compared, where one of the two has more.
    paired : PairedErrors, optional
        Errors of the differences, where elements were compared.
    reasons : (str or None, str or None)
        Why the k of a, and that of b, says nothing of the training: see `withheld`.

    Returns
    -------
    Pair
    """
    a, b = match.a.fit, match.b.fit
    alone = None if _same_window(a, b, reasons) else reasons[0] or reasons[1]
    errors = _errors(a, b, paired) if rows is None else _OTHER_ROWS
    dk, dln = b.k - a.k, _log(b.lam) - _log(a.lam)
    if alone:
        dk, dln, errors = math.nan, math.nan, PairedErrors(math.nan, math.nan, "")
    counts = match.a.histogram(), match.b.histogram()
    # Elements that became NaN have no difference, and those that are left are another sample.
    formed = None if difference is None or difference.fit.nonfinite else difference
    missing = [
        f"no fit of {side}: {fit.reason or fit.status}"
        for side, fit in (("a", a), ("b", b))
        if not fit.fitted
    ]
    if alone:
        missing += [
            f"{side}: {REASONS[reason]}"
            for side, reason in zip("ab", reasons, strict=True)
            if reason is not None
        ]
    nan = math.nan
    return Pair(
        tensor=a.tensor,
        tensor_b=b.tensor,
        part=a.part,
        kind=a.kind,
        block=a.block,
        tower=a.tower,
        expert=a.expert,
        head=a.head,
        k_a=a.k,
        k_b=b.k,
        dk=dk,
        dk_se=errors.dk_se,
        z=_quotient(dk, errors.dk_se),
        lambda_a=a.lam,
        lambda_b=b.lam,
        dln_lambda=dln,
        dln_lambda_se=errors.dln_lambda_se,
        dln_lambda_z=_quotient(dln, errors.dln_lambda_se),
        errors_from=errors.errors_from,
        nonfinite_a=a.nonfinite,
        nonfinite_b=b.nonfinite,
        rows=rows,
        changed=nan if difference is None else difference.changed,
        ks=nan if counts[0] is None or counts[1] is None else two_sample_ks(counts[0], counts[1]),
        difference_rms=nan if formed is None or not a.rms > 0 else formed.fit.rms / a.rms,
        difference_k=nan if formed is None else formed.fit.k,
        difference_lambda=nan if formed is None else formed.fit.lam,
        moved=_moved(match, difference, counts),
        withheld=alone,
        note="; ".join([*missing, *([note] if note else [])]),
    )


def leaves_out_zeros(match: Match, zeros: str) -> bool:
    """Whether both fits are those of all elements but zeros, as paired errors assume.

    Parameters
    ----------
    match : Match
        The two slices.
    zeros : {"exclude", "censor"}
        What zeros were to the fits; where there are none, that is the same.
    """
    return zeros == "exclude" or match.a.fit.zeros == match.b.fit.zeros == 0


def _same_window(a: SliceFit, b: SliceFit, reasons: tuple[str | None, str | None]) -> bool:
    """Whether zeros reach into the windows of both fits, and as far into the one as the other."""
    if reasons != ("censored", "censored"):
        return False
    shares = [each.zeros / (each.n + each.zeros) for each in (a, b)]
    return abs(shares[0] - shares[1]) <= SAME_SHARE


def _errors(a: SliceFit, b: SliceFit, paired: PairedErrors | None) -> PairedErrors:
    """Return the errors of the changes: paired ones, or those of two independent matrices."""
    if paired is not None and not math.isnan(paired.dk_se):
        return paired._replace(errors_from=f"paired: {paired.errors_from}")
    dk_se = math.hypot(a.k_se_matrix, b.k_se_matrix)
    if math.isnan(dk_se):
        return PairedErrors(math.nan, math.nan, "")
    dln_lambda_se = math.hypot(a.ln_lambda_se_matrix, b.ln_lambda_se_matrix)
    return PairedErrors(dk_se, dln_lambda_se, f"two independent matrices: {a.errors_from}")


def _quotient(change: float, error: float) -> float:
    return change / error if error > 0 else math.nan


def _moved(
    match: Match,
    difference: Difference | None,
    counts: tuple[MagnitudeHistogram | None, MagnitudeHistogram | None],
) -> float:
    if difference is not None:
        size = math.inf if difference.fit.nonfinite else difference.fit.rms
    elif counts[0] is not None and counts[1] is not None:
        size = least_difference(counts[0], counts[1])
    else:
        return math.nan
    of_a = match.a.fit.rms
    if of_a > 0:
        return size / of_a
    return math.inf if size > 0 else 0.0


def _log(value: float) -> float:
    return math.log(value) if value > 0 else math.nan
