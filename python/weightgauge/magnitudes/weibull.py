"""The Weibull fit of one array, and the words for its outcome."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from weightgauge import _core
from weightgauge.magnitudes.arrays import array_view
from weightgauge.magnitudes.options import FitOptions
from weightgauge.records import as_row, maker
from weightgauge.wording import none_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Numbers = tuple[
    float, float, float, float, float, float, float, float, int, int, int, int, bool,
    int, int, int, int, float, float, int, bool,
    float, float, int, float, float, float, float, int, int, int, float, int, int, int, int,
]  # fmt: skip
"""k, its standard error, lambda, the standard error of ln lambda, R2, KS, RMS, maximum; numbers of
elements that were fitted, that are zero, and that are not finite; the core's status as an index
into `_core.fit_statuses`; whether the fit is exact; numbers of negative elements, of 2 KiB blocks
of zeros, of different magnitudes, and of elements at the maximum; the magnitude below it; the
lowest one other than zero; the digest of the bytes, and whether there is one; the standard errors
of k and ln lambda of a matrix, and what they rest on, as an index into the core's list; how far
rows or columns differ, in standard deviations, and the parts of the variance of ln |w|: of rows, of
columns, and the rest; rows and columns of zeros alone; rows that no token used, -1 where they were
not looked for, and k without them; elements above 4,096 lambda; different magnitudes in a row where
the values of each row lie on a grid, else 0; rows, and columns, far larger than most, -1 where they
were not looked for."""

_NO_MATRIX = (math.nan, math.nan, 0, *(math.nan,) * 4, 0, 0, -1, math.nan, 0, 0, -1, -1)

_MULTIPLIED = ("lam", "rms", "max", "second", "lowest")
"""Fields that are multiplied where all weights are."""

_STATUSES = tuple(_core.fit_statuses())
_TOLERANCE, _KS_TOLERANCE = _core.fit_tolerances()

# A slice with a larger share of zeros than this is marked `sparse`.
SPARSE_SHARE = 0.10

_TAKEN = {
    "exclude": "fitted on the rest",
    "censor": "they rank below all others (left-censored)",
}

# A fit from a histogram of bins is refused where its proven relative error exceeds this. The
# standard error of k is larger than that by far: 4e-5 for a billion elements.
_COARSE = 1e-6
_TOO_CLOSE = "the magnitudes are too close together for the bins; fit the elements"


@dataclasses.dataclass(frozen=True, slots=True)
class WeibullFit:
    """A two-parameter Weibull distribution fitted to the magnitudes |w| of one slice.

    P(|w| <= x) = 1 - exp(-(x / lam)^k), by least squares on the Weibull probability plot.

    Attributes
    ----------
    k : float
        Shape: 1.2054 for Gaussian weights, 1 for Laplacian ones; lower means heavier tails.
    k_se : float
        Standard error of `k` for independent magnitudes.
    lam : float
        Scale lambda, in the unit of the weights: 63.2 % of the magnitudes lie below it.
    ln_lambda_se : float
        Standard error of ln(lambda) for independent magnitudes, a relative error of lambda.
    r2 : float
        Squared correlation of the plot's points inside the window.
    ks : float
        Kolmogorov-Smirnov distance between all magnitudes and the fitted distribution.
    n : int
        Number of finite non-zero elements, which are those fitted.
    zeros, nonfinite : int
        Numbers of other elements. NaN and infinite ones are left out of the fit; what zeros are to
        it, `zero_handling` says.
    rms : float
        Root mean square of all finite elements, zeros included.
    max : float
        Largest finite magnitude.
    status : str
        ``ok``, ``sparse``, ``scale_not_applied`` (with numbers), ``degenerate``, ``empty``,
        ``too_few``, ``not_applicable`` or ``unsupported_dtype`` (numbers are NaN).
    reason : str
        Why the status is not ``ok``; empty if it is.
    protocol, trim, zero_handling : str
        As chosen by the caller, `zero_handling` as `zeros`.
    exact : bool
        Whether k, lambda and R2 are those of the sorted magnitudes to 1e-12; if not, magnitudes
        were counted in bins.
    error_bound : float
        By how much, relatively, k, lambda and R2 may differ from those of the sorted magnitudes
        because of bins. It is proven, not estimated: no placement of the elements inside their
        bins exceeds it. 0 if `exact`; at most 1e-8 for an array; at most 1e-6 for a histogram. NaN
        if there is no fit, or no bound, as for the published protocol from a histogram of bins.
    ks_bound : float
        By how much `ks` may be too small because of bins, proven likewise. 0 if `exact`; at most
        2e-4 for an array.
    """

    k: float
    k_se: float
    lam: float
    ln_lambda_se: float
    r2: float
    ks: float
    n: int
    zeros: int
    nonfinite: int
    rms: float
    max: float
    status: str
    reason: str
    protocol: str
    trim: str
    zero_handling: str
    exact: bool
    error_bound: float
    ks_bound: float

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values: ``lambda`` for `lam`, None for what is not finite."""
        return as_row(self)

    def __repr__(self) -> str:
        """Show the numbers, or the reason why there are none."""
        if math.isnan(self.k):
            return f"WeibullFit(status={self.status!r}, reason={self.reason!r}, n={self.n})"
        return (
            f"WeibullFit(k={self.k:.6g} ± {self.k_se:.2g}, lambda={self.lam:.6g}, "
            f"r2={self.r2:.6f}, ks={self.ks:.6f}, n={self.n}, status={self.status!r})"
        )


