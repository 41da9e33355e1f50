"""Results of which only some kinds are shown."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from weightgauge.errors import NothingSelectedError
from weightgauge.wording import none_of

if TYPE_CHECKING:
    from weightgauge.comparison.model_comparison import Comparison
    from weightgauge.diagnosis.record import Diagnosis
    from weightgauge.fits import ModelFit
    from weightgauge.records import Row, Table
    from weightgauge.trajectory.record import Trajectory

_Record = TypeVar("_Record", bound="Row")


def fit_of_kinds(result: ModelFit, kinds: Collection[str]) -> ModelFit:
    """Leave the slices of some kinds in a fit; all where none is named.

    Raises
    ------
    NothingSelectedError
        If there is no slice of these kinds; so for the others.
    """
    if not kinds:
        return result
    from weightgauge.fits import SliceFit
    from weightgauge.records import Table

    chosen = Table(SliceFit, (item for item in result.slices if item.kind in kinds))
    refuse_none(chosen, kinds, len(result.slices), "slice")
    return replace(result, slices=chosen, kinds=_of(result.kinds, kinds))


def comparison_of_kinds(found: Comparison, kinds: Collection[str]) -> Comparison:
    """Leave the pairs of some kinds in a comparison."""
    if not kinds:
        return found
    pairs = _of(found.pairs, kinds)
    refuse_none(pairs, kinds, len(found.pairs), "pair of slices", "pairs of slices")
    return replace(found, pairs=pairs)


def diagnosis_of_kinds(found: Diagnosis, kinds: Collection[str]) -> Diagnosis:
    """Leave the slices and tables of some kinds in a diagnosis."""
    if not kinds:
        return found
    places = [i for i, item in enumerate(found.slices) if item.kind in kinds]
    refuse_none(places, kinds, len(found.slices), "slice")
    return replace(
        found,
        kinds=_of(found.kinds, kinds),
        outliers=_of(found.outliers, kinds),
        slices=_of(found.slices, kinds),
        tails=tuple(found.tails[i] for i in places),
        balanced=tuple(found.balanced[i] for i in places),
    )


def trajectory_of_kinds(found: Trajectory, kinds: Collection[str]) -> Trajectory:
    """Leave the series of some kinds in a run."""
    if not kinds:
        return found
    slices = _of(found.slices, kinds)
    refuse_none(slices, kinds, len(found.slices), "slice")
    forces = {key: each for key, each in found.forces.items() if key[1] in kinds}
    return replace(found, slices=slices, kinds=_of(found.kinds, kinds), forces=forces)


def refuse_none(
    chosen: Collection[object], kinds: Collection[str], number: int, one: str, several: str = ""
) -> None:
    """Refuse a choice of kinds that leaves nothing of so many things.

    Raises
    ------
    NothingSelectedError
        If nothing is chosen, although there is something.
    """
    if number and not chosen:
        raise NothingSelectedError(
            f"{none_of(number, one, several)} of the kind {' or '.join(kinds)}"
        )


def _of(table: Table[_Record], kinds: Collection[str]) -> Table[_Record]:
    from weightgauge.records import Table

    return Table(table.record, (row for row in table if getattr(row, "kind", None) in kinds))
