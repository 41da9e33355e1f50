"""Shapes by name, for the few that are looked up of very many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class NamedShapes(Mapping[str, tuple[int, ...]]):
    """Shapes of the tensors of a checkpoint, and of the matrices made of them, by name.

    What is looked up are the neighbours of one tensor of each form. For them names are found by
    their hashes, in an eighth of the memory that a dict takes.

    Parameters
    ----------
    names, shapes : sequence
        Of the tensors. No name occurs twice.
    made : mapping of str to tuple of int
        Of the matrices that are made of them. Where a tensor has the same name, this shape counts.
    """

    def __init__(
        self,
        names: Sequence[str],
        shapes: Sequence[tuple[int, ...]],
        made: Mapping[str, tuple[int, ...]],
    ) -> None:
        self._names = names
        self._shapes = shapes
        self._made = made

    @cached_property
    def _by_hash(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The hashes of the tensors' names, ascending, and the place of each."""
        import numpy as np

        hashes = np.fromiter(map(hash, self._names), np.int64, len(self._names))
        places = np.argsort(hashes)
        return hashes[places], places.astype(np.int32)

    def __getitem__(self, name: str) -> tuple[int, ...]:
        """Return the shape that goes by a name."""
        if name in self._made:
            return self._made[name]
        hashes, places = self._by_hash
        wanted = hash(name)
        for at in range(int(hashes.searchsorted(wanted)), len(hashes)):
            if hashes[at] != wanted:
                break
            place = int(places[at])
            if self._names[place] == name:
                return self._shapes[place]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return chain((name for name in self._names if name not in self._made), self._made)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def different(self) -> set[tuple[int, ...]]:
        """Return the shapes, each once."""
        made = self._made
        if not made:
            return set(self._shapes)
        pairs = zip(self._names, self._shapes, strict=True)
        return {shape for name, shape in pairs if name not in made} | set(made.values())
