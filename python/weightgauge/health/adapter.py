"""Whether a low-rank adapter belongs to a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from weightgauge.anatomy.bare_names import bare_names
from weightgauge.anatomy.survey import survey
from weightgauge.errors import OtherModelError, printable
from weightgauge.findings import RULES, Finding, Place

if TYPE_CHECKING:
    from weightgauge.checkpoint import Checkpoint
    from weightgauge.scanning import ModelHistograms


_BROKEN = frozenset(("missing-part", "adapter-factors"))
"""Rules that tell of factors that make no product."""


def adapter_findings(model: ModelHistograms, adapter: Checkpoint) -> list[Finding]:
    """Find the products of an adapter that have no matrix of their shape in a model.

    Parameters
    ----------
    model : ModelHistograms
        The model that the adapter is to change.
    adapter : Checkpoint
        The opened adapter.

    Returns
    -------
    list of Finding

    Raises
    ------
    OtherModelError
        If it is no adapter, or none of its products has a matrix in the model.
    """
    known = survey(adapter)
    adapted = known.adapted
    shown = printable(adapter.model)
    if not adapted and any(each.id in _BROKEN for each in known.findings):
        return []  # an adapter without a single whole pair: its own findings tell
    if not adapted:
        raise OtherModelError(
            f"{shown}: holds no low-rank factors, so it is no adapter",
            hint="Compare whole models with --against.",
        )
    names = bare_names([row["tensor"] for row in model.tensors])
    shapes = {name: tuple(row["shape"]) for name, row in zip(names, model.tensors, strict=True)}
    products = {each.weight: (each.stored.shape, place.block) for each, place in adapted}
    found = list(_unfitting(products, shapes))
    if sum(each.id == "adapter-target" for each in found) == len(products):
        raise OtherModelError(
            f"{shown} is an adapter of another model: {printable(model.model)} has none of the "
            f"{len(products):,} matrices that it changes",
            hint="Give the adapter's own base model.",
        )
    return found


def _unfitting(
    products: Mapping[str, tuple[tuple[int, ...], int | None]],
    shapes: Mapping[str, tuple[int, ...]],
) -> Iterator[Finding]:
    tops = {name.partition(".")[2]: shape for name, shape in shapes.items()}
    for name, (shape, block) in products.items():
        there = shapes.get(name) or tops.get(name) or shapes.get(name.partition(".")[2])
        place = Place(tensor=name, block=block)
        if there is None:
            yield RULES["adapter-target"].finding(place)
        elif there != shape:
            yield RULES["adapter-shape"].finding(
                place, value=str(list(shape)), expected=str(list(there))
            )
