"""What differs between a model and the one that it should be like, tensor by tensor."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from weightgauge.anatomy.bare_names import bare_names, without_top
from weightgauge.anatomy.storage import served, weight_name, weight_names
from weightgauge.anatomy.storage.integers import INTEGERS
from weightgauge.errors import OtherModelError, printable
from weightgauge.findings import RULES, Finding, Place
from weightgauge.wording import agreeing, counted

if TYPE_CHECKING:
    from weightgauge.scanning import ModelHistograms

_FEWEST_SHARED = 0.5
"""Share of the tensors that two versions of one model have in common, by name."""

_MOST_DAMAGED = 0.5
"""Where more of the matrices differ than these, the model was trained on: no file is damaged so."""

_FEWEST_TRAINED = 4
"""Fewer matrices than these that differ are damage, however few there are in all."""

_PACKING = INTEGERS - {"I8"}
"""Formats whose items hold several codes each; I8 holds one."""

_NUMBER = re.compile("[0-9]+")

_Block = tuple[str | None, int | None]
"""A tower and the number of a block in it; None outside the blocks."""


class _Tensor(NamedTuple):
    """One row of what is saved about a tensor.

    Attributes
    ----------
    place : Place
        What findings about it are about.
    dtype, shape : str, tuple of int
        Format and shape.
    digest : str or None
        Digest of its bytes.
    packed : bool
        Whether it holds the packed codes of a matrix, in a shape of their own.
    serves : str or None
        The name of the matrix that it serves, as scales do; None where it serves none.
    """

    place: Place
    dtype: str
    shape: tuple[int, ...]
    digest: str | None
    packed: bool
    serves: str | None = None


class Differences(NamedTuple):
    """What two models differ in.

    Attributes
    ----------
    findings : list of Finding
        What was found.
    compared : int
        Tensors of the model whose bytes were compared with those of the other.
    """

    findings: list[Finding]
    compared: int


def against_findings(
    model: ModelHistograms, base: ModelHistograms, *, identical: bool = False
) -> Differences:
    """Compare the tensors of a model with those of another: names, forms and bytes.

    Parameters
    ----------
    model, base : ModelHistograms
        With a digest for every tensor, as `weightgauge.scan` makes them.
    identical : bool
        Whether the two are to be equal, so that no difference is taken for training.

    Returns
    -------
    Differences

    Raises
    ------
    OtherModelError
        If the two are no versions of one model.
    """
    ours, theirs = _by_name(model.tensors), _by_name(base.tensors)
    if _is_another(ours, theirs):
        # The top of a model has a name where a head stands beside it, and none where it is alone.
        ours, theirs = _without_tops(ours), _without_tops(theirs)
    shared = [name for name in ours if name in theirs]
    if _is_another(ours, theirs):
        raise OtherModelError(
            f"{printable(base.model)} is another model than {printable(model.model)}: they have "
            f"{len(shared):,} of {counted(len(ours), 'tensor')} in common",
            hint="Compare versions of one model.",
        )
    alike = [name for name in shared if not _why_not(ours[name], theirs[name])]
    findings = [
        *_unrelated(ours, theirs, shared),
        *_names(ours, theirs, printable(base.model, limit=60)),
        *_forms(ours, theirs, shared),
        *_not_compared(ours, theirs, shared),
        *_bytes(ours, theirs, alike, identical=identical),
    ]
    return Differences(findings, len(alike))


def _is_another(ours: Mapping[str, _Tensor], theirs: Mapping[str, _Tensor]) -> bool:
    """Whether two models have too few names in common to be versions of one."""
    shared = len(ours.keys() & theirs.keys())
    return shared == 0 or shared < _FEWEST_SHARED * min(len(ours), len(theirs))


def _without_tops(tensors: dict[str, _Tensor]) -> dict[str, _Tensor]:
    """Return tensors by their names without the top of the model, where these stay distinct."""
    short = {name: without_top(name) for name in tensors}
    if len(set(short.values())) < len(short):
        return tensors
    return {
        short[name]: each._replace(serves=None if each.serves is None else short.get(each.serves))
        for name, each in tensors.items()
    }


def _unrelated(
    ours: Mapping[str, _Tensor], theirs: Mapping[str, _Tensor], shared: Sequence[str]
) -> Iterator[Finding]:
    """Tell of models that share names alone, as two of one family and another size do."""
    matrices = [
        name
        for name in shared
        if len(ours[name].shape) > 1
        and ours[name].packed == theirs[name].packed
        and ours[name].serves is None
    ]
    others = sum(ours[name].shape != theirs[name].shape for name in matrices)
    if others > _MOST_DAMAGED * len(matrices):
        what = (
            f"the two seem to be unrelated models: {others:,} of "
            f"{counted(len(matrices), 'matrix', 'matrices')} {agreeing(others, 'has', 'have')} "
            "another shape"
        )
        yield RULES["unrelated"].finding(value=others, expected=0, what=what)


def _by_name(rows: Sequence[Mapping[str, Any]]) -> dict[str, _Tensor]:
    stored = [row["tensor"] for row in rows]
    names = bare_names(weight_names(stored))
    bare = dict(zip(map(printable, stored), names, strict=True))
    return {
        name: _Tensor(
            Place(row["tensor"], None, row["kind"], row["block"], row["tower"], row["expert"]),
            row["dtype"],
            tuple(row["shape"]),
            row.get("digest"),
            _is_packed(row),
            bare.get(served(row["storage"] or "")) if row["storage"] else None,
        )
        for name, row in zip(names, rows, strict=True)
    }


def _is_packed(row: Mapping[str, Any]) -> bool:
    if weight_name(row["tensor"]) != row["tensor"]:
        return True
    # Some quantisers leave codes the name of the weight.
    role = row["storage"] or ""
    return row["dtype"] in _PACKING and bool(role) and not served(role)


def _names(
    ours: Mapping[str, _Tensor], theirs: Mapping[str, _Tensor], base: str
) -> Iterator[Finding]:
    # Quantisers choose what lies beside their codes; plain weights need nothing.
    for name, tensor in theirs.items():
        if name not in ours and tensor.serves not in ours:
            yield RULES["missing-tensor"].finding(tensor.place, base=base)
    for name, tensor in ours.items():
        if name not in theirs and tensor.serves not in theirs:
            yield RULES["extra-tensor"].finding(tensor.place, base=base)


def _forms(
    ours: Mapping[str, _Tensor], theirs: Mapping[str, _Tensor], shared: Sequence[str]
) -> Iterator[Finding]:
    for name in shared:
        one, other = ours[name], theirs[name]
        if one.shape != other.shape and one.packed == other.packed:
            yield RULES["shape-differs"].finding(
                one.place,
                value=str(list(one.shape)),
                expected=str(list(other.shape)),
                level="note" if _is_beside_codes(name, ours) else None,
            )
        if one.dtype != other.dtype:
            yield RULES["dtype-differs"].finding(one.place, value=one.dtype, expected=other.dtype)


def _is_beside_codes(name: str, tensors: Mapping[str, _Tensor]) -> bool:
    """Whether a tensor tells how packed codes are read, as scales do, which quantisers choose."""
    owner = name.rpartition(".")[0]
    beside = (tensors.get(f"{owner}.{leaf}") for leaf in ("weight", "qweight", "weight_packed"))
    return not tensors[name].packed and any(each is not None and each.packed for each in beside)


def _not_compared(
    ours: Mapping[str, _Tensor], theirs: Mapping[str, _Tensor], shared: Sequence[str]
) -> Iterator[Finding]:
    """Tell of tensors whose bytes cannot be compared."""
    for name in shared:
        one, other = ours[name], theirs[name]
        reason = _why_not(one, other)
        # Another shape is told of already.
        if reason and (one.shape == other.shape or one.packed != other.packed):
            yield RULES["not-compared"].finding(one.place, value=reason, reason=reason)


def _bytes(
    ours: Mapping[str, _Tensor],
    theirs: Mapping[str, _Tensor],
    alike: Sequence[str],
    *,
    identical: bool,
) -> Iterator[Finding]:
    """Tell of tensors whose bytes differ, and of those that hold another tensor's bytes."""
    differing = [name for name in alike if ours[name].digest != theirs[name].digest]
    trained = set() if identical else _trained(ours, alike, differing)
    if trained and len(trained) <= _MOST_DAMAGED * len(alike):
        yield _what_was_trained(ours, alike, trained)
    homes: dict[str | None, list[str]] = {}
    for name in alike:
        homes.setdefault(theirs[name].digest, []).append(name)
    for name in differing:
        one, other = ours[name], theirs[name]
        others = homes.get(one.digest, [])
        if len(others) == 1 and len(one.shape) > 1:
            yield RULES["exchanged"].finding(
                one.place,
                value=theirs[others[0]].place.tensor,
                expected=one.place.tensor,
                other=printable(theirs[others[0]].place.tensor or ""),
            )
            continue
        yield RULES["value-differs"].finding(
            one.place,
            value=one.digest,
            expected=other.digest,
            level="note" if name in trained else None,
        )