_weibull_fit = maker(WeibullFit)


def fit_weibull(
    array: object,
    *,
    trim: str = "mid_80",
    protocol: str = "order",
    zeros: str = "exclude",
    exact: bool = False,
    threads: int | None = None,
) -> WeibullFit:
    r"""Fit a Weibull distribution to the magnitudes of an array.

    The n finite non-zero magnitudes are sorted; the i-th has the plotting position
    p_i = (i - 1/2)/n. Least squares of ln(-ln(1 - p_i)) on ln x_i over the window gives k (the
    slope) and lambda = exp(-intercept / k).

    Parameters
    ----------
    array : array_like of float
        Any shape and strides; F64, F32, F16, BF16, the F8 formats and F4. NumPy arrays (also of
        ml_dtypes), PyTorch CPU tensors and objects with DLPack or the buffer protocol are not
        copied; sequences of numbers are converted.
    trim : {"mid_80", "mid_90", "full"}
        Window of plotting positions: [0.10, 0.90], [0.05, 0.95] or all.
    protocol : {"order", "paper"}
        Every order statistic, or the paper's 1,024 bins of log10 |w| (arXiv:2605.18898), for
        comparison with published numbers.
    zeros : {"exclude", "censor"}
        Leave zeros out, or count them in n as the lowest magnitudes, of which nothing else is known
        (left-censored): for weights of which the smallest were set to zero. Only non-zero
        magnitudes inside the window enter the regression. Not with `protocol` "paper".
    exact : bool
        F32 and F64 of more than 131,072 elements are fitted from fine bins; k, lambda and R2 are
        proven to be within 1e-8 of the exact fit, and KS is within 2e-4. With `exact`, or if they
        fill more than 262,144 bins, they are sorted, which gives 1e-12 and the exact KS and takes
        several times as long. All other formats are always exact.
    threads : int, optional
        At most this many threads; by default the processors the process may use.

    Returns
    -------
    WeibullFit

    Raises
    ------
    UnsupportedDtypeError
        The array does not hold floating-point numbers of a format named above.
    ValueError
        Unknown `trim`, `protocol` or `zeros`, or `threads` below 1; or zeros are to be censored in
        the published protocol.

    Examples
    --------
    >>> import numpy as np
    >>> import weightgauge as wg
    >>> fit = wg.fit_weibull((np.arange(1000) + 0.5) / 1000)  # evenly spread
    >>> print(f"{fit.k:.4f}")
    1.3751
    """
    options = FitOptions(trim=trim, protocol=protocol, zeros=zeros, exact=exact, threads=threads)
    results = _core.scan_array(array_view(array), progress=None, options=options.to_core())
    return fit_of_numbers(results.numbers()[0].item(), options)


