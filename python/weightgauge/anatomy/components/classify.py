"""Classify tensors by their names: the kind of weight, and its place in the model."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import lru_cache
from itertools import compress
from typing import NamedTuple

from weightgauge.anatomy.components.component import Component, Components
from weightgauge.anatomy.components.names import ends_with, leaf, stem, without
from weightgauge.anatomy.components.places import places_of
from weightgauge.anatomy.components.siblings import (
    FAMILIES_BY_LEAF,
    LOOKED_FOR,
    NAMED_BY_LEAF,
    Siblings,
)
from weightgauge.anatomy.components.table import HEAD_LIKE_EMBED
from weightgauge.anatomy.components.tensor_facts import TensorFacts, TensorLike
from weightgauge.anatomy.components.vocabulary import BIAS, NORM, NORM_WEIGHT, ROOT
from weightgauge.categorical import alike, by_code, categorical, first_places
from weightgauge.checkpoint.tensors import Tensors

_MOST_LAST = 256
"""Last components of names that are kept."""

_LEAVES_OF_KINDS = LOOKED_FOR.union(NAMED_BY_LEAF, FAMILIES_BY_LEAF, HEAD_LIKE_EMBED)
"""Last components of the paths that may be those of matrices of a kind, or of their neighbours."""

_MOST_TAKEN_OFF = 3
"""Components that `stem` takes off the end of a name, at most."""

_MOST_KNOWN = 1 << 16
"""Kinds that are kept for other tensors of the same template."""


class Classified(NamedTuple):
    """What every tensor of a checkpoint is.

    Attributes
    ----------
    components : Components
        One per tensor, in the order of the tensors.
    forms : array of int
        The same number for tensors of one form: their names differ in the numbers of blocks and
        experts alone, and tower, shape and dtype are the same. What does not depend on these
        numbers needs to be found out for one tensor of each form only.
    """

    components: Components
    forms: array[int]


def classify(tensors: Sequence[TensorLike]) -> list[Component]:
    """Classify every tensor of a checkpoint.

    Pass all tensors of the checkpoint at once, because in some families the neighbours of a tensor
    decide what it is.

    Parameters
    ----------
    tensors : sequence of TensorInfo
        Anything with `name`, `shape` and `dtype`.

    Returns
    -------
    list of Component
        One per tensor, in the same order.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> weight = SimpleNamespace(
    ...     name="model.layers.11.self_attn.q_proj.weight", shape=(64, 64), dtype="BF16"
    ... )
    >>> classify([weight])[0].kind, classify([weight])[0].block
    ('q', 11)
    """
    return list(classify_by_form(tensors).components)


def classify_by_form(tensors: Sequence[TensorLike]) -> Classified:
    """Classify every tensor as `classify` does, and say which tensors are of one form."""
    facts = TensorFacts.of(tensors)
    outlines = tensors.outlines if isinstance(tensors, Tensors) else None
    places = places_of(facts.names, outlines)
    forms = alike(places.numbers, places.towers, facts.shapes, facts.dtypes)
    firsts = first_rows(forms)
    kinds = _kinds(places.templates_of(firsts), facts.take(firsts))
    components = Components(
        by_code(kinds, forms),
        categorical(places.blocks),
        categorical(places.towers),
        categorical(places.experts),
    )
    return Classified(components, forms)


def first_rows(forms: Sequence[int]) -> list[int]:
    """Return the place of the first tensor of each form, ascending."""
    return first_places(forms)


def numbers_of_forms(forms: Sequence[int]) -> list[int]:
    """Return how many tensors are of each form, of which negative ones are left out.

    A list takes a tenth of the memory of a `Counter`: most tensors may be the only ones of theirs.
    """
    import numpy as np

    every = np.asarray(forms)
    numbers: list[int] = np.bincount(every[every >= 0]).tolist()
    return numbers


def _kinds(templates: Sequence[str], tensors: TensorFacts) -> list[str]:
    """Tell the kind of each form, by its template and a tensor of that form."""
    names, shapes, dtypes = tensors
    # Of a million names without a pattern nearly all end as no matrix of any kind does.
    asked = [_may_have_kind(template) for template in templates]
    siblings = Siblings(compress(zip(templates, shapes, strict=True), asked))
    # Template and rank decide: a hostile file could have any number of shapes.
    known: dict[tuple[str, int], str | None] = {}
    kinds = []
    for name, template, shape, dtype, is_asked in zip(
        names, templates, shapes, dtypes, asked, strict=True
    ):
        kind = None
        if is_asked and len(shape) >= 2:
            key = (template, len(shape))
            if key not in known:
                if len(known) == _MOST_KNOWN:
                    known.clear()
                known[key] = _matrix_kind(template, shape, siblings)
            kind = known[key]
        kinds.append(kind or _vector_kind(name, len(shape), dtype))
    return kinds


def _may_have_kind(template: str) -> bool:
    """Tell whether any table may have the last component of a template's path.

    `stem` takes three components off at most.
    """
    return not _LEAVES_OF_KINDS.isdisjoint(template.rsplit(".", _MOST_TAKEN_OFF + 1))


def _matrix_kind(template: str, shape: tuple[int, ...], siblings: Siblings) -> str | None:
    path = stem(template)
    if path is None:
        return None
    return _named_kind(path) or _family_kind(path, siblings) or _head_kind(path, shape, siblings)


def _named_kind(path: str) -> str | None:
    return next(
        (kind for tail, kind in NAMED_BY_LEAF.get(leaf(path), ()) if ends_with(path, tail)), None
    )


def _family_kind(path: str, siblings: Siblings) -> str | None:
    for family in FAMILIES_BY_LEAF.get(leaf(path), ()):
        for tail, kind in family.kinds.items():
            prefix = without(path, tail)
            if prefix is not None and siblings.fit(family, prefix):
                return kind
    return None


def _head_kind(path: str, shape: tuple[int, ...], siblings: Siblings) -> str | None:
    top, _, last = path.rpartition(".")
    at_end = last in HEAD_LIKE_EMBED and top in ROOT
    return "head" if at_end and siblings.is_head(last, shape) else None


def _vector_kind(name: str, rank: int, dtype: str) -> str:
    """Recognise the weights of norms and the biases; everything else is "other"."""
    path, _, last = name.rpartition(".")
    if _is_bias(last):
        # Attention masks are also stored as `bias`. They have more dimensions than a bias, or hold
        # truth values.
        mask = rank > 2 or (rank == 2 and dtype in ("BOOL", "U8"))
        return "other" if mask else "bias"
    if rank > 2 or last not in NORM_WEIGHT:
        return "other"
    owner = leaf(path)
    if owner.isdecimal():  # in `norms.3.weight` the owner stands before the number
        owner = next((each for each in path.rsplit(".", 2)[::-1] if not each.isdecimal()), "")
    return "norm" if NORM.search(owner) else "other"


@lru_cache(_MOST_LAST)
def _is_bias(last: str) -> bool:
    """Tell by the last component of a name, of which there are few different ones."""
    return BIAS.search(last) is not None and last != "masked_bias"
