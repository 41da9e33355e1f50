"""Choose the files of a directory, or of a model on the Hub, that are the checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from weightgauge.checkpoint.beside import instead, left_out
from weightgauge.checkpoint.file_sets import ADAPTER, FileSet, file_sets, role_of
from weightgauge.checkpoint.index import INDEX_SUFFIX, ShardIndex, shortened
from weightgauge.checkpoint.shard_names import WEIGHTS_SUFFIX
from weightgauge.errors import NotACheckpointError, printable
from weightgauge.findings import RULES, Finding
from weightgauge.wording import agreeing, counted

_USUAL = ("model", "diffusion_pytorch_model", "pytorch_model")
"""Names, without ending, under which a model is saved, the most usual first."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The files to read.

    Attributes
    ----------
    index : ShardIndex or None
        The index that names them, if there is one.
    files : tuple of str
        Files of weights, relative to the checkpoint.
    findings : tuple of Finding
        What the reader should know about the choice.
    with_adapter : bool
        Whether the configuration of an adapter is about these files; not where the adapter lies
        beside them and is left out.
    named : bool
        Whether the caller named a single file, which need not be all of a save.
    """

    index: ShardIndex | None
    files: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    with_adapter: bool = True
    named: bool = False


def choose_files(
    names: Iterable[str], *, shown: str, read: Callable[[str], ShardIndex]
) -> Selection:
    """Choose the files that make up the checkpoint.

    An index decides, unless it names none of the files that are there and these are a complete
    checkpoint without it. Without an index ``model.safetensors`` is chosen, else the shards of one
    save, else the only file, else all files together. Adapters, optimizer states and copies of the
    model are chosen only where there is nothing else.

    Parameters
    ----------
    names : iterable of str
        All file names, relative to the checkpoint, with ``/`` between folders. Files in folders
        are chosen only where an index names them.
    shown : str
        Name of the checkpoint in messages.
    read : callable
        Reads an index by its name.

    Returns
    -------
    Selection

    Raises
    ------
    NotACheckpointError
        If nothing can be chosen. The message says what there is instead.
    IndexFileError
        If the index is no valid one.
    """
    everything = sorted(names)
    top = [name for name in everything if "/" not in name]
    sets = file_sets(name for name in top if name.endswith(WEIGHTS_SUFFIX))
    index = _index_name(top, sets, shown)
    chosen = None if index is None else _of_index(read(index), index, everything, sets)
    if chosen is None:
        chosen = _without_index(sets, shown)
    if chosen is None:
        found, advice = instead(everything, shown=shown)
        problem = f"holds no safetensors file{found}" + (f"; {advice}" if advice else "")
        raise NotACheckpointError(problem, path=shown, hint=advice)
    taken = set(chosen.files)
    adapters = {name for each in sets if role_of(each.stem, ()) == ADAPTER for name in each.files}
    return Selection(
        chosen.index,
        chosen.files,
        (*chosen.findings, *left_out(everything, taken, shown=shown)),
        with_adapter=not adapters or bool(adapters & taken),
    )


def missing_files(files: Iterable[str]) -> list[Finding]:
    """Return a finding for each save of which the names count more shards than there are."""
    return [
        RULES["missing-file"].finding(
            value=len(each.files),
            expected=each.total,
            what=f"{each.missing:,} of {counted(each.total or 0, 'file')} {agreeing(each.missing)} "
            f"missing: {each.missing_told()}",
        )
        for each in file_sets(files)
        if not each.complete
    ]


def _index_name(top: Sequence[str], sets: Sequence[FileSet], shown: str) -> str | None:
    """Return the index that counts, if there is one."""
    stems = [name.removesuffix(INDEX_SUFFIX) for name in top if name.endswith(INDEX_SUFFIX)]
    if not stems:
        return None
    if _USUAL[0] in stems:
        return _USUAL[0] + INDEX_SUFFIX
    known = {*stems, *(each.stem for each in sets)}
    roles = {stem: role_of(stem, known) for stem in known}
    best = [stem for stem in stems if roles[stem] == min(roles.values())]
    if len(best) > 1:
        listed = shortened([f"'{printable(stem + INDEX_SUFFIX)}'" for stem in best])
        raise NotACheckpointError(f"holds several indexes, name one of them: {listed}", path=shown)
    return best[0] + INDEX_SUFFIX if best else None


def _of_index(
    index: ShardIndex, name: str, everything: Sequence[str], sets: Sequence[FileSet]
) -> Selection | None:
    """Choose what an index names, or what there is where it names nothing that is there."""
    there = set(everything)
    gone = all(shard not in there and "/" not in shard for shard in index.shards)
    whole = [each for each in _of_model(sets) if each.complete]
    if not gone or len(whole) != 1:
        return Selection(index, index.shards)
    files = whole[0].files
    what = (
        f"'{printable(name)}' names {counted(len(index.shards), 'file')} of which none is there; "
        f"read {agreeing(len(files))} '{printable(files[0])}'" + _and_others(len(files) - 1)
    )
    return Selection(None, files, (RULES["stale-index"].finding(what=what),))


def _and_others(number: int) -> str:
    if number == 0:
        return ""
    return f" and the {'other one' if number == 1 else f'{number:,} others'} of its set"


def _of_model(sets: Sequence[FileSet]) -> list[FileSet]:
    """Return the saves that come first by what their names say they are."""
    stems = {each.stem for each in sets}
    roles = [role_of(each.stem, stems) for each in sets]
    return [each for each, role in zip(sets, roles, strict=True) if role == min(roles)]


def _without_index(sets: Sequence[FileSet], shown: str) -> Selection | None:
    found = _of_model(sets)
    if not found:
        return None
    single = next((each for each in found if (each.stem, each.total) == (_USUAL[0], None)), None)
    if single is not None:
        return Selection(None, single.files)
    numbered = [each for each in found if each.total is not None]
    if numbered:
        return _shards(numbered, shown)
    usual = next((each for stem in _USUAL for each in found if each.stem == stem), None)
    files = tuple(sorted(name for each in found for name in each.files))
    if usual is not None or len(files) == 1:
        return Selection(None, files if usual is None else usual.files)
    what = f"{len(files):,} safetensors files without an index are taken as one checkpoint"
    return Selection(None, files, (RULES["odd-input"].finding(what=what, level="warning"),))


def _shards(numbered: Sequence[FileSet], shown: str) -> Selection:
    """Choose among shards without an index: those of the usual name, and of them a whole save."""
    stems = sorted({each.stem for each in numbered})
    usual = next((stem for stem in _USUAL if stem in stems), None)
    files: list[str] = []
    for stem in stems if usual is None else [usual]:
        saves = [each for each in numbered if each.stem == stem]
        whole = [each for each in saves if each.complete]
        if len(whole) > 1 or (not whole and len(saves) > 1):
            listed = shortened([f"'{printable(each.files[0])}'" for each in whole or saves])
            raise NotACheckpointError(
                f"holds the shards of several saves, such as {listed}, and no index says which "
                "count; move the others away",
                path=shown,
            )
        files += (whole or saves)[0].files
    return Selection(None, tuple(files))