def _trained(
    tensors: Mapping[str, _Tensor], alike: Sequence[str], differing: Sequence[str]
) -> set[str]:
    """Return those of the tensors that differ whose difference training explains.

    All of them where most matrices differ. Else those of modules that differ in all blocks, or in
    the same range of blocks, as adapters that were merged in make them, those of blocks that differ
    as a whole, and with them what lies outside the blocks. What differs here and there was damaged.
    """
    # Vectors such as norms are often frozen, or equal by chance.
    changed = [name for name in differing if len(tensors[name].shape) > 1]
    matrices = [name for name in alike if len(tensors[name].shape) > 1]
    if len(changed) < _FEWEST_TRAINED:
        return set()
    if len(changed) > _MOST_DAMAGED * len(matrices):
        return set(differing)
    frozen = {*alike}.difference(differing)
    blocks = {_block(tensors[name]) for name in changed}
    blocks -= {_block(tensors[name]) for name in frozen if len(tensors[name].shape) > 1}
    homes: dict[str, set[_Block]] = {}
    for name in alike:
        homes.setdefault(_NUMBER.sub("#", name), set()).add(_block(tensors[name]))
    modules = {each for each, found in homes.items() if len(found) > 1}
    modules -= {_NUMBER.sub("#", name) for name in frozen}
    ranges = _trained_ranges(tensors, alike, changed)
    inside = {
        name
        for name in differing
        if tensors[name].place.block is not None
        and (
            _block(tensors[name]) in blocks
            or (module := _NUMBER.sub("#", name)) in modules
            or _block(tensors[name]) in ranges.get(module, ())
        )
    }
    if len(inside.intersection(changed)) < _FEWEST_TRAINED:
        return set()
    return inside | {name for name in differing if tensors[name].place.block is None}


