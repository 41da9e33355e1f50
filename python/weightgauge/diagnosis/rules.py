"""The rules that decide what somebody who vets a model should look at, as tables.

A rule asks one question about one subject, which is a finished record: no rule reads weights. Its
words are filled with the evidence that the question returns. To add a rule, write its question and
give it a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.choices import POOR_R2
from weightgauge.diagnosis.regime import TRANSMISSION
from weightgauge.magnitudes.weibull import SPARSE_SHARE

if TYPE_CHECKING:
    from weightgauge.diagnosis.kind_diagnosis import KindDiagnosis
    from weightgauge.diagnosis.shallow_ffn import ShallowFFN
    from weightgauge.distributions import Heaviness
    from weightgauge.fits.slice_fit import SliceFit

HEAVY_KURTOSIS = 20.0
"""Kurtosis from which tails are called heavy. Gaussian weights have 3, Laplacian ones 6, and the
strongest selection that is published (a Weibull distribution of k = 0.76) has 13."""

FAULT, WARNING, NOTE = "fault", "warning", "note"
"""Levels. A working model has no fault; a person should look at a warning; a note needs no act."""


class JudgedKind(NamedTuple):
    """A kind of matrix, and what sentences call it."""

    kind: KindDiagnosis
    name: str


class JudgedSlice(NamedTuple):
    """A slice with everything that rules ask about.

    Attributes
    ----------
    fit : SliceFit
        The slice.
    tails : Heaviness or None
        Its tails; None for norms, biases and slices without counts.
    shallow : ShallowFFN or None
        The finding about the first gated FFNs, if it is about this slice.
    """

    fit: SliceFit
    tails: Heaviness | None
    shallow: ShallowFFN | None

    @property
    def elements(self) -> int:
        """Number of elements that were counted."""
        return self.fit.n + self.fit.zeros + self.fit.nonfinite

    @property
    def may_be_matrix(self) -> bool:
        """Whether the slice is a weight matrix, or of no known kind."""
        return self.fit.kind in MATRIX_KINDS or self.fit.kind == "other"


class Evidence(NamedTuple):
    """Why a rule applies.

    Attributes
    ----------
    value : object
        What was found.
    expected : object
        What a healthy model has instead; None where no single number says it.
    details : mapping of str to object
        Whatever else the words need.
    """

    value: object
    expected: object = None
    details: Mapping[str, object] = MappingProxyType({})


_Judged = TypeVar("_Judged", JudgedKind, JudgedSlice)


@dataclass(frozen=True, slots=True)
class Rule(Generic[_Judged]):
    """One row of a table of rules.

    Attributes
    ----------
    id : str
        Stable name.
    level : str
        "fault", "warning" or "note".
    asks : callable
        Takes a subject and returns the evidence, or None where the rule does not apply.
    words : str
        The message: a format string for the fields of the evidence.
    several : str
        What the summary says that several tensors have; empty for a rule that it does not count.
    """

    id: str
    level: str
    asks: Callable[[_Judged], Evidence | None]
    words: str
    several: str = ""

    def message(self, subject: _Judged) -> str | None:
        """Return the message about a subject, or None where the rule does not apply."""
        found = self.asks(subject)
        if found is None:
            return None
        return self.words.format(value=found.value, expected=found.expected, **found.details)


def _outside_expected(subject: JudgedKind) -> Evidence | None:
    kind = subject.kind
    if kind.expected_verdict != "outside" or kind.expected is None:
        return None
    where = (
        "the Transmission Class"
        if kind.expected == TRANSMISSION
        else "the range of published models with such attention"
    )
    return Evidence(kind.k_median, kind.expected, {"name": subject.name, "where": where})


def _shallow_ffn(subject: JudgedSlice) -> Evidence | None:
    found = subject.shallow
    return None if found is None or found.regime == "A" else Evidence(found.min_k, 1.0)


def _non_finite(subject: JudgedSlice) -> Evidence | None:
    number = subject.fit.nonfinite
    return Evidence(number, 0, {"elements": subject.elements}) if number else None


def _not_measured(subject: JudgedSlice) -> Evidence | None:
    fit = subject.fit
    return Evidence(fit.reason) if fit.status == "unsupported_dtype" else None


def _scale_not_applied(subject: JudgedSlice) -> Evidence | None:
    fit = subject.fit
    return Evidence(fit.reason) if fit.status == "scale_not_applied" else None


def _all_zero(subject: JudgedSlice) -> Evidence | None:
    zeros = subject.fit.zeros
    found = subject.may_be_matrix and 0 < zeros == subject.elements
    return Evidence(zeros, 0) if found else None


def _zero_heavy(subject: JudgedSlice) -> Evidence | None:
    zeros, elements = subject.fit.zeros, subject.elements
    found = subject.may_be_matrix and SPARSE_SHARE * elements < zeros < elements
    return Evidence(zeros / elements, SPARSE_SHARE) if found else None


def _poor_fit(subject: JudgedSlice) -> Evidence | None:
    fit = subject.fit
    found = subject.may_be_matrix and fit.fitted and fit.r2 < POOR_R2
    return Evidence(fit.r2, POOR_R2) if found else None


def _heavy_tails(subject: JudgedSlice) -> Evidence | None:
    tails = subject.tails
    if tails is None or not subject.may_be_matrix or not tails.kurtosis > HEAVY_KURTOSIS:
        return None
    return Evidence(tails.kurtosis, 3.0, {"max_q99": tails.max_q99})


KIND_RULES: tuple[Rule[JudgedKind], ...] = (
    Rule(
        "outside_expected",
        NOTE,
        _outside_expected,
        "{name}: median k {value:.3f} lies outside {expected[0]:.2f} to {expected[1]:.2f}, {where}",
    ),
)
"""Rules about the matrices of one kind, in the order of their alerts."""

SLICE_RULES: tuple[Rule[JudgedSlice], ...] = (
    Rule(
        "shallow_ffn",
        WARNING,
        _shallow_ffn,
        "k {value:.3f} is the smallest of gate, up and down in blocks 0 to 5; regime A has at "
        "least {expected:.1f}, regime B at most 0.7",
    ),
    Rule(
        "non_finite",
        FAULT,
        _non_finite,
        "{value:,} of {elements:,} elements are NaN or infinite",
        several="NaN or infinite elements",
    ),
    Rule("not_measured", WARNING, _not_measured, "{value}"),
    Rule("scale_not_applied", WARNING, _scale_not_applied, "{value}"),
    Rule(
        "all_zero",
        FAULT,
        _all_zero,
        "all {value:,} elements are zero",
        several="nothing but zeros",
    ),
    Rule(
        "zero_heavy",
        WARNING,
        _zero_heavy,
        "{value:.1%} of the elements are zero",
        several=f"more than {100 * SPARSE_SHARE:.0f} % zeros",
    ),
    Rule(
        "poor_fit",
        NOTE,
        _poor_fit,
        "R2 = {value:.3f}: one Weibull distribution does not describe it",
        several=f"R2 below {POOR_R2}",
    ),
    Rule(
        "heavy_tails",
        NOTE,
        _heavy_tails,
        "kurtosis {value:.1f} (Gaussian {expected:.0f}), largest magnitude {max_q99:.1f} times "
        "the 99 % quantile",
        several=f"heavy tails (kurtosis above {HEAVY_KURTOSIS:.0f})",
    ),
)
"""Rules about one slice, in the order of their alerts."""
