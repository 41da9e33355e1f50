"""The magnitude histogram: all that is known of a slice's distribution, without the weights."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weightgauge.magnitudes.arrays import array_view
from weightgauge.magnitudes.options import FitOptions
from weightgauge.magnitudes.quantile import checked_probabilities
from weightgauge.magnitudes.weibull import WeibullFit, fit_of_histogram
from weightgauge.upper import InNotebook

if TYPE_CHECKING:
    from weightgauge import _core


class MagnitudeHistogram(InNotebook):
    """Counts of the magnitudes |w| that occur in a slice.

    For formats of 16 bits and fewer, and for F32 and F64 slices of up to 131,072 elements, there is
    one entry for every distinct magnitude: nothing about the distribution is lost. Larger F32 and
    F64 slices are counted in bins of relative width 2^-13 (`exact` is False); below the normal
    range, bins are 2^-139 (F32) or 2^-1035 (F64) wide. The count and the mean of each bin are
    known. Every fit from bins says how far from that of the elements it may be: usually below
    1e-8, if the magnitudes spread over more than a few per cent.

    Histograms are made by `magnitude_histogram` or `MagnitudeHistogram.load` and never change.
    """

    __slots__ = ("_core",)

    def __init__(self, core: _core.Histogram) -> None:
        self._core = core

    @property
    def dtype(self) -> str:
        """Element format, in the spelling of safetensors."""
        return self._core.dtype

    @property
    def exact(self) -> bool:
        """Whether every entry is a single magnitude rather than a bin."""
        return self._core.dropped_bits == 0

    @property
    def n(self) -> int:
        """Number of finite non-zero elements."""
        return self._core.n

    @property
    def zeros(self) -> int:
        """Number of zeros of either sign."""
        return self._core.zeros

    @property
    def nan(self) -> int:
        """Number of NaN."""
        return self._core.nans

    @property
    def inf(self) -> int:
        """Number of infinities."""
        return self._core.infs

    @property
    def nonfinite(self) -> int:
        """Number of elements that are NaN or infinite."""
        return self.nan + self.inf

    @property
    def magnitudes(self) -> NDArray[np.float64]:
        """Magnitudes that occur, ascending; if not `exact`, means of bins."""
        return self._core.magnitudes()

    @property
    def counts(self) -> NDArray[np.uint64]:
        """Number of elements of each entry of `magnitudes`; read-only."""
        return self._core.counts

    @property
    def rms(self) -> float:
        """Root mean square of all finite elements, zeros included; NaN if there are none.

        Exact if the histogram is, else within a relative 4e-9. Never above `max`.
        """
        return self._core.rms

    @property
    def max(self) -> float:
        """Largest finite magnitude; NaN if there is none."""
        return self._core.max

    def fit(
        self, *, trim: str = "mid_80", protocol: str = "order", zeros: str = "exclude"
    ) -> WeibullFit:
        """Fit a Weibull distribution; the numbers are those of `fit_weibull` on the elements.

        If the histogram is not `exact`, k, lambda and R2 are within a relative `error_bound` of
        those of the elements, wherever these lie inside their bins. `fit_weibull` looks at the
        elements again where that exceeds 1e-8; a histogram has none to look at. If it would exceed
        1e-6, because the magnitudes lie too close together for the bins, the status is
        ``degenerate``; then only the elements themselves can be fitted.

        Parameters
        ----------
        trim : {"mid_80", "mid_90", "full"}
            Window of plotting positions.
        protocol : {"order", "paper"}
            If the histogram is not `exact`, the paper's bins are filled from the means of the fine
            bins, which moves about one element in 500 by a fine bin's width.
        zeros : {"exclude", "censor"}
            Leave zeros out, or rank them below all other magnitudes (left-censored); not with
            `protocol` "paper".

        Returns
        -------
        WeibullFit

        Raises
        ------
        ValueError
            If an option is none of its choices, or zeros are to be censored in the published
            protocol.
        """
        return fit_of_histogram(self._core, FitOptions(trim=trim, protocol=protocol, zeros=zeros))

    def quantiles(self, p: ArrayLike) -> NDArray[np.float64]:
        """Return quantiles of the finite non-zero magnitudes, by NumPy's method ``inverted_cdf``.

        Parameters
        ----------
        p : array_like of float
            Probabilities in [0, 1].

        Returns
        -------
        ndarray of float64
            Shape of `p`. The values are exact if the histogram is, else within the width of a bin.
            NaN if n is 0.
        """
        values = checked_probabilities(p)
        found = self._core.quantiles(values.ravel().tolist())
        return np.asarray(found, dtype=np.float64).reshape(values.shape)

    def ks(self, k: float, lam: float) -> float:
        """Return the Kolmogorov-Smirnov distance to a Weibull distribution.

        It is the supremum of |F_n - F| over all magnitudes, on both sides of every jump of F_n.

        Parameters
        ----------
        k, lam : float
            Shape and scale, both positive and finite.

        Returns
        -------
        float
            Between 0 and 1; NaN if n is 0. If the histogram is not `exact`, it is taken at the
            edges of its bins, and too small by at most the step of F across one of them.
        """
        if not (0 < k < np.inf and 0 < lam < np.inf):
            raise ValueError(f"shape and scale must be positive and finite, not {k!r} and {lam!r}")
        return self._core.ks(k, lam) if self.n > 0 else float("nan")

    def merge(self, other: MagnitudeHistogram) -> MagnitudeHistogram:
        """Return the histogram of both slices together.

        Raises
        ------
        ValueError
            The element formats differ.
        """
        if self.dtype != other.dtype:
            raise ValueError(
                f"histograms of {self.dtype} and {other.dtype} magnitudes cannot be merged"
            )
        return MagnitudeHistogram(self._core.merge(other._core))

    def scaled(self, by: float) -> MagnitudeHistogram:
        """Return the histogram of all elements times a number, rounded as float32 arithmetic does.

        Parameters
        ----------
        by : float
            The number. If it is zero or not finite, so are the products.

        Returns
        -------
        MagnitudeHistogram

        Raises
        ------
        ValueError
            This histogram is not `exact`, or of F64.
        """
        if not self.exact or self.dtype == "F64":
            raise ValueError("only counts of single magnitudes that float32 holds can be scaled")
        with np.errstate(over="ignore", invalid="ignore"):
            products = (self.magnitudes * abs(float(np.float32(by)))).astype(np.float32)
        counts = self.counts
        zero, nan, inf = products == 0, np.isnan(products), np.isinf(products)
        keys = products[~(zero | nan | inf)].view(np.uint32)
        distinct, place = np.unique(keys, return_inverse=True)
        merged = np.zeros(len(distinct), np.uint64)
        np.add.at(merged, place, counts[~(zero | nan | inf)])
        zeros_gone = 0 if np.isfinite(by) else self.zeros  # 0 times infinity is NaN
        infs_gone = self.inf if by == 0 or np.isnan(by) else 0
        return _made(
            "F32",
            0,
            self.zeros - zeros_gone + int(counts[zero].sum()),
            self.nan + zeros_gone + infs_gone + int(counts[nan].sum()),
            self.inf - infs_gone + int(counts[inf].sum()),
            int(distinct[-1]) if len(distinct) else 0,
            None,
            distinct.astype(np.uint64),
            merged,
            np.empty(0, np.uint64),
        )

    def __add__(self, other: object) -> MagnitudeHistogram:
        """Merge two histograms."""
        if not isinstance(other, MagnitudeHistogram):
            return NotImplemented
        return self.merge(other)

    def __radd__(self, other: object) -> MagnitudeHistogram:
        """Add to the number 0, with which ``sum(histograms)`` begins."""
        return self if other == 0 and isinstance(other, int) else NotImplemented

    def __eq__(self, other: object) -> bool:
        """Compare element formats and all counts."""
        if not isinstance(other, MagnitudeHistogram):
            return NotImplemented
        return self._scalars() == other._scalars() and all(
            np.array_equal(mine, theirs)
            for mine, theirs in zip(self._arrays(), other._arrays(), strict=True)
        )

    __hash__ = None  # type: ignore[assignment]  # compared by content, like an array

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what pickle needs to make the same histogram in another process."""
        totals = self._scalars()
        return _made, (*totals, *self._arrays())

    def __repr__(self) -> str:
        """Show what was counted."""
        entries = len(self._core.counts)
        kind = "magnitudes" if self.exact else "bins"
        return (
            f"MagnitudeHistogram(dtype={self.dtype!r}, n={self.n}, {kind}={entries}, "
            f"zeros={self.zeros}, nan={self.nan}, inf={self.inf})"
        )

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write the histogram to one safetensors file.

        Parameters
        ----------
        path : str or path-like
            Path of the file. An existing file is replaced only with `force`. A file is never left
            half-written.

        Raises
        ------
        OutputExistsError
            The file exists and `force` was not given.
        """
        from weightgauge.magnitudes.histogram_file import write_histogram

        write_histogram(self._core, path, force=force)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> MagnitudeHistogram:
        """Read a histogram that `save` wrote.

        Raises
        ------
        HistogramFileError
            There is no such file, it cannot be read, is something else, or damaged.
        FileChangedError
            It became shorter while it was read.
        """
        from weightgauge.magnitudes.histogram_file import read_histogram

        return cls(read_histogram(path))

    def _scalars(self) -> tuple[Any, ...]:
        core = self._core
        totals = (core.dtype, core.dropped_bits, core.zeros, core.nans, core.infs, core.max_key)
        return (*totals, core.known_rms)

    def _arrays(self) -> tuple[NDArray[np.uint64], ...]:
        return (self._core.keys, self._core.counts, self._core.residuals)


def _made(
    dtype: str,
    dropped_bits: int,
    zeros: int,
    nans: int,
    infs: int,
    max_key: int,
    known_rms: float | None,
    keys: NDArray[np.uint64],
    counts: NDArray[np.uint64],
    residuals: NDArray[np.uint64],
) -> MagnitudeHistogram:
    """Make a histogram from the arguments that `MagnitudeHistogram.__reduce__` returned."""
    from weightgauge import _core

    return MagnitudeHistogram(
        _core.Histogram(
            dtype=dtype,
            dropped_bits=dropped_bits,
            keys=keys,
            counts=counts,
            residuals=residuals,
            zeros=zeros,
            nans=nans,
            infs=infs,
            max_key=max_key,
            known_rms=known_rms,
        )
    )


def magnitude_histogram(array: object, *, threads: int | None = None) -> MagnitudeHistogram:
    """Count the magnitudes of an array.

    Parameters
    ----------
    array : array_like of float
        As for `fit_weibull`; it is not copied.
    threads : int, optional
        At most this many threads.

    Returns
    -------
    MagnitudeHistogram

    Raises
    ------
    UnsupportedDtypeError
        The array does not hold floating-point numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import weightgauge as wg
    >>> histogram = wg.magnitude_histogram(np.array([0.5, -0.5, 2.0, 0.0], np.float16))
    >>> histogram.magnitudes, histogram.counts.tolist(), histogram.zeros
    (array([0.5, 2. ]), [2, 1], 1)
    """
    from weightgauge import _core

    options = FitOptions(threads=threads).to_core(fit=False, keep_histogram=True)
    results = _core.scan_array(array_view(array), progress=None, options=options)
    return MagnitudeHistogram(results.take_histogram(0))