def _trained_ranges(
    tensors: Mapping[str, _Tensor], alike: Sequence[str], changed: Sequence[str]
) -> dict[str, set[_Block]]:
    """Return the blocks in which modules differ together, where these follow each other.

    As where adapters are for some of the blocks (`layers_to_transform`), or the last ones are
    trained. All matrices that such a module has in these blocks differ.
    """
    homes: dict[str, set[_Block]] = {}
    rest: dict[str, set[_Block]] = {}
    differing = set(changed)
    for name in alike:
        if len(tensors[name].shape) > 1:
            found = homes if name in differing else rest
            found.setdefault(_NUMBER.sub("#", name), set()).add(_block(tensors[name]))
    together: dict[frozenset[_Block], list[str]] = {}
    for module, blocks in homes.items():
        if blocks.isdisjoint(rest.get(module, ())):
            together.setdefault(frozenset(blocks), []).append(module)
    return {
        module: set(blocks)
        for blocks, modules in together.items()
        if len(blocks) > 1 and len(blocks) * len(modules) >= _FEWEST_TRAINED and _is_range(blocks)
        for module in modules
    }


def _is_range(blocks: Collection[_Block]) -> bool:
    """Whether blocks of one tower follow each other, or all of at least three have one distance."""
    numbers = sorted(number for _, number in blocks if number is not None)
    steps = {after - before for before, after in pairwise(numbers)}
    regular = len(steps) == 1 and (len(numbers) > 2 or steps == {1})
    return regular and len(numbers) == len(blocks) and len({tower for tower, _ in blocks}) == 1


def _block(tensor: _Tensor) -> _Block:
    return tensor.place.tower, tensor.place.block


def _what_was_trained(
    tensors: Mapping[str, _Tensor], alike: Sequence[str], trained: Collection[str]
) -> Finding:
    """Say in which kinds of how many blocks a model differs from its base."""
    kinds = sorted({tensors[name].place.kind or "other" for name in trained})
    changed = {_block(tensors[name]) for name in trained if tensors[name].place.block is not None}
    every = {_block(tensors[name]) for name in alike if tensors[name].place.block is not None}
    blocks = f"{len(changed):,} of {len(every):,} blocks"
    if len(changed) == 1:
        blocks = f"block {next(iter(changed))[1]} alone"
    what = (
        f"trained in part: {len(trained):,} of {len(alike):,} tensors differ from those of the "
        f"base, in {blocks} ({', '.join(kinds)})"
    )
    return RULES["partly-trained"].finding(value=len(trained), expected=len(alike), what=what)


def _why_not(one: _Tensor, other: _Tensor) -> str:
    """Say why the bytes of two tensors cannot be compared; "" where they can."""
    if one.dtype != other.dtype:
        return f"{one.dtype} and {other.dtype}"
    if one.shape != other.shape:
        return f"shapes {list(one.shape)} and {list(other.shape)}"
    if one.digest is None or other.digest is None:
        return "there is no digest of " + ("it" if one.digest is None else "that of the base")
    return ""
