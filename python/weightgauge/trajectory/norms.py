"""Which kinds of matrices kept their norms, and which did not change at all."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.findings import Finding

if TYPE_CHECKING:
    from weightgauge.trajectory.kind_sizes import KindKey
    from weightgauge.trajectory.series import KindSeries, SliceSeries
    from weightgauge.trajectory.settings import RunSettings

HELD_SHARE = 0.002
"""How far a root mean square may be from its start to be called held: rounding to BF16 moves that
of a matrix by far less, and training by far more."""

_FEWEST = 3


def held_norms(slices: Sequence[SliceSeries]) -> set[KindKey]:
    """Return the kinds whose matrices change while their norms do not.

    Parameters
    ----------
    slices : sequence of SliceSeries
        Of a run.

    Returns
    -------
    set of (tower, kind)
        Those of which every matrix has a root mean square within 0.2 % of its start at each of
        three steps or more, and one has not the same k throughout.
    """
    found = set()
    for key, members in _by_kind(slices).items():
        steps = max(len(_known(item.rms)) for item in members)
        moves = any(len(set(_known(item.k))) > 1 for item in members)
        if steps >= _FEWEST and moves and all(_is_held(_known(item.rms)) for item in members):
            found.add(key)
    return found


def norm_findings(
    kinds: Sequence[KindSeries], slices: Sequence[SliceSeries], settings: RunSettings
) -> list[Finding]:
    """Tell which kinds keep their norm, and which are the same at all steps.

    Parameters
    ----------
    kinds, slices : sequence
        Of a run.
    settings : RunSettings
        Of the run.

    Returns
    -------
    list of Finding
    """
    found = []
    optimizer = settings.known_optimizer
    held = [kind.kind for kind in kinds if kind.norm_held]
    if held or (optimizer is not None and optimizer.norm_held):
        how = "as measured" if held else "by its optimiser"
        of = f": {', '.join(dict.fromkeys(held))}" if held else ""
        found.append(
            Finding(
                id="norm-held",
                level="note",
                message=f"norm held constant, {how}{of}; lambda is not to go with sqrt(eta/wd)",
            )
        )
    frozen = [
        kind
        for (_, kind), members in _by_kind(slices).items()
        if all(len(_known(i.k)) > 1 and len(set(_known(i.k))) == 1 for i in members)
        and all(len(set(_known(item.rms))) == 1 for item in members)
    ]
    if frozen:
        names = ", ".join(dict.fromkeys(frozen))
        found.append(
            Finding(id="unchanged", level="note", message=f"the same at all steps: {names}")
        )
    return found


def _by_kind(slices: Sequence[SliceSeries]) -> dict[KindKey, list[SliceSeries]]:
    members: dict[KindKey, list[SliceSeries]] = defaultdict(list)
    for item in slices:
        if item.kind in MATRIX_KINDS and _known(item.k):
            members[item.tower, item.kind].append(item)
    return members


def _known(values: Sequence[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]


def _is_held(rms: Sequence[float]) -> bool:
    return all(abs(value / rms[0] - 1) <= HELD_SHARE for value in rms) if rms[0] > 0 else False
