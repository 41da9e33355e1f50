"""The pairing of the slices of two models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.scanning import SavedSlice

_Place = tuple[str | None, str, int | None, int | None, int | None]


class Match(NamedTuple):
    """Two slices that are the same part of two models.

    Attributes
    ----------
    a, b : SavedSlice
        The slice of each model.
    by_name : bool
        Whether tensor and part have the same names. If not, the two were matched by kind and place.
    """

    a: SavedSlice
    b: SavedSlice
    by_name: bool


class Matches(NamedTuple):
    """The slices of two models, paired.

    Attributes
    ----------
    pairs : list of Match
        In the order of the first model's tables.
    only_a, only_b : list of str
        Tensors without a slice that has a counterpart.
    """

    pairs: list[Match]
    only_a: list[str]
    only_b: list[str]


def matched(a: Sequence[SavedSlice], b: Sequence[SavedSlice]) -> Matches:
    """Pair the slices of two models.

    Slices are first matched by the names of tensor and part. The matrices that are left over are
    matched by tower, kind, block, expert and head, where exactly one of each model is there. So the
    q of a fused tensor meets a q that is a tensor of its own. Products of low-rank factors are
    matched by name only, because an update is another quantity than the weight that it changes.

    Parameters
    ----------
    a, b : sequence of SavedSlice
        All slices of the two models.

    Returns
    -------
    Matches
    """
    of_b = {each.fit.key: each for each in b}
    by_name = {each.fit.key: of_b[each.fit.key] for each in a if each.fit.key in of_b}
    left_a = _by_place(each for each in a if each.fit.key not in by_name)
    left_b = _by_place(each for each in b if each.fit.key not in by_name)
    pairs = []
    for each in a:
        if each.fit.key in by_name:
            pairs.append(Match(each, by_name[each.fit.key], True))
            continue
        candidates = left_b.get(_place(each), [])
        if len(candidates) == 1 and left_a.get(_place(each), []) == [each]:
            pairs.append(Match(each, candidates[0], False))
    return Matches(
        pairs,
        _unpaired(a, {pair.a.fit.tensor for pair in pairs}),
        _unpaired(b, {pair.b.fit.tensor for pair in pairs}),
    )


def _by_place(slices: Iterable[SavedSlice]) -> dict[_Place, list[SavedSlice]]:
    places: dict[_Place, list[SavedSlice]] = defaultdict(list)
    for each in slices:
        if each.fit.kind in MATRIX_KINDS and not each.fit.is_product:
            places[_place(each)].append(each)
    return places


def _place(each: SavedSlice) -> _Place:
    fit = each.fit
    return fit.tower, fit.kind, fit.block, fit.expert, fit.head


def _unpaired(slices: Sequence[SavedSlice], paired: set[str]) -> list[str]:
    return list(dict.fromkeys(each.fit.tensor for each in slices if each.fit.tensor not in paired))