def fit_of_numbers(numbers: Numbers, options: FitOptions) -> WeibullFit:
    """Return the fit of one slice, with the words for its status."""
    k, k_se, lam, ln_lambda_se, r2, ks, rms, largest, n, zeros, nonfinite, _, exact = numbers[:13]
    status, reason = status_and_reason(numbers, options)
    bounds = (math.nan, math.nan)
    if not math.isnan(k):
        # The published bins are filled from the elements, so that their counts are exact.
        bound = 0.0 if exact or options.protocol == "paper" else _TOLERANCE
        bounds = (bound, 0.0 if exact else _KS_TOLERANCE)
    return _weibull_fit(
        *(k, k_se, lam, ln_lambda_se, r2, ks, n, zeros, nonfinite, rms, largest),
        *(status, reason, options.protocol, options.trim, options.zeros, exact, *bounds),
    )


def rescaled(numbers: Numbers, by: float) -> Numbers:
    """Return the numbers of weights that are all multiplied by one number.

    Parameters
    ----------
    numbers : Numbers
        The numbers before that.
    by : float
        Magnitude of that number.

    Returns
    -------
    Numbers
        The scale lambda, RMS, the maximum, the magnitude below it and the lowest one are
        multiplied; nothing else changes. If the number is zero, infinite or NaN, there is no fit.
    """
    k, k_se, lam, ln_lambda_se, r2, ks, rms, largest, n, zeros, nonfinite, status, exact = numbers[
        :13
    ]
    negatives, blocks, levels, at_max, second, lowest, digest, digested = numbers[13:21]
    if 0 < by < math.inf:
        return (
            *(k, k_se, lam * by, ln_lambda_se, r2, ks, rms * by, largest * by),
            *(n, zeros, nonfinite, status, exact),
            *(negatives, blocks, levels, at_max, second * by, lowest * by, digest, digested),
            *numbers[21:],
        )
    finite = n + zeros
    zeros, nonfinite = (finite, nonfinite) if by == 0 else (0, finite + nonfinite)
    size = 0.0 if zeros else math.nan
    return (
        *(*(math.nan,) * 6, size, size),
        *(0, zeros, nonfinite, _STATUSES.index("empty"), exact),
        *(0, blocks, 0, 0, math.nan, math.nan, digest, digested),
        *_NO_MATRIX,
    )


def rescale(numbers: NDArray[np.void], rows: NDArray[np.intp], by: NDArray[np.float64]) -> None:
    """Do what `rescaled` does in some rows, each of which has a number of its own.

    Parameters
    ----------
    numbers : structured ndarray
        Numbers of many slices; see `_core.ScanResults.numbers`.
    rows : ndarray of int, shape (n,)
        The rows.
    by : ndarray of float64, shape (n,)
        Their magnitudes.
    """
    import numpy as np

    usual = (by > 0) & (by < math.inf)
    with np.errstate(over="ignore", under="ignore"):
        for name in _MULTIPLIED:
            numbers[name][rows[usual]] *= by[usual]
    for row, scale in zip(rows[~usual].tolist(), by[~usual].tolist(), strict=True):
        numbers[row] = rescaled(numbers[row].item(), scale)


def fit_of_histogram(
    counts: _core.Histogram, options: FitOptions, *, scale: float = 1.0
) -> WeibullFit:
    """Fit a histogram of the core; ``degenerate`` if its bins are too coarse.

    With a `scale`, all magnitudes are multiplied by it before the fit.
    """
    found = counts.fit(options.trim, options.zeros, options.paper_bins())
    numbers = _numbers(counts, found)
    fit = fit_of_numbers(numbers if scale == 1.0 else rescaled(numbers, scale), options)
    if fit.exact or math.isnan(fit.k):
        return fit
    if found.error_bound <= _COARSE:
        bound = math.nan if options.protocol == "paper" else found.error_bound
        return dataclasses.replace(fit, error_bound=bound, ks_bound=found.ks_shortfall)
    return without_numbers(fit, "degenerate", _TOO_CLOSE)  # the bound may also be NaN


