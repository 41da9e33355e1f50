"""What lies beside a checkpoint and is not read, and what there is where no checkpoint is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from weightgauge.checkpoint.file_sets import ROLES, file_sets, role_of
from weightgauge.checkpoint.formats import FORMATS, HISTOGRAMS, format_by_name
from weightgauge.checkpoint.index import INDEX_SUFFIX, shortened
from weightgauge.checkpoint.shard_names import WEIGHTS_SUFFIX
from weightgauge.errors import printable
from weightgauge.findings import RULES, Finding, named

_CODE = ".py"


def left_out(names: Sequence[str], taken: Collection[str], *, shown: str) -> list[Finding]:
    """Tell which files of a checkpoint are not read, in one finding.

    Parameters
    ----------
    names : sequence of str
        All files, relative to the checkpoint, with ``/`` between folders.
    taken : collection of str
        Those that are read.
    shown : str
        Name of the checkpoint in messages.

    Returns
    -------
    list of Finding
        None where there is nothing to tell.
    """
    groups: dict[str, list[str]] = {}
    top = [name for name in names if "/" not in name]
    weights = [name for name in top if name.endswith(WEIGHTS_SUFFIX)]
    stems = {each.stem for each in file_sets(weights)}
    for each in file_sets(name for name in weights if name not in taken):
        groups.setdefault(ROLES[role_of(each.stem, stems)], []).extend(each.files)
    for name in top:
        known = format_by_name(name)
        if known is not None and known.several:
            groups.setdefault(known.several, []).append(name)
        elif name.endswith(_CODE):
            groups.setdefault("code", []).append(name)
    told = [f"{what} ({named(found)})" for what, found in groups.items()]
    parts = part_names(name for name in names if name not in taken)
    if parts:
        told.append(f"parts with weights of their own, to be named {_parts(parts, shown)}")
    if not told:
        return []
    return [RULES["left-out"].finding(what=f"lies beside it and is not read: {'; '.join(told)}")]


def part_names(names: Iterable[str]) -> list[str]:
    """Return the folders that hold files of weights, sorted."""
    weights = (name for name in names if name.endswith((WEIGHTS_SUFFIX, INDEX_SUFFIX)))
    return sorted({name.rpartition("/")[0] for name in weights if "/" in name})


def instead(names: Sequence[str], *, shown: str) -> tuple[str, str]:
    """Say what a folder holds that has no safetensors file of its own, and what to do with it.

    What to do is "" where nothing more is known than what there is.
    """
    parts = part_names(names)
    if parts:
        return " of its own, but its parts do", f"name one of them: {_parts(parts, shown)}"
    for known in FORMATS:
        found = [name for name in names if known.several and format_by_name(name) is known]
        if found:
            listed = shortened([f"'{printable(name)}'" for name in found[:3]])
            return f", only {known.several} ({listed})", known.advice
    if not names:
        return ": it is empty", ""
    kept = [name for name in names if "/" not in name and format_by_name(name) is HISTOGRAMS]
    if kept:
        advice = f"name one of them: {_parts(kept, shown)}"
        several = f"; 'weightgauge track {_path(shown)}' takes all for steps of a run"
        return ", only saved counts", advice + (several if len(kept) > 1 else "")
    listed = shortened([f"'{printable(name)}'" for name in names])
    return f"; found {listed}", ""


def _parts(parts: Sequence[str], shown: str) -> str:
    return shortened([f"'{_path(shown)}/{printable(part)}'" for part in parts])


def _path(shown: str) -> str:
    return printable(shown.rstrip("/"), limit=1000)
