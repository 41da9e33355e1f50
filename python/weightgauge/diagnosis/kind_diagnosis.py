"""The judgement of one kind of matrix, by the median of its shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from weightgauge.diagnosis.drift import drift, sigma_growth
from weightgauge.diagnosis.expected import ROUNDING, expected_range
from weightgauge.diagnosis.regime import GAUSSIAN_K, TRANSMISSION, regime, verdict
from weightgauge.fits.matrix_errors import Spread
from weightgauge.records import as_row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.anatomy.architecture import Architecture
    from weightgauge.diagnosis.slice_group import SliceGroup
    from weightgauge.distributions import Heaviness
    from weightgauge.fits.slice_fit import SliceFit

_DRAWN, _DRAWINGS = 500, 4000


@dataclass(frozen=True, slots=True, repr=False)
class KindDiagnosis:
    """The matrices of one kind in one tower, judged by their median.

    Attributes
    ----------
    kind, tower : str, str or None
        As in `weightgauge.anatomy.components.Component`.
    slices : int
        Fitted matrices.
    judged : int
        How many of them everything below is over: all but those whose k says nothing of the
        training, or all where there are no others.
    k_median, k_min, k_max, lambda_median, r2_median : float
        Statistics over the matrices; lambda has the unit of the weights.
    k_se : float
        Standard error of the median shape, from those of the matrices (`SliceFit.k_se_matrix`): see
        `median_error`.
    regime : str or None
        Name of the regime: see `weightgauge.diagnosis.regime`; None where it is withheld.
    verdict : str or None
        Whether the median lies in the Transmission Class, 1.18 to 1.21: "inside", "outside" or
        "undecided" at 95 %; None where there is no regime, and for products B A of an adapter,
        whose standard errors are known to be too small.
    expected : tuple of float or None
        Range of published models with such attention: see `expected_range`.
    expected_verdict : str or None
        The same verdict for that range; None where no range is published. The ends of published
        ranges are rounded to two decimals, and the verdict allows for the rounding.
    withheld : str or None
        Why there is no regime, no verdict, no range and no drift, a key of
        `weightgauge.fits.withheld.REASONS`: "quantised" for packed integers, "grid" and "gap" for
        other values on a grid, "pruned", and "censored" where zeros reach into the window; None
        where nothing is withheld.
    k_gaussian : float
        Shape of Gaussian weights in the window that zeros leave: 1.2054 where they leave all of it.
    k_init : float
        Shape at initialisation. NaN for the update of an adapter, which does not start as a weight
        does.
    start : str or None
        Source of `k_init`: "measured", or the name of an initialisation.
    drift, drift_se, drift_severity : float, float, str or None
        (k_median - k_init) / k_init, its standard error, and its grade.
    ln_sigma, lambda_share : float
        ln(sigma / sigma_init) by medians since a measured initialisation, and the share of lambda
        in it: see `sigma_growth`. NaN where the initialisation was not measured.
    spread : Spread or None
        Where the variance of ln |w| comes from, by medians over the matrices: rows, columns and the
        rest. None where rows are not known.
    kurtosis_median, q99_q50_median : float
        Medians of two measures of the tails: see `weightgauge.distributions.Heaviness`.
    k_core_median, k_core_se : float
        Median shape after rows and columns were divided by their scales, and its standard error.
        NaN where that was not asked for, or where no matrix has 16 rows and columns.
    k_core_before : float
        Median shape of the same matrices before the division.
    k_core_gaussian : float
        `k_core_median` of Gaussian matrices of the same sizes, with as many zeros.
    """

    kind: str
    tower: str | None
    slices: int
    judged: int
    k_median: float
    k_se: float
    k_min: float
    k_max: float
    lambda_median: float
    r2_median: float
    regime: str | None
    verdict: str | None
    expected: tuple[float, float] | None
    expected_verdict: str | None
    withheld: str | None
    k_gaussian: float
    k_init: float
    start: str | None
    drift: float
    drift_se: float
    drift_severity: str | None
    ln_sigma: float
    lambda_share: float
    spread: Spread | None
    kurtosis_median: float
    q99_q50_median: float
    k_core_median: float
    k_core_se: float
    k_core_before: float
    k_core_gaussian: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None in place of NaN."""
        return as_row(self)

    def __repr__(self) -> str:
        """Show the median shape and its regime."""
        name = f"{self.tower} {self.kind}" if self.tower else self.kind
        return (
            f"<KindDiagnosis {name}: k {self.k_median:.3f}±{self.k_se:.3f} over {self.judged:,} "
            f"slices, {self.regime}>"
        )


