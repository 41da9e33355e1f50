"""Every slice of a model with its fit, and a summary for every kind."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from weightgauge.anatomy.architecture import Architecture
from weightgauge.errors import printable
from weightgauge.findings import Finding, verdict
from weightgauge.fits.columns import Columns, columns_of
from weightgauge.fits.kind_summary import KindSummary
from weightgauge.fits.pieces import counted_rows, divided_rows, wholes
from weightgauge.fits.slice_fit import SliceFit
from weightgauge.fits.slice_rows import SliceRows
from weightgauge.frames import InPolars, TypedRows
from weightgauge.records import Table, to_frame, typed
from weightgauge.upper import InNotebook, done_above

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

SCHEMA_VERSION = 1


@dataclass(frozen=True, repr=False)  # without slots: what is asked for twice is kept
class ModelFit(InPolars, InNotebook):
    """Every slice of a checkpoint with its fit, and a summary for every kind.

    Its length is the number of slices, iteration goes over them, and ``fit["q"]`` is the summary of
    a kind.

    Attributes
    ----------
    model : str
        What was asked for.
    protocol, trim : str
        How the fits were made.
    zero_handling : {"exclude", "censor"}
        What zeros were to the fits: left out, or below all other magnitudes (left-censored).
    exact : bool
        Whether wide formats were counted without binning.
    slices : sequence of SliceFit
        Sorted by tower, then by block as a number (embeddings before, the rest after the blocks),
        then by kind, expert, name, part and head.
    kinds : Table of KindSummary
        One for each kind that occurs, in the order of `weightgauge.anatomy.components.KINDS`.
    warnings : tuple of str
        What is odd about the tensors, their configuration or the choice of them.
    architecture : Architecture
        Heads, experts and other facts about each tower of the checkpoint.
    findings : Table of Finding
        What is wrong or odd about the model, the most serious first.
    """

    model: str
    protocol: str
    trim: str
    zero_handling: str
    exact: bool
    slices: Sequence[SliceFit]
    kinds: Table[KindSummary]
    warnings: tuple[str, ...]
    architecture: Architecture = field(default_factory=Architecture)
    findings: Table[Finding] = field(default_factory=lambda: Table(Finding))

    @cached_property
    def wholes(self) -> Mapping[str, SliceFit]:
        """Slices of tensors that are given whole and in pieces: the wholes, by name."""
        return MappingProxyType(wholes(self.slices))

    @cached_property
    def pieces(self) -> Table[SliceFit]:
        """All slices but whole tensors that are also given in pieces of their own kind."""
        return self._records(self.piece_rows)

    @cached_property
    def counted(self) -> Table[SliceFit]:
        """What medians are taken over: `pieces`, less the products B A of kinds stored as well."""
        return self._records(self.counted_rows)

    @cached_property
    def matrices(self) -> Table[SliceFit]:
        """Those of `counted` that are matrices of a known kind: no norms, biases and others."""
        return self._records(self.matrix_rows)

    def _records(self, rows: NDArray[np.int64]) -> Table[SliceFit]:
        return Table(SliceFit, (self.slices[row] for row in rows.tolist()))

    @cached_property
    def columns(self) -> Columns:
        """The slices as columns, for whoever looks at all of them."""
        return columns_of(self.slices)

    @cached_property
    def piece_rows(self) -> NDArray[np.int64]:
        """Places of `pieces` in `columns`."""
        return np.array(divided_rows(self.columns), np.int64)

    @cached_property
    def counted_rows(self) -> NDArray[np.int64]:
        """Places of `counted` in `columns`."""
        if not self.columns.products.any():
            return self.piece_rows
        return np.array(counted_rows(self.columns), np.int64)

    @cached_property
    def matrix_rows(self) -> NDArray[np.int64]:
        """Places of `matrices` in `columns`."""
        rows = self.counted_rows
        return rows[self.columns.of_matrices[rows]]

    def select(
        self,
        *,
        kind: str | Collection[str] | None = None,
        block: int | Collection[int] | None = None,
        tower: str | Collection[str] | None = None,
        expert: int | Collection[int] | None = None,
        head: int | Collection[int] | None = None,
    ) -> Table[SliceFit]:
        """Choose slices by what they are.

        Parameters
        ----------
        kind, block, tower, expert, head
            A value, or a collection of values such as ``range(4)``; None for any.

        Returns
        -------
        Table of SliceFit
            All slices that have each of the values, in their order.

        Examples
        --------
        >>> import weightgauge as wg
        >>> from weightgauge import demo
        >>> fit = wg.fit(demo.paths()["step-0"])
        >>> [item.block for item in fit.select(kind="q", block=range(2))]
        [0, 1]
        """
        asked = {"kind": kind, "block": block, "tower": tower, "expert": expert, "head": head}
        wanted = [(name, _values(value)) for name, value in asked.items() if value is not None]
        return Table(
            SliceFit,
            (
                item
                for item in self.slices
                if all(getattr(item, name) in values for name, values in wanted)
            ),
        )

    def __len__(self) -> int:
        return len(self.slices)

    def __iter__(self) -> Iterator[SliceFit]:
        return iter(self.slices)

    def __contains__(self, item: object) -> bool:
        """Whether there is a kind of that name, or that slice."""
        if isinstance(item, str):
            return any(each.kind == item for each in self.kinds)
        return item in self.slices

    def __getitem__(self, kind: str) -> KindSummary:
        """Return the summary of a kind; KeyError names those that there are."""
        for each in self.kinds:
            if each.kind == kind:
                return each
        there = ", ".join(each.kind for each in self.kinds) or "none"
        raise KeyError(f"no slice is of the kind {kind!r}; there are: {there}")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document: plain values, None for what does not apply.

        Returns
        -------
        dict
            ``schema_version``, ``weightgauge`` (version), ``model``, ``protocol``, ``trim``,
            ``zero_handling``, ``exact``, ``architecture``, ``verdict``, and ``findings``,
            ``slices`` and ``kinds`` (a list of dicts each).
        """
        return {**self.to_columnar(), "slices": self.to_dicts()}

    def to_columnar(self) -> dict[str, Any]:
        """Return what `to_dict` does, with the slices as rows that are held as columns."""
        from weightgauge._version import __version__

        return {
            "schema_version": SCHEMA_VERSION,
            "weightgauge": __version__,
            "model": self.model,
            "protocol": self.protocol,
            "trim": self.trim,
            "zero_handling": self.zero_handling,
            "exact": self.exact,
            "architecture": self.architecture.to_dict(),
            "verdict": verdict(self.findings),
            "findings": self.findings.to_dicts(),
            "slices": SliceRows(self.slices),
            "kinds": self.kinds.to_dicts(),
        }

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dict of plain values per slice, in the order of `slices`."""
        return list(SliceRows(self.slices))

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame with one row per slice.

        Returns
        -------
        pandas.DataFrame
            Columns named and ordered as in JSON. `block`, `expert` and `head` are nullable
            integers; missing numbers are NaN.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        return to_frame(SliceFit, self.to_dicts())

    def typed_rows(self) -> TypedRows:
        """Return the rows of `to_pandas` and the types of their columns."""
        return typed(SliceFit, self.to_dicts())

    def plot_depth(self, *, quantity: str = "k", ax: Axes | None = None) -> Axes:
        """Draw how a number of each kind goes from block to block.

        A ribbon shows one standard error on either side, or where several matrices share a block,
        such as experts, their median is drawn and the ribbon reaches from the smallest to the
        largest. A broken line shows the k of Gaussian weights.

        Parameters
        ----------
        quantity : {"k", "ln_lambda", "k_error"}
            What is drawn.
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default axes of a new figure, one of pyplot if that is imported.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed (extra `plot`).
        NothingSelectedError
            If there is nothing to draw.
        ValueError
            If there is no such quantity.

        Examples
        --------
        >>> import weightgauge as wg
        >>> from weightgauge import demo
        >>> axes = wg.fit(demo.paths()["step-last"]).plot_depth()
        >>> axes.get_ylabel(), [line.get_label() for line in axes.lines][:2]
        ('shape $k$', ['q', 'k'])
        """
        axes: Axes = done_above("plot_depth", self, quantity=quantity, ax=ax)
        return axes

    def plot_heatmap(self, *, quantity: str = "k", ax: Axes | None = None) -> Axes:
        """Draw a number of every kind in every block by colour.

        Colours of k begin at that of Gaussian weights: orange below, which is heavier tails, blue
        above. Matrices without a fit are left blank.

        Parameters
        ----------
        quantity, ax
            As for `plot_depth`.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        MissingExtraError, NothingSelectedError, ValueError
            As for `plot_depth`.
        """
        axes: Axes = done_above("plot_heatmap", self, quantity=quantity, ax=ax)
        return axes

    def plot_weibull(
        self, tensor: str | SliceFit, *, source: Any = None, ax: Axes | None = None
    ) -> Axes:
        """Draw the Weibull probability plot of one slice, with the fitted line and its window.

        A fit keeps no counts, so the tensor is read once more. If its bytes are others than those
        that were fitted, that is an error.

        Parameters
        ----------
        tensor : str or SliceFit
            Name of a tensor, or one of `slices`.
        source : model, optional
            What to read it from, as for `weightgauge.fit`; by default `model`. Of a model in memory
            it must be given. `weightgauge.scan` makes one that has all counts.
        ax : matplotlib.axes.Axes, optional
            As for `plot_depth`.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed (extra `plot`).
        NothingSelectedError
            If there is no such tensor, or it has several slices and none that is the whole.
        NeedsWeightsError
            If the model is not to be found by its name, or has no counts of the tensor.
        FileChangedError
            If the tensor is not what it was.
        """
        axes: Axes = done_above("plot_weibull", self, tensor, source=source, ax=ax)
        return axes

    def __repr__(self) -> str:
        """Show how much was fitted, and the median k of the first kinds of matrix."""
        fitted = int(self.columns.fitted.sum())
        medians = [
            f"{kind.kind} {kind.k_median:.3f}"
            for kind in self.kinds
            if kind.kind not in ("norm", "bias", "other") and kind.k_median == kind.k_median
        ]
        shown = ", ".join(medians[:3]) + (", ..." if len(medians) > 3 else "")
        return (
            f"<ModelFit '{printable(self.model, limit=40)}': {fitted:,} of {len(self.slices):,} "
            f"slices fitted ({self.protocol}, {self.trim}); k: {shown or 'none'}>"
        )


def _values(asked: object) -> Collection[Any]:
    return asked if isinstance(asked, Collection) and not isinstance(asked, str) else (asked,)
