"""A tensor that may be cut, with all facts from which a rule can derive its layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weightgauge.anatomy.components.names import stem
from weightgauge.anatomy.layouts.layout import NotCut
from weightgauge.errors import printable

if TYPE_CHECKING:
    from weightgauge.anatomy.architecture import TowerFacts

MOST = 1 << 31
"""Every count in a configuration is smaller than this."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tensor that may be cut: its shape, its neighbours and the facts about its tower.

    Attributes
    ----------
    name, shape, kind : str, tuple of int, str
        Name, shape and kind of the tensor.
    facts : TowerFacts
        What is known about its tower.
    shapes : mapping of str to tuple of int
        Shapes of all tensors of the checkpoint by name.
    transposed : bool
        Whether the tensor is stored in blocks of codes, for which its family transposes the matrix.
    inputs_first : bool
        Whether the shape is known to be [in, out].
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    facts: TowerFacts
    shapes: Mapping[str, tuple[int, ...]]
    transposed: bool = False
    inputs_first: bool = False

    @property
    def path(self) -> str:
        """Path of the module that owns the tensor."""
        return stem(self.name) or self.name

    def beside(self, *tails: str, up: int = 1) -> tuple[int, ...] | None:
        """Return the shape of a weight beside the tensor, or `up` levels up; None without one."""
        owner = self.path
        for _ in range(up):
            owner = owner.rpartition(".")[0]
        for tail in tails:
            path = f"{owner}.{tail}" if owner else tail
            for ending in (".weight", "", ".base_layer.weight", ".linear.weight"):
                if path + ending in self.shapes:
                    return self.shapes[path + ending]
        return None

    def heads(self) -> int:
        """Return the number of query heads; raise `NotCut` where it is not known."""
        if self.facts.heads is None:
            raise self._not_known("heads")
        return self.facts.heads

    def heads_filling(self, length: int, heads: int | None, what: str) -> int:
        """Return how many heads share rows or columns of this length.

        Parameters
        ----------
        length : int
            The number of rows or columns.
        heads : int or None
            Their number in the whole tower; None where it is not known or blocks differ, so that it
            follows from the length of a head.
        what : str
            What they are called.

        Raises
        ------
        NotCut
            If neither is known, or heads of that length do not fill the rows.
        """
        if heads is not None:
            return heads
        dim = self.facts.head_dim
        if dim is None or self.facts.heads is not None or length % dim:
            raise self._not_known(what)
        return length // dim

    def _not_known(self, what: str) -> NotCut:
        return NotCut(f"the number of {what} is not known{self.without_config()}")

    def count(self, key: str) -> int:
        """Return a count of the configuration; raise `NotCut` where it is missing or invalid."""
        value = self.facts.config.get(key)
        if value is None:
            raise NotCut(f"config.json does not say {key}")
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < MOST:
            raise NotCut(f"{key} in config.json is not a reasonable number")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Return a truth value of the configuration; raise `NotCut` where it is none."""
        value = self.facts.config.get(key, default)
        if not isinstance(value, bool):
            raise NotCut(f"{key} in config.json is neither true nor false")
        return value

    def without_family(self) -> str:
        """Say why the layout does not follow from the name of the family."""
        model_type = self.facts.model_type
        if model_type is not None:
            return f", and this one (model_type '{printable(model_type, limit=40)}') is not known"
        if self.facts.config:
            return ", and config.json gives no model_type that tells"
        return self.without_config()

    def without_config(self) -> str:
        """Say that there is no configuration of the tower, to explain a missing fact; else ""."""
        return "" if self.facts.config else ", there being no config.json that tells"
