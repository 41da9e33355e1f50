"""Whether a baseline can be the model at an earlier step at all."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.errors import OtherModelError, printable

if TYPE_CHECKING:
    from weightgauge.scanning import Measurable

    Forms = dict[str, Counter[tuple[int, ...]]]

_RESIZED = frozenset(("embed", "head"))
"""Kinds that change their shape when tokens are added, and that may be tied or cut off."""


def check_baseline(subject: Measurable, baseline: Measurable) -> None:
    """Check that two models may be one model at two steps.

    They are not, if each has kinds of matrices that the other lacks, or if a kind that both have
    has other shapes, or another number of matrices. One of them may lack kinds, such as those that
    were not saved.

    Parameters
    ----------
    subject, baseline : CheckpointSlices or ModelHistograms
        The model, and what its drift is to be measured from; nothing is counted yet.

    Raises
    ------
    OtherModelError
        If they are not. The message says what differs.
    """
    why = _difference(_forms(subject), _forms(baseline))
    if why is not None:
        raise OtherModelError(
            f"{printable(baseline.model, limit=1000)}: is another model than "
            f"{printable(subject.model, limit=1000)}: {why}",
            hint="The baseline is the same model at an earlier step; of both, --include chooses "
            "the same tensors.",
        )


def _difference(ours: Forms, theirs: Forms) -> str | None:
    """Say what two models cannot differ in that are one; None if they may be one."""
    alone, alone_there = sorted(ours.keys() - theirs), sorted(theirs.keys() - ours)
    if alone and alone_there:
        there = f"it has {_told(theirs, alone_there[0])}"
        return f"{there}, which is not here; here {_told(ours, alone[0])} is, which it lacks"
    for kind in sorted(ours.keys() & theirs):
        if not ours[kind].keys() & theirs[kind].keys():
            return f"{_told(theirs, kind)} there, {_told(ours, kind)} here"
        here, there_are = ours[kind].total(), theirs[kind].total()
        if here != there_are:
            noun = "matrix" if there_are == 1 else "matrices"
            return f"it has {there_are:,} {noun} of kind {kind}, here there {_are(here)}"
    return None


def _are(number: int) -> str:
    return f"is {number:,}" if number == 1 else f"are {number:,}"


def _forms(subject: Measurable) -> Forms:
    """Count the shapes of the matrices of each kind."""
    from weightgauge.scanning import CheckpointSlices

    if isinstance(subject, CheckpointSlices):
        pairs = [(item.place.kind, item.shape) for item in subject.slices]
    else:
        pairs = [(item.fit.kind, item.fit.shape) for item in subject.slices]
    found: Forms = {}
    for kind, shape in pairs:
        if kind in MATRIX_KINDS and kind not in _RESIZED:
            found.setdefault(kind, Counter())[shape] += 1
    return found


def _told(forms: Forms, kind: str) -> str:
    shape = max(forms[kind], key=lambda each: (forms[kind][each], each))
    return f"{kind} {'x'.join(map(str, shape))}"
