"""Tensors that lie beside others, under one of several names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo


def first_of(names: Iterable[str], tensors: Mapping[str, TensorInfo]) -> TensorInfo | None:
    """Return the first tensor that is there, or None."""
    return next((tensors[name] for name in names if name in tensors), None)


class Neighbours:
    """Looks for what lies beside tensors, under names that occur: most of those tried never do.

    Parameters
    ----------
    tensors : mapping of str to TensorInfo
        All tensors of a checkpoint by name.
    leaves : collection of str
        The last parts of their names.
    names : callable
        Returns the names to try for a tensor's; beside one with an owner they have that one, too.
    """

    def __init__(
        self,
        tensors: Mapping[str, TensorInfo],
        leaves: Collection[str],
        names: Callable[[str], Iterable[str]],
    ) -> None:
        self._tensors = tensors
        self._leaves = leaves
        self._names = names
        self._parts: dict[str, list[str]] = {}

    def of(self, name: str) -> TensorInfo | None:
        """Return the first tensor that is there, or None."""
        owner, _, last = name.rpartition(".")
        if not owner:
            return first_of(self._names(name), self._tensors)
        parts = self._parts.get(last)
        if parts is None:
            tried = (each.rpartition(".")[2] for each in self._names(f"owner.{last}"))
            parts = self._parts[last] = [f".{each}" for each in tried if each in self._leaves]
        for part in parts:
            if (found := self._tensors.get(owner + part)) is not None:
                return found
        return None
