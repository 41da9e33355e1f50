"""What the shapes of one kind of matrix say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from weightgauge.diagnosis.drift import drift, sigma_growth
from weightgauge.diagnosis.expected import ROUNDING, expected_range
from weightgauge.diagnosis.regime import TRANSMISSION, regime, verdict
from weightgauge.records import as_row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.anatomy.architecture import Architecture
    from weightgauge.diagnosis.slice_group import SliceGroup
    from weightgauge.distributions import Heaviness

_DRAWN, _DRAWINGS = 500, 4000


@dataclass(frozen=True, slots=True)
class KindDiagnosis:
    """The matrices of one kind in one tower, judged by their median.

    Attributes
    ----------
    kind, tower : str, str or None
        As in `weightgauge.anatomy.components.Component`.
    slices : int
        Fitted matrices.
    k_median, k_min, k_max, lambda_median, r2_median : float
        Over the matrices.
    k_se : float
        Standard error of the median shape, for independent weights: see `median_error`.
    regime : str
        See `weightgauge.diagnosis.regime`.
    verdict : str
        Whether the median lies in the Transmission Class, 1.18 to 1.21: "inside", "outside" or
        "undecided" at 95 %.
    expected : tuple of float or None
        Range of published models with such attention, see `expected_range`.
    expected_verdict : str or None
        The same verdict for that range; None where nothing is expected. The ends of published
        ranges are rounded to two decimals, which is allowed for.
    k_init : float
        Shape at initialisation; NaN for what an adapter adds, which does not start as weights do.
    start : str or None
        Where `k_init` comes from: "measured", or the name of an initialisation.
    drift, drift_se, drift_severity : float, float, str or None
        (k_median - k_init) / k_init, its standard error, and its grade.
    ln_sigma, lambda_share : float
        Growth since a measured initialisation, ln(sigma / sigma_init) by medians, and the share of
        it that lambda has: see `sigma_growth`. NaN without one.
    kurtosis_median, q99_q50_median : float
        Tails: see `weightgauge.distributions.Heaviness`.
    k_core_median, k_core_se : float
        Median shape after dividing rows and columns by their root mean square, and its standard
        error; NaN where that was not asked for, or no matrix has 16 rows and columns.
    k_core_before : float
        Median shape of the same matrices before that.
    k_core_gaussian : float
        What `k_core_median` is for Gaussian matrices of the same sizes.
    """

    kind: str
    tower: str | None
    slices: int
    k_median: float
    k_se: float
    k_min: float
    k_max: float
    lambda_median: float
    r2_median: float
    regime: str
    verdict: str
    expected: tuple[float, float] | None
    expected_verdict: str | None
    k_init: float
    start: str | None
    drift: float
    drift_se: float
    drift_severity: str | None
    ln_sigma: float
    lambda_share: float
    kurtosis_median: float
    q99_q50_median: float
    k_core_median: float
    k_core_se: float
    k_core_before: float
    k_core_gaussian: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None in place of NaN."""
        return as_row(self)


