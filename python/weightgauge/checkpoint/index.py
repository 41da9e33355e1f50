"""The shard index (`model.safetensors.index.json`), which maps each tensor to its file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from weightgauge.checkpoint import strict_json
from weightgauge.checkpoint.byte_source import ByteSource
from weightgauge.checkpoint.shard_names import name_problem
from weightgauge.checkpoint.strict_json import JsonFault
from weightgauge.checkpoint.tensors import Tensors
from weightgauge.errors import IndexFileError, printable
from weightgauge.findings import RULES, Finding, Place
from weightgauge.wording import agreeing, counted

INDEX_SUFFIX = ".safetensors.index.json"
_MAX_BYTES = 10_000_000
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """A valid index.

    Attributes
    ----------
    shown : str
        Path of the index in messages.
    weight_map : mapping of str to str
        Tensor name to shard name.
    shards : tuple of str
        Name of each shard once, in the order of first mention. No name leads out of the checkpoint.
    """

    shown: str
    weight_map: Mapping[str, str]
    shards: tuple[str, ...]


def read_index(source: ByteSource) -> ShardIndex:
    """Read an index and check its content, without looking at the shards.

    Parameters
    ----------
    source : ByteSource
        Its text.

    Raises
    ------
    IndexFileError
        If it is longer than 10 MB, is not strict JSON, has no ``weight_map`` of strings to strings,
        or names shards outside its own directory. The error lists all such names.
    FileChangedError, NotACheckpointError
        If it cannot be read.
    """
    if source.size > _MAX_BYTES:
        raise IndexFileError(
            f"is {source.size} bytes long, above the limit of {_MAX_BYTES}", path=source.shown
        )
    return parse_index(source.read(0, source.size), shown=source.shown)


def parse_index(raw: bytes, *, shown: str) -> ShardIndex:
    """Check the text of an index; see `read_index`."""
    try:
        document = strict_json.loads(raw)
    except JsonFault as fault:
        raise IndexFileError(fault.problem, path=shown, offset=fault.offset) from None
    if not isinstance(document, dict):
        raise IndexFileError("does not hold a JSON object", path=shown)
    weight_map = document.get("weight_map")
    if not isinstance(weight_map, dict):
        raise IndexFileError("has no weight_map object", path=shown)
    for tensor, shard in weight_map.items():
        if not isinstance(shard, str):
            raise IndexFileError(
                f"weight_map gives {type(shard).__name__} instead of a file name",
                path=shown,
                tensor=tensor,
            )
    if not weight_map:
        raise IndexFileError("weight_map lists no tensors", path=shown)
    shards = tuple(dict.fromkeys(weight_map.values()))
    problems = [(shard, name_problem(shard)) for shard in shards]
    bad = [f"'{printable(shard)}' {problem}" for shard, problem in problems if problem]
    if bad:
        raise IndexFileError(f"names files it must not name: {shortened(bad)}", path=shown)
    return ShardIndex(shown=shown, weight_map=weight_map, shards=shards)


class Checked(NamedTuple):
    """What the comparison of an index with its shards shows.

    Attributes
    ----------
    findings : list of Finding
        About tensors that lie in two shards, and about those that the index does not list.
    stale : dict of str to set of str
        By shard, the tensors that the index assigns to another one in which they lie too.
    """

    findings: list[Finding]
    stale: dict[str, set[str]]


def check_shards(
    index: ShardIndex, missing: Sequence[str], tables: Mapping[str, Tensors]
) -> Checked:
    """Compare an index with the content of its shards.

    Parameters
    ----------
    index : ShardIndex
        The index.
    missing : sequence of str
        Shards that do not exist.
    tables : mapping of str to Tensors
        The tensors of each shard that exists.

    Raises
    ------
    IndexFileError
        If shards are missing, or tensors are absent from their shard, or lie in two shards of which
        the index names neither. The error lists all of them.
    """
    if not missing and _lists_all(index, tables):
        return Checked([], {})
    homes: dict[str, str] = {}
    copies: dict[str, list[str]] = {}  # further homes, of the few tensors that have them
    for shard, tensors in tables.items():
        for name in tensors.names:
            if homes.setdefault(name, shard) != shard:
                copies.setdefault(name, []).append(shard)
    gone = set(missing)
    absent = {
        name: f"in '{printable(shard)}'"
        for name, shard in index.weight_map.items()
        if shard not in gone and homes.get(name) != shard and shard not in copies.get(name, ())
    }
    twice = {
        name: f"in '{printable(homes[name])}' and '{printable(shards[0])}'"
        for name, shards in copies.items()
        if name not in index.weight_map
    }
    _refuse(index, missing, absent, twice)
    stale = _stale(index, {name: [homes[name], *shards] for name, shards in copies.items()})
    findings = _copies_told(index, stale, tables)
    unlisted = [name for name in homes if name not in index.weight_map]
    if unlisted:
        listed = shortened([f"'{printable(name)}'" for name in unlisted])
        what = (
            f"{printable(index.shown, limit=1000)}: "
            f"{counted(len(unlisted), 'tensor')} {agreeing(len(unlisted), 'lies', 'lie')} in the "
            f"shards and {agreeing(len(unlisted))} not listed: {listed}"
        )
        findings.append(RULES["stale-index"].finding(what=what))
    return Checked(findings, stale)


def _lists_all(index: ShardIndex, tables: Mapping[str, Tensors]) -> bool:
    """Whether the index lists what is there, once, no more and no less, as nearly all do."""
    homes: dict[str, str] = {}
    for shard, tensors in tables.items():
        homes.update(dict.fromkeys(tensors.names, shard))
    return len(homes) == sum(map(len, tables.values())) and homes == index.weight_map


def _refuse(
    index: ShardIndex,
    missing: Sequence[str],
    absent: Mapping[str, str],
    twice: Mapping[str, str],
) -> None:
    """Raise one error that lists everything that is wrong, if anything is."""
    problems = []
    if missing:
        names = shortened([f"'{printable(name)}'" for name in missing])
        problems.append(
            f"{len(missing):,} of {counted(len(index.shards), 'shard')} "
            f"{agreeing(len(missing))} missing: {names}"
        )
    if absent:
        problems.append(f"tensors listed but absent: {_places(absent)}")
    if twice:
        problems.append(f"tensors that lie in two shards and are not listed: {_places(twice)}")
    if problems:
        error = IndexFileError("; ".join(problems), path=index.shown)
        error.tensor = next(iter({**absent, **twice}), None)
        if missing:
            error.there = len(index.shards) - len(missing), len(index.shards)
        raise error


def _stale(index: ShardIndex, places: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    """Return by shard the tensors that the index assigns to another one."""
    stale: dict[str, set[str]] = {}
    for name, shards in places.items():
        for shard in shards:
            if shard != index.weight_map[name]:
                stale.setdefault(shard, set()).add(name)
    return stale


def _copies_told(
    index: ShardIndex,
    stale: Mapping[str, set[str]],
    tables: Mapping[str, Tensors],
) -> list[Finding]:
    """Return a finding for each copy that is not read."""
    names = set().union(*stale.values())
    forms = {
        (shard, tensor.name): (tensor.dtype, tensor.shape)
        for shard, tensors in (tables.items() if names else ())
        for tensor in tensors
        if tensor.name in names
    }
    findings = []
    for shard, members in stale.items():
        for name in sorted(members):
            home = index.weight_map[name]
            differs = forms[shard, name] != forms[home, name]
            findings.append(
                RULES["stale-copy"].finding(
                    Place(tensor=name),
                    value=printable(shard),
                    expected=printable(home),
                    other=" (with another shape or format)" if differs else "",
                )
            )
    return findings


def shortened(items: Sequence[str]) -> str:
    """Join the first items with commas, and say how many more there are."""
    text = ", ".join(items[:_SHOWN])
    more = len(items) - _SHOWN
    return f"{text} and {more:,} more" if more > 0 else text


def _places(tensors: Mapping[str, str]) -> str:
    pairs: Iterable[tuple[str, str]] = tensors.items()
    return shortened([f"'{printable(name)}' {place}" for name, place in pairs])
