"""What a fit must say, from the truths alone, and the comparison with what it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from families.cuts import Cell
from families.filling import rms_and_error
from families.truth import Truth

# Cells that are no matrices of a kind of their own: name of the part and kind that are reported.
_PARTS = {
    "q_gate": ("gate", "other"),
    "z": ("z", "other"),
    "kv_latent": ("latent", "kv_a"),
    "k_rope": ("rope", "kv_a"),
}
# Whole tensors whose kind is reported under another name.
_WHOLES = {"qkvz": "qkv"}
_WITH_HEADS = ("q", "k", "v", "o", "q_b")
STANDARD_ERRORS = 4
# Rounding to BF16 moves each value by at most 1/512 of it, and the root mean square by far less.
ROUNDING = {"F32": 0.0, "F16": 0.0, "BF16": 1 / 512}
# Seven digits are kept.
WRITTEN_DOWN = 1e-6

Key = tuple[str, str | None, str, int | None, int | None]
"""Tensor, part, kind, expert, head."""


@dataclass(frozen=True)
class Expected:
    """One slice that there must be.

    `rms` is that of the distribution and `error` its standard error; `drawn` is that of the values
    that were drawn, where they are known.
    """

    tensor: str
    part: str | None
    kind: str
    block: int | None
    expert: int | None
    head: int | None
    n: int
    rms: float
    error: float
    drawn: float | None = None

    @property
    def key(self) -> Key:
        """What tells it from all other slices."""
        return self.tensor, self.part, self.kind, self.expert, self.head


def expected(
    truths: Iterable[Truth], per: str, values: Mapping[str, np.ndarray] | None = None
) -> list[Expected]:
    """The slices of the matrices of a checkpoint, and their values' own root mean squares."""
    items = []
    for truth in truths:
        for item, cells in _of_tensor(truth, per):
            if values is not None:
                positions = np.concatenate([cell.positions for cell in cells])
                drawn = values[truth.tensor].ravel()[positions].astype(float)
                item = replace(item, drawn=float(np.sqrt(np.mean(drawn**2))))
            items.append(item)
    return items


def _of_tensor(truth: Truth, per: str) -> list[tuple[Expected, list[Cell]]]:
    kind = _WHOLES.get(truth.kind, truth.kind)
    groups: dict[tuple[Any, ...], list[Cell]] = {}
    if truth.has_parts:
        for cell in truth.cells:
            head = cell.head if per == "head" else None
            groups.setdefault((*_named(cell, truth), cell.expert, head), []).append(cell)
    elif per == "head" and truth.kind in _WITH_HEADS:
        for cell in truth.cells:
            groups[None, kind, cell.expert, cell.head] = [cell]
    in_heads = any(head is not None for *_, head in groups)
    alone = per == "expert" and any(cell.expert is not None for cell in truth.cells)
    if not in_heads and not (alone and truth.has_parts):
        groups[None, kind, truth.expert, None] = list(truth.cells)
    return [
        (
            Expected(truth.tensor, part, kind, truth.block, expert, head, *rms_and_error(cells)),
            cells,
        )
        for (part, kind, expert, head), cells in groups.items()
    ]


def _named(cell: Cell, truth: Truth) -> tuple[str | None, str]:
    """Name of the part, None where the tensor is a stack of one kind, and its kind."""
    part, kind = _PARTS.get(cell.kind, (cell.kind, cell.kind))
    several = len({other.kind for other in truth.cells}) > 1
    return (part if several else None), kind


def check(found: Any, wanted: Iterable[Expected], dtype: str) -> None:
    """Compare a fit with what it must say: every slice of a matrix, and no other."""
    wanted_of, slices = _paired(found, wanted)
    lacking = sorted(wanted_of.keys() - slices.keys(), key=str)
    surplus = sorted(slices.keys() - wanted_of.keys(), key=str)
    assert not lacking and not surplus, f"\nmissing: {lacking}\nfound instead: {surplus}"
    _compare(slices, wanted_of, dtype)


def check_what_is_said(found: Any, wanted: Iterable[Expected], dtype: str) -> None:
    """Compare a fit that may leave tensors whole, with a reason, but must say nothing wrong."""
    wanted_of, slices = _paired(found, wanted)
    surplus = sorted(slices.keys() - wanted_of.keys(), key=str)
    assert not surplus, f"\nwrong: {surplus}"
    whole = {key[0]: item for key, item in slices.items() if key[1] is None and key[4] is None}
    for key in wanted_of.keys() - slices.keys():
        assert key[0] in whole, f"nothing is said of {key}"
        assert "not split" in whole[key[0]].reason, f"no reason is given for leaving out {key}"
    _compare(slices, {key: wanted_of[key] for key in slices}, dtype)


def _paired(found: Any, wanted: Iterable[Expected]) -> tuple[dict[Key, Expected], dict[Key, Any]]:
    """Slices by what tells them apart, wanted and found."""
    wanted_of = {item.key: item for item in wanted}
    tensors = {item.tensor for item in wanted_of.values()}
    slices, strangers = {}, []
    for item in found.slices:
        if item.tensor in tensors:
            slices[item.tensor, item.part, item.kind, item.expert, item.head] = item
        elif len(item.shape) > 1 and item.kind not in ("bias", "norm"):
            strangers.append(item.tensor)
    assert not strangers, f"matrices that no rule speaks of: {strangers}"
    return wanted_of, slices


def _compare(slices: Mapping[Key, Any], wanted_of: Mapping[Key, Expected], dtype: str) -> None:
    wrong = []
    for key, item in wanted_of.items():
        measured = slices[key]
        allowed = STANDARD_ERRORS * item.error + ROUNDING[dtype] * item.rms
        if measured.block != item.block or measured.n + measured.zeros != item.n:
            wrong.append((key, measured.block, item.block, measured.n, item.n))
        elif abs(measured.rms - item.rms) > allowed:
            wrong.append((key, measured.rms, item.rms, item.error))
        elif item.drawn is not None and abs(measured.rms / item.drawn - 1) > WRITTEN_DOWN:
            wrong.append((key, measured.rms, item.drawn))
        elif item.kind != "other" and measured.status not in ("ok", "too_few"):
            wrong.append((key, measured.status, measured.reason))
    assert not wrong, wrong
