"""Whether second copies of the weights, which are not read, hold the same as what is read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from weightgauge.anatomy.bare_names import bare_names
from weightgauge.checkpoint.copies import open_copies, open_shard
from weightgauge.checkpoint.regular_file import is_directory
from weightgauge.errors import OutputError, WeightgaugeError, printable
from weightgauge.findings import RULES, Finding, enumerated, named

if TYPE_CHECKING:
    from weightgauge.checkpoint import Checkpoint, TensorInfo
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning import Model, ModelHistograms

_Form = tuple[str, tuple[int, ...], str]
"""Format, shape and digest of a tensor."""

_FEWEST_ELEMENTS = 256
"""Smaller tensors can be equal by chance."""


@dataclass(slots=True)
class _Difference:
    """What a copy has other than the model; names of tensors.

    Attributes
    ----------
    equal, bytes, shapes, formats, missing, further : list of str
        Tensors with equal bytes; with other bytes; of another shape; of another format, whose bytes
        cannot be compared; that the copy lacks; and that it has beyond the model.
    """

    equal: list[str] = field(default_factory=list)
    bytes: list[str] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    further: list[str] = field(default_factory=list)


def copies_compared(
    model: Model,
    kept: ModelHistograms,
    options: FitOptions,
    found: Sequence[Finding],
    *,
    whole: bool,
) -> list[Finding]:
    """Read the copies beside a model, and tell whether they hold the same.

    Parameters
    ----------
    model : str, os.PathLike, or any other model
        What was checked; only a directory has copies beside it.
    kept : ModelHistograms
        Its counts, with a digest for each tensor.
    options : FitOptions
        How to read.
    found : sequence of Finding
        What is known already.
    whole : bool
        Whether all tensors of the model were asked for. Otherwise the same ones are compared.

    Returns
    -------
    list of Finding
        `found`, and what was found of copies. That a tensor lies in two files is told no more where
        its bytes are the same in both.
    """
    from weightgauge.checkpoint import open_checkpoint

    if not isinstance(model, str | os.PathLike) or not is_directory(os.fsdecode(model)):
        return [*found]
    path = os.fsdecode(model)
    opened = open_checkpoint(path)
    ours = _forms_of(kept)
    told = list(_copies(path, opened, ours, options, whole=whole))
    equal: set[Finding] = set()
    for shard in opened.shards:
        name = printable(shard.name)
        stale = [each for each in found if (each.id, each.value) == ("stale-copy", name)]
        if stale:
            same, finding = _second_homes(path, shard.name, stale, ours, options)
            equal.update(same)
            told.append(finding)
    return [*(each for each in found if each not in equal), *told]


def _second_homes(
    path: str,
    shard: str,
    stale: Sequence[Finding],
    ours: Mapping[str, _Form],
    options: FitOptions,
) -> tuple[list[Finding], Finding]:
    """Compare the tensors that a file holds and the index takes from another one."""
    shown = f"'{printable(shard)}'"
    try:
        copy = open_shard(path, shard)
        tensors = {each.name: each for each in copy.tensors}
        names = [each.tensor for each in stale if each.tensor in tensors]
        theirs = {bare: tensors[name] for bare, name in zip(bare_names(names), names, strict=True)}
        found = _difference(
            copy, {name: ours[name] for name in theirs if name in ours}, theirs, options
        )
    except OutputError:
        raise
    except WeightgaugeError as error:
        what = f"{shown}, in which tensors lie a second time, cannot be read: {error}"
        return [], RULES["copy-differs"].finding(what=what)
    equal = {theirs[name].name for name in found.equal}
    same = [each for each in stale if each.tensor in equal]
    differ = len(stale) - len(same)
    rest = f"{differ:,} of them with other bytes, shapes or formats" if differ else ""
    return same, RULES["copy-differs"].finding(
        value=differ,
        expected=0,
        level=None if differ else "note",
        what=f"{_count(len(stale))} of {shown} {'lie' if len(stale) > 1 else 'lies'} in another "
        f"file too, {rest or 'with equal bytes'}",
    )


def _copies(
    path: str,
    opened: Checkpoint,
    ours: Mapping[str, _Form],
    options: FitOptions,
    *,
    whole: bool,
) -> Iterator[Finding]:
    for copy in open_copies(path, opened):
        if copy.checkpoint is None:
            what = f"{copy.shown}, beside the model, cannot be read: {copy.problem}"
            yield RULES["copy-differs"].finding(what=what)
            continue
        try:
            yield from _compared(copy.shown, copy.checkpoint, ours, options, whole=whole)
        except WeightgaugeError as error:
            what = f"{copy.shown}, beside the model, cannot be read: {error}"
            yield RULES["copy-differs"].finding(what=what)


def _forms_of(kept: ModelHistograms) -> dict[str, _Form]:
    names = bare_names([row["tensor"] for row in kept.tensors])
    return {
        name: (row["dtype"], tuple(row["shape"]), row["digest"])
        for name, row in zip(names, kept.tensors, strict=True)
        if row["digest"] is not None
    }


def _compared(
    shown: str,
    copy: Checkpoint,
    ours: Mapping[str, _Form],
    options: FitOptions,
    *,
    whole: bool,
) -> Iterator[Finding]:
    tensors = list(copy.tensors)
    theirs = dict(zip(bare_names([each.name for each in tensors]), tensors, strict=True))
    if ours.keys().isdisjoint(theirs):
        yield from _by_content(shown, copy, tensors, ours, options)
        return
    found = _difference(copy, ours, theirs, options)
    if not whole:
        found.further.clear()
    wrong = found.bytes + found.shapes + found.missing + found.further
    if wrong:
        yield RULES["copy-differs"].finding(
            value=len(wrong),
            expected=0,
            what=f"{shown} lies beside the model and differs from what is read: {_told(found)}",
        )
    elif found.formats:
        format_of_copy = theirs[found.formats[0]].dtype
        yield RULES["copy-differs"].finding(
            value=0,
            expected=0,
            level="note",
            what=f"{shown} lies beside the model and has the same tensors, {len(found.formats):,} "
            f"of them in another format ({format_of_copy}), whose bytes cannot be compared",
        )
    else:
        yield RULES["copy-differs"].finding(
            value=0,
            expected=0,
            level="note",
            what=f"{shown} lies beside the model and holds the same: "
            f"{_count(len(found.equal))} with equal bytes",
        )


def _difference(
    copy: Checkpoint,
    ours: Mapping[str, _Form],
    theirs: Mapping[str, TensorInfo],
    options: FitOptions,
) -> _Difference:
    from weightgauge.scanning.digests import tensor_digests

    found = _Difference()
    alike = []
    for name, (dtype, shape, _) in ours.items():
        other = theirs.get(name)
        if other is None:
            found.missing.append(name)
        elif other.shape != shape:
            found.shapes.append(name)
        elif other.dtype != dtype:
            found.formats.append(name)
        else:
            alike.append(name)
    digests = tensor_digests(copy, [theirs[name] for name in alike], options) if alike else {}
    for name in alike:
        same = digests[theirs[name].name] == ours[name][2]
        (found.equal if same else found.bytes).append(name)
    found.further += [name for name in theirs if name not in ours]
    return found


def _told(found: _Difference) -> str:
    compared = len(found.equal) + len(found.bytes)
    groups = (
        (found.bytes, "has", "have", f"other bytes (of {_count(compared)} compared)"),
        (found.shapes, "has", "have", "another shape"),
        (found.missing, "is", "are", "missing there"),
        (found.further, "is", "are", "there alone"),
    )
    return enumerated(
        [
            f"{_count(len(names))} {one if len(names) == 1 else several} {what}: {named(names)}"
            for names, one, several, what in groups
            if names
        ]
    )


def _count(number: int) -> str:
    return f"{number:,} tensor{'' if number == 1 else 's'}"


def _by_content(
    shown: str,
    copy: Checkpoint,
    tensors: list[TensorInfo],
    ours: Mapping[str, _Form],
    options: FitOptions,
) -> Iterator[Finding]:
    """Look for the bytes of a copy whose tensors have other names."""
    from weightgauge.scanning.digests import tensor_digests

    there = {digest for _, _, digest in ours.values()}
    asked = [each for each in tensors if each.size >= _FEWEST_ELEMENTS]
    digests = tensor_digests(copy, asked, options) if asked else {}
    equal = sum(digest in there for digest in digests.values())
    if equal:
        rest = "" if equal == len(asked) else "; of the others nothing is known"
        yield RULES["copy-differs"].finding(
            value=len(asked) - equal,
            expected=0,
            level="note",
            what=f"{shown} lies beside the model, with other names: {equal:,} of its "
            f"{_count(len(asked))} hold bytes that the model has as well{rest}",
        )
