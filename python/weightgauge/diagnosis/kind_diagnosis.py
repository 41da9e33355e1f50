"""What the shapes of one kind of matrix say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from weightgauge.diagnosis.drift import drift, sigma_growth
from weightgauge.diagnosis.expected import expected_range
from weightgauge.diagnosis.regime import regime, verdict
from weightgauge.records import as_row

if TYPE_CHECKING:
    from weightgauge.architecture import Architecture
    from weightgauge.diagnosis.slice_group import SliceGroup
    from weightgauge.distributions import Heaviness

_MEDIAN_OVER_MEAN = math.sqrt(math.pi / 2)


@dataclass(frozen=True, slots=True)
class KindDiagnosis:
    """The matrices of one kind in one tower, judged by their median.

    Attributes
    ----------
    kind, tower : str, str or None
        As in `weightgauge.components.Component`.
    slices : int
        Fitted matrices.
    k_median, k_min, k_max, lambda_median, r2_median : float
        Over the matrices.
    k_se : float
        Standard error of the median shape, for independent weights: the root mean square of the
        standard errors over sqrt(slices), times sqrt(pi/2) from three matrices on.
    regime : str
        See `weightgauge.diagnosis.regime`.
    verdict : str
        Whether the median lies in the Transmission Class, 1.18 to 1.21: "inside", "outside" or
        "undecided" at 95 %.
    expected : tuple of float or None
        Range of published models with such attention, see `expected_range`.
    expected_verdict : str or None
        The same verdict for that range; None where nothing is expected.
    k_init : float
        Shape at initialisation, measured or by an anchor.
    drift, drift_severity : float, str
        (k_median - k_init) / k_init, and its grade.
    ln_sigma, lambda_share : float
        Growth since a measured initialisation, ln(sigma / sigma_init) by medians, and the share of
        it that lambda has: see `sigma_growth`. NaN without one.
    kurtosis_median, q99_q50_median : float
        Tails: see `weightgauge.distributions.Heaviness`.
    k_core_median : float
        Median shape after dividing rows and columns by their root mean square; NaN where that was
        not asked for.
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
    drift: float
    drift_severity: str
    ln_sigma: float
    lambda_share: float
    kurtosis_median: float
    q99_q50_median: float
    k_core_median: float

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
    """

    k: float
    lam: float = math.nan


def kind_diagnosis(
    group: SliceGroup,
    *,
    architecture: Architecture,
    start: Start,
    tails: Mapping[int, Heaviness],
    cores: Mapping[int, float],
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
        Tails, and shapes of balanced fits, by the identity of the `SliceFit`.

    Returns
    -------
    KindDiagnosis
    """
    items = group.slices
    k, lam = median(item.k for item in items), median(item.lam for item in items)
    r2 = median(item.r2 for item in items)
    k_se = median_error([item.k_se for item in items])
    facts = architecture.of(group.tower)
    storage = "merged" if group.merged else facts.storage
    expected = expected_range(group.kind, attention=facts.attention, storage=storage)
    found = regime(k, r2, k_se)
    moved = drift(k, start.k, k_se=k_se)
    growth = sigma_growth(start.k, start.lam, k, lam) if math.isfinite(start.lam) else None
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
        expected_verdict=None if expected is None else verdict(k, k_se, expected),
        k_init=start.k,
        drift=moved.relative,
        drift_severity=moved.severity,
        ln_sigma=math.nan if growth is None else growth.ln_sigma,
        lambda_share=math.nan if growth is None else growth.lambda_share,
        kurtosis_median=_median([each.kurtosis for each in measured]),
        q99_q50_median=_median([each.q99_q50 for each in measured]),
        k_core_median=_median([cores[id(item)] for item in items if id(item) in cores]),
    )


def namer(kinds: Sequence[KindDiagnosis]) -> Callable[[KindDiagnosis], str]:
    """Return what names a kind in a sentence: with its tower only where there are several."""
    if len({kind.tower for kind in kinds if kind.tower}) < 2:
        return lambda kind: kind.kind
    return lambda kind: f"{kind.tower} {kind.kind}" if kind.tower else kind.kind


def median_error(errors: Sequence[float]) -> float:
    """Return the standard error of the median of estimates with these standard errors.

    For normal estimates of one quantity the median's is sqrt(pi/2) times the mean's for many, and
    the same for one or two. That the matrices also differ is not in it: they are not a sample.
    """
    of_mean = math.sqrt(math.fsum(error**2 for error in errors)) / len(errors)
    return of_mean * (_MEDIAN_OVER_MEAN if len(errors) > 2 else 1.0)


def _median(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return median(finite) if finite else math.nan