@dataclass(frozen=True, slots=True)
class Start:
    """What a kind started from.

    Attributes
    ----------
    k, lam : float
        Median shape and scale at step 0; the scale is NaN for an anchor, which has none.
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
class Core:
    """The balanced fit of a matrix.

    Attributes
    ----------
    k, k_se : float
        Shape and its standard error for independent weights.
    k_gaussian : float
        Shape of a balanced Gaussian matrix of the same size.
    """

    k: float
    k_se: float
    k_gaussian: float


def kind_diagnosis(
    group: SliceGroup,
    *,
    architecture: Architecture,
    start: Start,
    tails: Mapping[int, Heaviness],
    cores: Mapping[int, Core],
) -> KindDiagnosis:
    """Judge the matrices of one kind.

    Parameters
    ----------
    group : SliceGroup
        The matrices; at least one.
    architecture : Architecture
        Of the model: what is expected depends on it.
    start : Start
        What drift is measured from.
    tails, cores : mapping
        Tails, and balanced fits, by the identity of the `SliceFit`.

    Returns
    -------
    KindDiagnosis
    """
    items = group.slices
    k, lam = median(item.k for item in items), median(item.lam for item in items)
    r2 = median(item.r2 for item in items)
    k_se = median_error([item.k for item in items], [item.k_se for item in items])
    facts = architecture.of(group.tower)
    storage = "merged" if group.merged else facts.storage
    expected = expected_range(group.kind, attention=facts.attention, storage=storage)
    if group.updates:
        expected = None
    found = regime(k, r2, k_se)
    moved = None
    if not group.updates:
        moved = drift(k, start.k, k_se=k_se, k_init_se=start.k_se)
    growth = None
    if moved is not None and math.isfinite(start.lam):
        growth = sigma_growth(start.k, start.lam, k, lam)
    cored = [item for item in items if id(item) in cores]
    balanced = [cores[id(item)] for item in cored]
    measured = [tails[id(item)] for item in items if id(item) in tails]
    return KindDiagnosis(
        kind=group.kind,
        tower=group.tower,
        slices=len(items),
        k_median=k,
        k_se=k_se,
        k_min=min(item.k for item in items),
        k_max=max(item.k for item in items),
        lambda_median=lam,
        r2_median=r2,
        regime=found.name,
        verdict=found.verdict,
        expected=expected,
        expected_verdict=None if expected is None else _usual(k, k_se, expected),
        k_init=math.nan if moved is None else start.k,
        start=None if moved is None else start.source,
        drift=math.nan if moved is None else moved.relative,
        drift_se=math.nan if moved is None else moved.relative_se,
        drift_severity=None if moved is None else moved.severity,
        ln_sigma=math.nan if growth is None else growth.ln_sigma,
        lambda_share=math.nan if growth is None else growth.lambda_share,
        kurtosis_median=_median([each.kurtosis for each in measured]),
        q99_q50_median=_median([each.q99_q50 for each in measured]),
        k_core_median=_median([core.k for core in balanced]),
        k_core_se=median_error([core.k for core in balanced], [core.k_se for core in balanced]),
        k_core_before=_median([item.k for item in cored]),
        k_core_gaussian=_median([core.k_gaussian for core in balanced]),
    )


def namer(kinds: Sequence[KindDiagnosis]) -> Callable[[KindDiagnosis], str]:
    """Return what names a kind in a sentence: with its tower only where there are several."""
    if len({kind.tower for kind in kinds if kind.tower}) < 2:
        return lambda kind: kind.kind
    return lambda kind: f"{kind.tower} {kind.kind}" if kind.tower else kind.kind


def median_error(values: Sequence[float], errors: Sequence[float]) -> float:
    """Return the standard error of the median of estimates with these standard errors.

    Estimates are first moved towards their median, by as much of the scatter as their errors
    explain (DerSimonian and Laird, Controlled Clinical Trials 7, 1986): else the errors would count
    twice. Up to 500 are then drawn anew round that, some thousand times with a fixed seed (a
    parametric bootstrap). For more, the
    variance of a median of independent estimates is sum p_i (1 - p_i) / (sum f_i)^2, with p_i and
    f_i the distribution functions and densities of the estimates at the median. That matrices also
    differ is not in it: they are all there are, not a sample.

    Parameters
    ----------
    values, errors : sequence of float
        Estimates and their standard errors.

    Returns
    -------
    float
        NaN where an error is not known, or there is nothing.
    """
    found, error = np.asarray(values), np.asarray(errors)
    if len(found) == 1 or not len(found) or not np.all(error > 0):
        return float(error[0]) if len(found) == 1 else math.nan
    middle = float(np.median(found))
    real = _real_variance(found, error)
    centre = middle + np.sqrt(real / (real + error**2)) * (found - middle)
    if len(centre) <= _DRAWN:
        drawn = np.random.default_rng(0).standard_normal((_DRAWINGS, len(centre)))
        return float(np.std(np.median(centre + error * drawn, axis=1), ddof=1))
    from scipy.special import ndtr  # type: ignore[import-untyped]

    z = (middle - centre) / error
    below = ndtr(z)
    density = np.exp(-(z**2) / 2) / (error * math.sqrt(2 * math.pi))
    return float(math.sqrt(np.sum(below * (1 - below))) / np.sum(density))


def _real_variance(values: NDArray[np.float64], errors: NDArray[np.float64]) -> float:
    """Variance of what is estimated, by how much more the estimates scatter than their errors."""
    weight = (np.min(errors) / errors) ** 2
    mean = float(np.sum(weight * values) / np.sum(weight))
    scatter = float(np.sum(weight * (values - mean) ** 2)) / float(np.min(errors)) ** 2
    excess = scatter - (len(values) - 1)
    freedom = float(np.sum(weight) - np.sum(weight**2) / np.sum(weight))
    return max(0.0, excess / freedom) * float(np.min(errors)) ** 2 if freedom > 0 else 0.0


def _usual(k: float, k_se: float, expected: tuple[float, float]) -> str:
    margin = 0.0 if expected == TRANSMISSION else ROUNDING  # the class is defined by its ends
    return verdict(k, k_se, (expected[0] - margin, expected[1] + margin))


def _median(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return median(finite) if finite else math.nan
