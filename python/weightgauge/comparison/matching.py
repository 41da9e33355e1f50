"""The pairing of the slices of two models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from weightgauge.anatomy.bare_names import bare_names, without_top
from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.anatomy.slice_key import SliceKey
from weightgauge.anatomy.storage import weight_names
from weightgauge.scanning import SavedSlice

_Place = tuple[str | None, str, int | None, int | None, int | None]


class Match(NamedTuple):
    """Two slices that are the same part of two models.

    Attributes
    ----------
    a, b : SavedSlice
        The slice of each model.
    by_name : bool
        Whether tensor and part have the same names, or would have without wrappers, the name of
        the model's top, and what a quantiser calls packed weights. If not, the two were matched by
        kind and place.
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

    Slices are first matched by the names of tensor and part, then by these names without what
    wrappers of modules, the top of a model and quantisers add to them. The matrices that are left
    over are matched by tower, kind, block, expert and head, where exactly one of each model is
    there. So the q of a fused tensor meets a q that is a tensor of its own. Products of low-rank
    factors are matched by name only, because an update is another quantity than the weight that it
    changes. Scales, zero points and what else makes values of codes belong to their matrix, whose
    values are compared: they are left out.

    Parameters
    ----------
    a, b : sequence of SavedSlice
        All slices of the two models.

    Returns
    -------
    Matches
    """
    a, b = (_without_parts(side) for side in (a, b))
    of_b = {each.fit.key: each for each in b}
    by_name = {each.fit.key: of_b[each.fit.key] for each in a if each.fit.key in of_b}
    if len(by_name) < min(len(a), len(b)):
        by_name |= _matched_bare(a, b, by_name)
    taken = {each.fit.key for each in by_name.values()}
    left_a = _by_place(each for each in a if each.fit.key not in by_name)
    left_b = _by_place(each for each in b if each.fit.key not in taken)
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


def _without_parts(slices: Sequence[SavedSlice]) -> Sequence[SavedSlice]:
    return [each for each in slices if not each.fit.is_beside]


def _matched_bare(
    a: Sequence[SavedSlice], b: Sequence[SavedSlice], known: dict[SliceKey, SavedSlice]
) -> dict[SliceKey, SavedSlice]:
    """Pair slices whose names are the same but for wrappers, the model's top, and quantisers."""
    taken = {each.fit.key for each in known.values()}
    of_a, of_b = (_by_bare_key(side) for side in (a, b))
    return {
        each.fit.key: of_b[key]
        for key, each in of_a.items()
        if key in of_b and each.fit.key not in known and of_b[key].fit.key not in taken
    }


def _by_bare_key(slices: Sequence[SavedSlice]) -> dict[SliceKey, SavedSlice]:
    """Return slices by their keys with bare names, those left out that share one."""
    names = list(dict.fromkeys(each.fit.tensor for each in slices))
    decoded = {each.fit.tensor for each in slices if each.fit.decoded}
    weights = weight_names(names, decoded)
    tops = [without_top(name) for name in bare_names(weights)]
    bare = dict(zip(names, tops if len(set(tops)) == len(names) else weights, strict=True))
    return {each.fit.key._replace(tensor=bare[each.fit.tensor]): each for each in slices}


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