def numbers_of_histogram(
    counts: _core.Histogram, options: FitOptions
) -> tuple[Numbers, tuple[str, str] | None]:
    """Fit the counts of the core's as `fit_of_histogram` does.

    Returns
    -------
    Numbers
        Of the fit.
    (str, str) or None
        Status and reason where the bins are too coarse; the numbers then lack a fit.
    """
    found = counts.fit(options.trim, options.zeros, options.paper_bins())
    numbers = _numbers(counts, found)
    if found.error_bound <= _COARSE:
        return numbers, None
    return (*(math.nan,) * 6, *numbers[6:]), ("degenerate", _TOO_CLOSE)


def _numbers(counts: _core.Histogram, found: _core.Fit) -> Numbers:
    return (
        *(found.k, found.k_se, found.lam, found.ln_lambda_se, found.r2, found.ks),
        *(counts.rms, counts.max, counts.n, counts.zeros, counts.nans + counts.infs),
        *(found.status, counts.dropped_bits == 0),
        *(0, 0, counts.levels, counts.at_max, counts.second, counts.lowest, 0, False),
        *_NO_MATRIX,
    )


def without_numbers(fit: WeibullFit, status: str, reason: str) -> WeibullFit:
    """Return a fit with the counts of another, but without k, lambda, R2 and KS."""
    nan = math.nan
    return dataclasses.replace(
        fit,
        status=status,
        reason=reason,
        k=nan,
        k_se=nan,
        lam=nan,
        ln_lambda_se=nan,
        r2=nan,
        ks=nan,
        error_bound=nan,
        ks_bound=nan,
    )


def status_and_reason(numbers: Numbers, options: FitOptions) -> tuple[str, str]:
    """Return the status of a fit, and the reason for it in words.

    Parameters
    ----------
    numbers : Numbers
        The numbers of the fit.
    options : FitOptions
        How it was made.

    Returns
    -------
    status, reason : str
        As in `WeibullFit`.
    """
    return told_of_counts(numbers[8:12], options)


def told_of_counts(counts: tuple[int, int, int, int], options: FitOptions) -> tuple[str, str]:
    """Return what `status_and_reason` does, from the four numbers that it looks at."""
    n, zeros, nonfinite, number = counts
    core_status = _STATUSES[number]
    total = n + zeros + nonfinite
    if core_status == "ok":
        share = zeros / total
        if share > SPARSE_SHARE:
            return "sparse", f"{share:.1%} of the elements are zero; {_TAKEN[options.zeros]}"
        return "ok", ""
    if core_status == "empty":
        if n > 0:
            return "empty", "no magnitude lies inside the published range of 1e-12 to 100"
        if total == 0:
            return "empty", "the tensor has no elements"
        if zeros == total:
            return (
                "empty",
                f"all {total:,} elements are zero" if total > 1 else "its one element is zero",
            )
        return "empty", f"{none_of(total, 'element')} finite and non-zero"
    if core_status == "too_few":
        if options.protocol == "paper":
            return "too_few", "fewer than 100 elements lie inside the published range"
        return "too_few", f"{n:,} finite non-zero elements; at least 10 are needed"
    if core_status == "censored":
        return "too_few", (
            f"{zeros / (n + zeros):.1%} of the elements are zero and rank below all others; fewer "
            "than 10 others lie inside the window"
        )
    reasons = {
        "few_magnitudes": "two or fewer different magnitudes",
        "flat_window": "one magnitude fills the whole window",
        "few_bins": "fewer than five of the published bins are occupied inside the window",
    }
    return "degenerate", reasons[core_status]
