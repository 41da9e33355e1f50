"""Whether matrices look as they were initialised."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from weightgauge.distributions.anchors import init_anchor
from weightgauge.findings import RULES, Finding
from weightgauge.fits.slice_numbers import row_length

if TYPE_CHECKING:
    from weightgauge.diagnosis.slice_group import SliceGroup
    from weightgauge.distributions import Heaviness
    from weightgauge.fits.slice_fit import SliceFit

_REACH = 4.0
"""Standard errors within which k and kurtosis are those of an initialisation: one fresh matrix in
sixteen thousand lies beyond."""

_BEYOND = 1 / 16_000
"""Share of fresh matrices whose rows, or columns, are to be beyond the reach of `fresh_z`."""

_MOST_LINES = 64
"""Rows that the sample of a matrix has at least, if the matrix has them."""

_FEWEST = 4096
"""Elements below which trained matrices cannot be told from fresh ones."""

_MOST_FRESH = 0.9
"""Share of the matrices from which on the whole model is called untrained."""
_FEW_FRESH = 0.2
"""Share of the matrices up to which single ones are told of: in many a model, whole kinds stay near
their initialisation."""
_CLEARLY = 2.0
"""How many times the reach the kurtosis of a matrix that was clearly trained is off."""


class _Start(NamedTuple):
    """An initialisation: its shape, its kurtosis, and the fourth power's own spread.

    Attributes
    ----------
    name : str
        As in `weightgauge.diagnosis.init_anchor`.
    k : float
        Weibull shape.
    kurtosis : float
        E[w^4]/E[w^2]^2.
    error : float
        Standard error of the measured kurtosis, times the root of the number of elements.
    """

    name: str
    k: float
    kurtosis: float
    error: float


def fresh_findings(
    groups: Sequence[SliceGroup], tails: Mapping[int, Heaviness]
) -> Iterator[Finding]:
    """Tell of a model that was never trained, or of matrices in it that were not.

    A matrix looks fresh if its shape and its kurtosis are those of one of four initialisations
    within their errors for independent weights, and if its rows and columns differ no more than
    those of independent weights do (`fresh_reach`). Training gives rows and columns scales of
    their own. They are seen long before the kurtosis shows them: see
    `weightgauge.SliceFit.fresh_z`.

    Parameters
    ----------
    groups : sequence of SliceGroup
        Matrices by kind and tower. The updates of adapters are not judged.
    tails : mapping
        Tails by the identity of the `SliceFit`.
    """
    judged = [
        item
        for group in groups
        if not group.updates
        for item in group.slices
        if item.n >= _FEWEST and id(item) in tails
    ]
    fresh = [(item, start) for item in judged if (start := _start_of(item, tails[id(item)]))]
    if not fresh:
        return
    share = len(fresh) / len(judged)
    if share >= _MOST_FRESH:
        names = ", ".join(sorted({start.name for _, start in fresh}))
        yield RULES["never-trained"].finding(
            level="note",
            value=len(fresh),
            expected=0,
            what=f"the model looks untrained: {_share(len(fresh), len(judged))} the shape and the "
            f"tails of a fresh initialisation ({names})",
        )
    elif share <= _FEW_FRESH:
        trained = Counter(
            (item.tower, item.kind) for item in judged if _is_trained(item, tails[id(item)])
        )
        kinds = Counter((item.tower, item.kind) for item in judged)
        for item, start in fresh:
            key = item.tower, item.kind
            if trained[key] < kinds[key] - 1:
                continue  # others of its kind are as near to a fresh matrix
            yield RULES["never-trained"].finding(
                item.place,
                value=item.k,
                expected=start.k,
                what=f"looks as it was initialised ({start.name}, k {item.k:.3f}), while most "
                "matrices of the model look trained",
            )


def _start_of(item: SliceFit, tails: Heaviness) -> _Start | None:
    """Return the initialisation that a matrix looks like; None where it looks trained."""
    if item.fresh_z > fresh_reach(item):
        return None
    root = math.sqrt(item.n)
    for start in _starts():
        near = abs(item.k - start.k) <= _REACH * item.k_se
        alike = abs(tails.kurtosis - start.kurtosis) <= _REACH * start.error / root
        if near and alike:
            return start
    return None


def fresh_reach(item: SliceFit) -> float:
    """Return the `fresh_z` beyond which a matrix was trained.

    F of few rows is skewed: of fresh matrices of 8 rows, one in 390 has z above 4. The limit is the
    quantile of F for the fewer of rows and columns, so that at most one fresh matrix in 8,000 lies
    beyond. There are so many other degrees of freedom that F is a chi square over its own.

    Parameters
    ----------
    item : SliceFit
        The matrix, of two or more rows and columns.

    Returns
    -------
    float
        4.67 from 64 rows and columns on; 6.41 for 8 of the one, and 10.6 for 2.
    """
    columns = row_length(item.shape, item.kind)
    rows = math.prod(item.shape) // columns
    return _quantile(max(2, min(rows, columns, _MOST_LINES)))


@cache
def _quantile(lines: int) -> float:
    from scipy.special import chdtri  # type: ignore[import-untyped]

    freedom = lines - 1
    f = float(chdtri(freedom, _BEYOND)) / freedom
    return (f - 1) / math.sqrt(2 / freedom)


def _is_trained(item: SliceFit, tails: Heaviness) -> bool:
    """Whether rows, columns or tails are clearly those of no initialisation."""
    if item.fresh_z > _CLEARLY * fresh_reach(item):
        return True
    root = math.sqrt(item.n)
    return all(
        abs(tails.kurtosis - start.kurtosis) > _CLEARLY * _REACH * start.error / root
        for start in _starts()
    )


@cache
def _starts() -> list[_Start]:
    truncated = _truncated_normal_moments(2.0)
    return [
        _made("normal", (1.0, 3.0, 15.0, 105.0)),
        _made("uniform", (1 / 3, 1 / 5, 1 / 7, 1 / 9)),
        _made("truncated normal", truncated),
    ]


def _made(name: str, moments: tuple[float, float, float, float]) -> _Start:
    """Make an initialisation of E[w^2], E[w^4], E[w^6] and E[w^8].

    The error is that of a ratio of means by the delta method: with m_j = E[w^j], the influence of
    an element on m_4/m_2^2 is w^4/m_2^2 - 2 m_4 w^2/m_2^3 + m_4/m_2^2.
    """
    m2, m4, m6, m8 = moments
    slope = 2 * m4 / m2
    variance = (m8 - m4**2) - 2 * slope * (m6 - m4 * m2) + slope**2 * (m4 - m2**2)
    return _Start(name, init_anchor(name).k, m4 / m2**2, math.sqrt(variance) / m2**2)


def _truncated_normal_moments(cut: float) -> tuple[float, float, float, float]:
    """Return the even moments, by m_j = (j - 1) m_(j-2) - 2 cut^(j-1) phi(cut)/P(|w| < cut)."""
    density = math.exp(-(cut**2) / 2) / math.sqrt(2 * math.pi) / math.erf(cut / math.sqrt(2))
    moments = [1.0]
    for order in (2, 4, 6, 8):
        moments.append((order - 1) * moments[-1] - 2 * cut ** (order - 1) * density)
    _, m2, m4, m6, m8 = moments
    return m2, m4, m6, m8


def _share(fresh: int, of: int) -> str:
    if of == 1:
        return "its only matrix has"
    return f"{fresh:,} of {of:,} matrices {'has' if fresh == 1 else 'have'}"