@dataclass(frozen=True, slots=True)
class Start:
    """The shape and scale that a kind had at step 0.

    Attributes
    ----------
    k, lam : float
        Median shape and scale. The scale is NaN for an anchor, which has none.
    k_se : float
        Standard error of the shape; 0 for an anchor.
    source : str
        "measured", or the name of an initialisation.
    """

    k: float
    lam: float
    k_se: float
    source: str


@dataclass(frozen=True, slots=True)
class BalancedFit:
    """Shape of a matrix whose rows and columns were divided by their scales.

    Attributes
    ----------
    k, k_se : float
        Shape, and its standard error for independent weights.
    k_gaussian : float
        Shape of a balanced Gaussian matrix of the same size, with as many zeros.
    """

    k: float
    k_se: float
    k_gaussian: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None in place of NaN."""
        return as_row(self)


def kind_diagnosis(
    group: SliceGroup,
    *,
    architecture: Architecture,
    start: Start,
    tails: Mapping[int, Heaviness],
    balanced: Mapping[int, BalancedFit],
    k_gaussian: float = GAUSSIAN_K,
) -> KindDiagnosis:
    """Judge the matrices of one kind.

    Parameters
    ----------
    group : SliceGroup
        The matrices; at least one.
    architecture : Architecture
        Architecture of the model, on which the expected range depends.
    start : Start
        Shape and scale at step 0, from which drift is measured.
    tails, balanced : mapping
        Tails and balanced fits, by the identity of the `SliceFit`.
    k_gaussian : float
        Shape of Gaussian weights in the same window.

    Returns
    -------
    KindDiagnosis
        Where the k of none of them says anything of the training, there is no regime, no drift and
        no verdict.
    """
    items, withheld = group.slices, group.withheld
    products = any(item.is_product for item in items)
    k, lam = median(item.k for item in items), median(item.lam for item in items)
    r2 = median(item.r2 for item in items)
    k_se = median_error([item.k for item in items], [item.k_se_matrix for item in items])
    facts = architecture.of(group.tower)
    storage = "merged" if group.merged else facts.storage
    expected = expected_range(group.kind, attention=facts.attention, storage=storage)
    if group.updates or withheld:
        expected = None
    found = None if withheld else regime(k, r2, k_se)
    moved = None
    if not group.updates and not withheld:
        moved = drift(k, start.k, k_se=k_se, k_init_se=start.k_se)
    growth = None
    if moved is not None and math.isfinite(start.lam):
        growth = sigma_growth(start.k, start.lam, k, lam)
    evened = [item for item in items if id(item) in balanced]
    refits = [balanced[id(item)] for item in evened]
    measured = [tails[id(item)] for item in items if id(item) in tails]
    return KindDiagnosis(
        kind=group.kind,
        tower=group.tower,
        slices=len(group.members),
        judged=len(items),
        k_median=k,
        k_se=k_se,
        k_min=min(item.k for item in items),
        k_max=max(item.k for item in items),
        lambda_median=lam,
        r2_median=r2,
        regime=None if found is None else found.name,
        verdict=None if found is None or products else found.verdict,
        expected=expected,
        expected_verdict=None if expected is None else _usual(k, k_se, expected),
        withheld=withheld,
        k_gaussian=k_gaussian,
        k_init=math.nan if moved is None else start.k,
        start=None if moved is None else start.source,
        drift=math.nan if moved is None else moved.relative,
        drift_se=math.nan if moved is None else moved.relative_se,
        drift_severity=None if moved is None else moved.severity,
        ln_sigma=math.nan if growth is None else growth.ln_sigma,
        lambda_share=math.nan if growth is None else growth.lambda_share,
        spread=_spread(items),
        kurtosis_median=_median([each.kurtosis for each in measured]),
        q99_q50_median=_median([each.q99_q50 for each in measured]),
        k_core_median=_median([refit.k for refit in refits]),
        k_core_se=median_error([refit.k for refit in refits], [refit.k_se for refit in refits]),
        k_core_before=_median([item.k for item in evened]),
        k_core_gaussian=_median([refit.k_gaussian for refit in refits]),
    )


def namer(kinds: Sequence[KindDiagnosis]) -> Callable[[KindDiagnosis], str]:
    """Return a function that names a kind in a sentence, with its tower if there are several."""
    if len({kind.tower for kind in kinds if kind.tower}) < 2:
        return lambda kind: kind.kind
    return lambda kind: f"{kind.tower} {kind.kind}" if kind.tower else kind.kind


def median_error(
    values: Sequence[float], errors: Sequence[float], *, drawings: int = _DRAWINGS
) -> float:
    """Return the standard error of the median of estimates with these standard errors.

    The scatter of the estimates already contains their errors. The estimates are therefore first
    moved towards their median, by the share of the scatter that the errors explain (DerSimonian and
    Laird, Controlled Clinical Trials 7, 1986); otherwise the errors would count twice. Up to 500
    estimates are then drawn around the moved values many times, with a fixed seed (a parametric
    bootstrap). For more estimates the variance of their median is sum p_i (1 - p_i) / (sum f_i)^2,
    where p_i and f_i are the distribution function and the density of estimate i at the median.
    The result leaves out that matrices differ: they are the whole population, not a sample.

    Parameters
    ----------
    values, errors : sequence of float
        Estimates and their standard errors.
    drawings : int
        How often they are drawn. The result is good to 1/sqrt(2 drawings) of itself.

    Returns
    -------
    float
        NaN where an error is not known, or where there is no estimate.
    """
    found, error = np.asarray(values), np.asarray(errors)
    if len(found) == 1 or not len(found) or not np.all(error > 0):
        return float(error[0]) if len(found) == 1 else math.nan
    middle = float(np.median(found))
    real = _real_variance(found, error)
    centre = middle + np.sqrt(real / (real + error**2)) * (found - middle)
    if len(centre) <= _DRAWN:
        drawn = np.random.default_rng(0).standard_normal((drawings, len(centre)))
        return float(np.std(np.median(centre + error * drawn, axis=1), ddof=1))
    from scipy.special import ndtr  # type: ignore[import-untyped]

    z = (middle - centre) / error
    below = ndtr(z)
    density = np.exp(-(z**2) / 2) / (error * math.sqrt(2 * math.pi))
    return float(math.sqrt(np.sum(below * (1 - below))) / np.sum(density))


def _real_variance(values: NDArray[np.float64], errors: NDArray[np.float64]) -> float:
    """Return the variance of the true values: the scatter beyond what the errors explain."""
    weight = (np.min(errors) / errors) ** 2
    mean = float(np.sum(weight * values) / np.sum(weight))
    scatter = float(np.sum(weight * (values - mean) ** 2)) / float(np.min(errors)) ** 2
    excess = scatter - (len(values) - 1)
    freedom = float(np.sum(weight) - np.sum(weight**2) / np.sum(weight))
    return max(0.0, excess / freedom) * float(np.min(errors)) ** 2 if freedom > 0 else 0.0


def _usual(k: float, k_se: float, expected: tuple[float, float]) -> str:
    margin = 0.0 if expected == TRANSMISSION else ROUNDING  # the ends of the class are exact
    return verdict(k, k_se, (expected[0] - margin, expected[1] + margin))


def _spread(items: Sequence[SliceFit]) -> Spread | None:
    known = [item.spread for item in items if item.spread is not None]
    return Spread(*map(median, zip(*known, strict=True))) if known else None


def _median(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return median(finite) if finite else math.nan
