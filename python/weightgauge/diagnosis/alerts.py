"""What somebody who vets a model should look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.choices import POOR_R2
from weightgauge.diagnosis.kind_diagnosis import namer
from weightgauge.diagnosis.regime import TRANSMISSION
from weightgauge.fits.pieces import wholes
from weightgauge.fits.slice_fit import slice_name
from weightgauge.magnitudes.weibull import SPARSE_SHARE
from weightgauge.records import as_row

if TYPE_CHECKING:
    from weightgauge.diagnosis.kind_diagnosis import KindDiagnosis
    from weightgauge.diagnosis.shallow_ffn import ShallowFFN
    from weightgauge.distributions import Heaviness
    from weightgauge.fits.slice_fit import SliceFit

HEAVY_KURTOSIS = 20.0
"""Kurtosis from which tails are called heavy: Gaussian weights have 3, Laplacian ones 6, and the
strongest selection that is published (a Weibull distribution of k = 0.76) 13."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to look at.

    Attributes
    ----------
    alert : str
        "outside_expected", "poor_fit", "shallow_ffn", "heavy_tails", "non_finite", "zero_heavy",
        "all_zero", "scale_not_applied" or "not_measured".
    tensor, part : str or None
        The slice; None for what is about a kind.
    kind, block, tower, expert, head
        What it is; see `weightgauge.SliceFit`.
    message : str
        The same in a sentence, with the number.
    """

    alert: str
    tensor: str | None
    part: str | None
    kind: str
    block: int | None
    tower: str | None
    expert: int | None
    head: int | None
    message: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return as_row(self)


def alerts(
    kinds: Sequence[KindDiagnosis],
    slices: Sequence[SliceFit],
    *,
    tails: Mapping[int, Heaviness],
    shallow: ShallowFFN | None,
) -> tuple[Alert, ...]:
    """Collect what to look at.

    Parameters
    ----------
    kinds : sequence of KindDiagnosis
        Of the model.
    slices : sequence of SliceFit
        Of the model.
    tails : mapping
        Tails by the identity of the `SliceFit`.
    shallow : ShallowFFN or None
        Shapes of the first gated FFNs.

    Returns
    -------
    tuple of Alert
        About kinds first, then about tensors in the order of tables.
    """
    named = namer(kinds)
    found = [alert for kind in kinds for alert in _of_kind(kind, named(kind))]
    whole = wholes(slices)
    for item in slices:
        # A tensor that is also given in parts is told of by these.
        if whole.get(item.tensor) is not item:
            low = shallow if shallow is not None and shallow.slice is item else None
            found += _of_slice(item, tails.get(id(item)), low)
    return tuple(found)


def _of_kind(kind: KindDiagnosis, name: str) -> list[Alert]:
    if kind.expected_verdict != "outside" or kind.expected is None:
        return []
    low, high = kind.expected
    where = (
        "the Transmission Class"
        if kind.expected == TRANSMISSION
        else "the range of published models with such attention"
    )
    message = f"{name}: median k {kind.k_median:.3f} lies outside {low:.2f} to {high:.2f}, {where}"
    return [Alert("outside_expected", None, None, kind.kind, None, kind.tower, None, None, message)]


def _of_slice(item: SliceFit, tails: Heaviness | None, low: ShallowFFN | None) -> list[Alert]:
    found = []

    def add(alert: str, what: str) -> None:
        found.append(
            Alert(
                alert=alert,
                tensor=item.tensor,
                part=item.part,
                kind=item.kind,
                block=item.block,
                tower=item.tower,
                expert=item.expert,
                head=item.head,
                message=f"{slice_name(item)}: {what}",
            )
        )

    if low is not None and low.regime != "A":
        add(
            "shallow_ffn",
            f"k {low.min_k:.3f} is the smallest of gate, up and down in blocks 0 to 5; regime A "
            "has at least 1.0, regime B at most 0.7",
        )
    total = item.n + item.zeros + item.nonfinite
    if item.nonfinite:
        add("non_finite", f"{item.nonfinite:,} of {total:,} elements are NaN or infinite")
    if item.status == "unsupported_dtype":
        add("not_measured", item.reason)
    if item.status == "scale_not_applied":
        add("scale_not_applied", item.reason)
    if item.kind not in MATRIX_KINDS and item.kind != "other":
        return found
    if total and item.zeros == total:
        add("all_zero", f"all {total:,} elements are zero")
    elif total and item.zeros > SPARSE_SHARE * total:
        add("zero_heavy", f"{item.zeros / total:.1%} of the elements are zero")
    if item.fitted and item.r2 < POOR_R2:
        add("poor_fit", f"R2 = {item.r2:.3f}: one Weibull distribution does not describe it")
    if tails is not None and tails.kurtosis > HEAVY_KURTOSIS:
        add(
            "heavy_tails",
            f"kurtosis {tails.kurtosis:.1f} (Gaussian 3), largest magnitude "
            f"{tails.max_q99:.1f} times the 99 % quantile",
        )
    return found
