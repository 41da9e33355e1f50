"""Whether a low-rank adapter belongs to a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from weightgauge.anatomy.bare_names import bare_names
from weightgauge.anatomy.survey import Survey, survey
from weightgauge.errors import OtherModelError, printable
from weightgauge.findings import RULES, Finding, Place
from weightgauge.wording import counted

if TYPE_CHECKING:
    from weightgauge.checkpoint import Checkpoint
    from weightgauge.scanning import ModelHistograms


_BROKEN = frozenset(("missing-part", "adapter-factors"))
"""Rules that tell of factors that make no product."""

_VOCABULARY = frozenset(("embed", "head"))
_SAVED_WHOLE = re.compile(r"\.modules_to_save(\.[^.]+)?\.(?=[^.]+$)")
"""What PEFT puts into the names of modules that are trained and saved as they are."""


def adapter_findings(model: ModelHistograms, adapter: Checkpoint) -> list[Finding]:
    """Find what of an adapter has no place in a model, or one of another shape.

    Asked are its products, and the tensors that it stores whole. Of these, one that the model does
    not have is no fault: it may be a head for another task.

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
            f"{counted(len(products), 'matrix', 'matrices')} that it changes",
            hint="Give the adapter's own base model.",
        )
    return [*found, *_unfitting_whole(known, adapter, shapes)]


def _unfitting(
    products: Mapping[str, tuple[tuple[int, ...], int | None]],
    shapes: Mapping[str, tuple[int, ...]],
) -> Iterator[Finding]:
    shape_of = _finder(shapes)
    for name, (shape, block) in products.items():
        there = shape_of(name)
        place = Place(tensor=name, block=block)
        if there is None:
            yield RULES["adapter-target"].finding(place)
        elif there != shape:
            yield RULES["adapter-shape"].finding(
                place, value=str(list(shape)), expected=str(list(there))
            )


def _unfitting_whole(
    known: Survey, adapter: Checkpoint, shapes: Mapping[str, tuple[int, ...]]
) -> Iterator[Finding]:
    """Tell of tensors that are stored whole and have another shape in the model."""
    shape_of = _finder(shapes)
    rule = RULES["adapter-shape"]
    names = bare_names([_SAVED_WHOLE.sub(".", name) for name in adapter.tensors.names])
    for row, (name, shape) in enumerate(zip(names, adapter.tensors.shapes, strict=True)):
        there = shape_of(name)
        if there is None or there == shape:
            continue
        place = known.components[row]
        # Tokens may have been added, which makes the adapter store the vocabulary whole.
        more_tokens = place.kind in _VOCABULARY and there[0] < shape[0] and there[1:] == shape[1:]
        yield rule.finding(
            Place(tensor=name, kind=place.kind, block=place.block),
            value=str(list(shape)),
            expected=str(list(there)),
            level="warning" if more_tokens else None,
            hint="tokens were added: resize the model's vocabulary before it takes the adapter"
            if more_tokens
            else None,
        )


def _finder(
    shapes: Mapping[str, tuple[int, ...]],
) -> Callable[[str], tuple[int, ...] | None]:
    """Return what finds a shape by a name of which the outermost module may be left out."""
    tops = {name.partition(".")[2]: shape for name, shape in shapes.items()}
    return lambda name: shapes.get(name) or tops.get(name) or shapes.get(name.partition(".")[2])
