"""The facts about a tensor that classification uses, as a record and as columns of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from weightgauge.checkpoint.tensors import Tensors
from weightgauge.records import taken


class TensorLike(Protocol):
    """The facts about a tensor that classification uses."""

    @property
    def name(self) -> str:
        """Name of the parameter."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the parameter."""

    @property
    def dtype(self) -> str:
        """Element format of the parameter, in the spelling of safetensors."""


class TensorFacts(NamedTuple):
    """Columns of the facts about many tensors.

    Attributes
    ----------
    names, shapes, dtypes : sequence
        The attributes of `TensorLike`.
    """

    names: Sequence[str]
    shapes: Sequence[tuple[int, ...]]
    dtypes: Sequence[str]

    @classmethod
    def of(cls, tensors: Sequence[TensorLike]) -> TensorFacts:
        """Return the columns of tensors, which may have columns themselves."""
        if isinstance(tensors, Tensors):
            return cls(tensors.names, tensors.shapes, tensors.dtypes)
        return cls(
            [tensor.name for tensor in tensors],
            [tensor.shape for tensor in tensors],
            [tensor.dtype for tensor in tensors],
        )

    def take(self, rows: Sequence[int]) -> TensorFacts:
        """Return those of the tensors in the given places."""
        return TensorFacts(
            taken(self.names, rows), taken(self.shapes, rows), taken(self.dtypes, rows)
        )
