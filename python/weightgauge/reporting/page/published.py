"""Published models as lines beside those of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from weightgauge.anatomy.components import KINDS
from weightgauge.reference import models
from weightgauge.reporting.page.short_numbers import rounded, rounded_all

if TYPE_CHECKING:
    from weightgauge.diagnosis.record import Diagnosis


class Medians(NamedTuple):
    """Median k of the kinds of one model.

    Attributes
    ----------
    label : str
        What to call the model.
    k, error : mapping of str to float
        Median and its standard error by kind.
    """

    label: str
    k: Mapping[str, float]
    error: Mapping[str, float]


_NOTE = (
    "Median k of each kind of matrix, before {number} published models (arXiv:2605.18898, by its "
    "protocol of 1,024 bins). {nearest}Another line does not mean that something is wrong: "
    "families of models differ."
)


def medians_of(found: Diagnosis, label: str) -> Medians:
    """Return the medians of the kinds of a model that published models are compared by."""
    towers = [kind.tower for kind in found.kinds if kind.kind in found.nearest_kinds]
    tower = towers[0] if towers else None
    kinds = [
        each for each in found.kinds if each.kind in found.nearest_kinds and each.tower == tower
    ]
    return Medians(
        label,
        {each.kind: each.k_median for each in kinds},
        {each.kind: each.k_se for each in kinds},
    )


def published_of(mine: Sequence[Medians], nearest: Sequence[str]) -> dict[str, Any] | None:
    """Return the lines of published models behind those of models that were measured.

    Parameters
    ----------
    mine : sequence of Medians
        The models that were measured.
    nearest : sequence of str
        Ids of published models whose lines are set off.

    Returns
    -------
    dict or None
        None where no two kinds are in common with any.
    """
    own = {kind for each in mine for kind in each.k}
    kinds = [kind for kind in KINDS if kind in own]
    beside = {
        name: [entry.kinds[kind].k if kind in entry.kinds else None for kind in kinds]
        for name, entry in models().items()
    }
    beside = {name: k for name, k in beside.items() if sum(each is not None for each in k) > 1}
    if len(kinds) < 2 or not beside:
        return None
    near = [name for name in nearest if name in beside][:1]
    return {
        "kinds": kinds,
        "mine": [
            {
                "label": each.label,
                "k": [rounded(each.k.get(kind)) for kind in kinds],
                "error": [rounded(each.error.get(kind)) for kind in kinds],
            }
            for each in mine
        ],
        "models": [
            {"id": name, "k": rounded_all(k), "near": name in near} for name, k in beside.items()
        ],
        "note": _NOTE.format(
            number=len(beside), nearest=f"The nearest is {near[0]}. " if near else ""
        ),
    }
