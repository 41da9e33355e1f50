"""What somebody who vets a model should look at: the rules, applied to its kinds and slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightgauge.diagnosis.kind_diagnosis import namer
from weightgauge.diagnosis.rules import KIND_RULES, SLICE_RULES, JudgedKind, JudgedSlice
from weightgauge.findings import slice_name
from weightgauge.fits.pieces import wholes
from weightgauge.records import Table, as_row

if TYPE_CHECKING:
    from weightgauge.diagnosis.kind_diagnosis import KindDiagnosis
    from weightgauge.diagnosis.shallow_ffn import ShallowFFN
    from weightgauge.distributions import Heaviness
    from weightgauge.fits.slice_fit import SliceFit


@dataclass(frozen=True, slots=True, repr=False)
class Alert:
    """One thing to look at.

    Attributes
    ----------
    alert : str
        Id of the rule; see `weightgauge.diagnosis.rules`.
    tensor, part : str or None
        The slice; None for an alert about a kind.
    kind, block, tower, expert, head
        Kind and place of the slice, see `weightgauge.SliceFit`; of a kind only its kind and tower.
    message : str
        The alert in a sentence, with its numbers.
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

    def __repr__(self) -> str:
        """Show the rule and the start of the message."""
        message = self.message if len(self.message) <= 80 else f"{self.message[:77]}..."
        return f"<Alert {self.alert}: {message}>"


def alerts(
    kinds: Sequence[KindDiagnosis],
    slices: Sequence[SliceFit],
    *,
    tails: Mapping[int, Heaviness],
    shallow: ShallowFFN | None,
) -> Table[Alert]:
    """Apply all rules to a model.

    Parameters
    ----------
    kinds : sequence of KindDiagnosis
        Kinds of the model.
    slices : sequence of SliceFit
        Slices of the model.
    tails : mapping
        Tails by the identity of the `SliceFit`.
    shallow : ShallowFFN or None
        Shapes of the first gated FFNs.

    Returns
    -------
    Table of Alert
        Alerts about kinds first, then alerts about slices in the order of tables.
    """
    named = namer(kinds)
    found = [alert for kind in kinds for alert in _about_kind(JudgedKind(kind, named(kind)))]
    whole = wholes(slices)
    for item in slices:
        # Of a tensor that is also given in parts, only the parts are judged.
        if whole.get(item.tensor) is not item:
            low = shallow if shallow is not None and shallow.slice is item else None
            found += _about_slice(JudgedSlice(item, tails.get(id(item)), low))
    return Table(Alert, found)


def _about_kind(subject: JudgedKind) -> list[Alert]:
    kind = subject.kind
    return [
        Alert(rule.id, None, None, kind.kind, None, kind.tower, None, None, message)
        for rule in KIND_RULES
        if (message := rule.message(subject)) is not None
    ]


def _about_slice(subject: JudgedSlice) -> list[Alert]:
    fit = subject.fit
    return [
        Alert(
            alert=rule.id,
            tensor=fit.tensor,
            part=fit.part,
            kind=fit.kind,
            block=fit.block,
            tower=fit.tower,
            expert=fit.expert,
            head=fit.head,
            message=f"{slice_name(fit)}: {message}",
        )
        for rule in SLICE_RULES
        if (message := rule.message(subject)) is not None
    ]
