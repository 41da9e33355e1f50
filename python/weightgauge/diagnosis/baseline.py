"""Whether a baseline can be the model at an earlier step at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightgauge.errors import OtherModelError, printable

if TYPE_CHECKING:
    from weightgauge.scanning import Measurable

_NOT_COMPARED = frozenset(("norm", "bias"))
_SHOWN = 3


def check_baseline(subject: Measurable, baseline: Measurable) -> None:
    """Check that two models have a matrix of one kind and shape in common.

    Parameters
    ----------
    subject, baseline : CheckpointSlices or ModelHistograms
        The model, and what its drift is to be measured from; nothing is counted yet.

    Raises
    ------
    OtherModelError
        If they have none, although each has matrices. The message says what each has.
    """
    ours, theirs = _forms(subject), _forms(baseline)
    if ours and theirs and not ours & theirs:
        raise OtherModelError(
            f"{printable(baseline.model, limit=1000)}: is another model than "
            f"{printable(subject.model, limit=1000)}: no kind of matrix has the same shape in both "
            f"({_told(theirs)}; here {_told(ours)})",
            hint="The baseline is the same model at an earlier step.",
        )


def _forms(subject: Measurable) -> set[tuple[str, tuple[int, ...]]]:
    from weightgauge.scanning import CheckpointSlices

    if isinstance(subject, CheckpointSlices):
        found = {(item.place.kind, item.shape) for item in subject.slices}
    else:
        found = {(item.fit.kind, item.fit.shape) for item in subject.slices}
    return {(kind, shape) for kind, shape in found if kind not in _NOT_COMPARED}


def _told(forms: set[tuple[str, tuple[int, ...]]]) -> str:
    named = sorted(forms, key=lambda form: (form[0] == "other", form))[:_SHOWN]
    return ", ".join(f"{kind} {'x'.join(map(str, shape))}" for kind, shape in named)
