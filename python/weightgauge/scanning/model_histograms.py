"""The histograms of a whole model: everything about its distributions, without its weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from weightgauge.anatomy.selection import choose
from weightgauge.errors import NeedsWeightsError, printable
from weightgauge.findings import Finding
from weightgauge.fits.slice_fit import SliceFit, refitted, table_order, with_independent_errors
from weightgauge.frames import InPolars, TypedRows
from weightgauge.magnitudes.histogram import MagnitudeHistogram
from weightgauge.magnitudes.options import FitOptions
from weightgauge.magnitudes.weibull import WeibullFit, fit_of_histogram
from weightgauge.readings import FileNumber, noted, refuse_files
from weightgauge.records import Table, to_frame, typed
from weightgauge.scanning.measured import Measured
from weightgauge.scanning.packed_histogram import unpack
from weightgauge.scanning.saved_model import SavedModel, SavedSlice
from weightgauge.scanning.wghist.file import read_histograms, write_histograms
from weightgauge.upper import InNotebook

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

_STANDARD = FitOptions(threads=1)


@dataclass(frozen=True, repr=False)
class ModelHistograms(SavedModel, InPolars, InNotebook):
    """The magnitude histogram of every slice of a model.

    Made by `weightgauge.scan` or `ModelHistograms.load`. Whatever takes a model takes this in its
    place.

    Attributes
    ----------
    model : str
        What was scanned.
    per : {"tensor", "head", "expert"}
        What one slice is.
    slices : tuple of SavedSlice
        In the order in which they were stored.
    tensors : tuple of dict
        What `weightgauge ls` tells of each tensor.
    files : int
        How many files the weights lie in.
    architecture : Architecture
        Heads, experts and other facts about each tower.
    warnings : tuple of str
        What was odd about the tensors.
    findings : Table of Finding
        What files, indexes and configurations showed.
    file : str or None
        Where they were loaded from.
    read : frozenset of (int, int)
        Device and number of every file that was read for it; `save` replaces none of them.
    """

    file: str | None = None
    read: frozenset[FileNumber] = field(default=frozenset(), compare=False)

    def fits(
        self, options: FitOptions, *, progress: Callable[[int, int], None] | None = None
    ) -> Table[SliceFit]:
        """Fit all slices from their counts; see `CheckpointSlices.fits`.

        Fits with the standard options are those that the scan made. Of others, errors are those of
        independent weights, because counts do not tell rows and columns.

        Raises
        ------
        NeedsWeightsError
            If exact fits of binned histograms are asked for.
        """
        found = [each.fit for each in self.measure(options, progress=progress)]
        return Table(SliceFit, sorted(found, key=table_order))

    def measure(
        self, options: FitOptions, *, progress: Callable[[int, int], None] | None = None
    ) -> Iterator[Measured]:
        """Fit all slices from their counts; see `CheckpointSlices.measure`.

        Raises
        ------
        NeedsWeightsError
            If exact fits of binned histograms are asked for.
        """
        del progress  # it takes no time worth showing
        if options.exact and any(self._binned(item) for item in self.slices):
            raise NeedsWeightsError(
                f"{printable(self.file or self.model)}: large F32 and F64 tensors were counted in "
                "fine bins; exact fits need the weights"
            )
        for item in self.slices:
            counts = None if item.packed is None else MagnitudeHistogram(unpack(item.packed))
            found = _fitted(item, counts, options)
            fit = item.fit
            if found is not None:
                fit = refitted(fit, found, missing=item.missing, note=item.note)
            if options.errors == "independent":
                fit = with_independent_errors(fit)
            yield Measured(fit, counts, item.scale, item.note, item.missing)

    def doubts(self, options: FitOptions) -> tuple[str, ...]:
        """Say what fits from these counts are not as exact as fits of the weights would be."""
        binned = sum(self._binned(item) for item in self.slices)
        full = (
            ("errors from all rows and columns need the weights: those that were kept are shown",)
            if options.errors == "full"
            else ()
        )
        if options.protocol != "paper" or not binned:
            return full
        return (
            *full,
            f"{binned:,} large F32 and F64 slices were counted in fine bins, from which the "
            "published bins are filled: k and lambda to about 1e-4 of those of the weights",
        )

    def only(
        self, *, include: str | Sequence[str] | None, exclude: str | Sequence[str] | None, per: str
    ) -> ModelHistograms:
        """Return a part of it, as `weightgauge.fit` would choose.

        Raises
        ------
        NeedsWeightsError
            If slices of another size are asked for than were counted.
        NothingSelectedError
            If `include` and `exclude` leave no tensor.
        """
        if per != self.per:
            raise NeedsWeightsError(
                f"{printable(self.file or self.model)}: the histograms are those per {self.per}; "
                f"those per {per} need the weights"
            )
        named = [_Named(name) for name in dict.fromkeys(each.fit.tensor for each in self.slices)]
        chosen, unmatched = choose(named, include=include, exclude=exclude)
        names = {each.name for each in chosen}
        unchosen = {row["tensor"] for row in self.tensors} - names
        return replace(
            self,
            slices=tuple(item for item in self.slices if item.fit.tensor in names),
            tensors=tuple(row for row in self.tensors if row["tensor"] in names),
            warnings=(*self.warnings, *unmatched),
            findings=Table(
                Finding,
                (each for each in self.findings if each.tensor not in unchosen),
            ),
        )

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write everything to one file, by custom named ``.wghist``.

        Parameters
        ----------
        path : str or path-like
            Where to. An existing file is replaced only with `force`, and never half-written.

        Raises
        ------
        OutputExistsError
            The file exists and `force` was not given.
        OutputError
            It is one of the files that this was read from, which are never replaced.
        HistogramFileError
            What would be written could not be read again; nothing is written.
        OSError
            The file cannot be written.
        """
        refuse_files(path, self.read)
        write_histograms(self, path, force=force)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ModelHistograms:
        """Read what `save` wrote.

        Raises
        ------
        HistogramFileError
            There is no such file, it cannot be read, is something else, or damaged.
        FileChangedError
            It became shorter while it was read.
        """
        with noted() as read:
            saved = read_histograms(path)
        given = {each.name: getattr(saved, each.name) for each in fields(saved)}
        return cls(**given, file=os.fsdecode(path), read=frozenset(read))

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dict of plain values per slice, as those of `weightgauge.fit` of the model."""
        return self.fits(_STANDARD).to_dicts()

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame with one row per slice, as that of `weightgauge.fit` of the model.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        return to_frame(SliceFit, self.to_dicts())

    def typed_rows(self) -> TypedRows:
        """Return the rows of `to_pandas` and the types of their columns."""
        return typed(SliceFit, self.to_dicts())

    @property
    def nbytes(self) -> int:
        """Bytes that the counts take."""
        return sum(item.packed.nbytes for item in self.slices if item.packed is not None)

    def __repr__(self) -> str:
        """Show how much was counted."""
        return (
            f"<ModelHistograms '{printable(self.model)}': {len(self.slices):,} slices per "
            f"{self.per}, {self.nbytes:,} bytes>"
        )

    @staticmethod
    def _binned(item: SavedSlice) -> bool:
        return item.packed is not None and item.packed.dropped_bits > 0


class _Named(NamedTuple):
    name: str


def _fitted(
    item: SavedSlice, counts: MagnitudeHistogram | None, options: FitOptions
) -> WeibullFit | None:
    """Fit the counts; None where the fit that was saved is the one that is asked for."""
    asked = (options.trim, options.protocol, options.zeros)
    if counts is None or asked == (_STANDARD.trim, _STANDARD.protocol, _STANDARD.zeros):
        return None  # the scan knew the weights: their rows, and what lies inside of bins
    if options.protocol == "paper" and item.scale != 1.0:  # its bins are those of scaled values
        return fit_of_histogram(counts.scaled(item.scale)._core, options)
    return fit_of_histogram(counts._core, options, scale=item.scale)
