"""How magnitudes are counted and fitted: the caller's choices, checked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weightgauge.choices import ERRORS, IO_MODES, PROTOCOLS, TRIMS, ZEROS, check_choice
from weightgauge.threads import resolve_threads

if TYPE_CHECKING:
    from weightgauge import _core

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, init=False)
class FitOptions:
    """How to count, fit and read; made and checked where a call begins, then passed on as a whole.

    Parameters
    ----------
    trim : {"mid_80", "mid_90", "full"}
        Window of plotting positions that enters the regression; see `weightgauge.choices.TRIMS`.
    protocol : {"order", "paper"}
        Exact order statistics, or the 1,024 bins with which published numbers were made.
    zeros : {"exclude", "censor"}
        Whether zeros are left out, or have the lowest ranks (left-censored).
    exact : bool
        Whether wide formats are sorted instead of counted in fine bins.
    threads : int, optional
        Largest number of threads; None for all processors that the process may use.
    io : {"mmap", "pread"}
        Map the files, or read them piece by piece (for network file systems and tight
        address-space limits). A file that cannot be mapped is read, and so are large slices of
        a large mapped file where a short trial finds that to be faster.
    errors : {"sampled", "full", "independent"}
        Whether standard errors know of rows and columns, from a sample of them or from all; see
        `weightgauge.choices.ERRORS`.

    Attributes
    ----------
    trim, protocol, zeros, exact, io, errors
        As given.
    threads : int
        Number of threads, at least 1.

    Raises
    ------
    ValueError
        If an option is none of its choices, `threads` is below 1, or zeros are to be censored in
        the published protocol, which leaves them out.
    """

    trim: str
    protocol: str
    zeros: str
    exact: bool
    threads: int
    io: str
    errors: str

    def __init__(
        self,
        *,
        trim: str = "mid_80",
        protocol: str = "order",
        zeros: str = "exclude",
        exact: bool = False,
        threads: int | None = None,
        io: str = "mmap",
        errors: str = "sampled",
    ) -> None:
        check_choice("trim", trim, TRIMS)
        check_choice("protocol", protocol, PROTOCOLS)
        check_choice("zeros", zeros, ZEROS)
        check_choice("io", io, IO_MODES)
        check_choice("errors", errors, ERRORS)
        if zeros == "censor" and protocol == "paper":
            raise ValueError(
                "zeros are censored by protocol 'order' only; protocol 'paper' leaves them out, as "
                "the published fits did"
            )
        put = object.__setattr__  # assignment does not work in a frozen class
        put(self, "trim", trim)
        put(self, "protocol", protocol)
        put(self, "zeros", zeros)
        put(self, "exact", exact)
        put(self, "threads", resolve_threads(threads))
        put(self, "io", io)
        put(self, "errors", errors)

    def to_core(
        self,
        *,
        fit: bool = True,
        keep_histogram: bool = False,
        probabilities: Sequence[float] = (),
    ) -> _core.ScanOptions:
        """Return the options of a scan in the form that the core takes.

        Parameters
        ----------
        fit : bool
            Whether to fit what is counted.
        keep_histogram : bool
            Whether to return the counts as well.
        probabilities : sequence of float
            Probabilities of the quantiles to compute, each in [0, 1].
        """
        from weightgauge import _core

        return _core.ScanOptions(
            trim=self.trim,
            zeros=self.zeros,
            paper=self.paper_bins(),
            exact=self.exact,
            fit=fit,
            keep_histogram=keep_histogram,
            probabilities=list(probabilities),
            threads=self.threads,
            chunk_bytes=_CHUNK_BYTES,
            errors=self.errors,
        )

    def paper_bins(self) -> _core.PaperBins | None:
        """Return the bins of the published protocol if it was chosen, else None."""
        if self.protocol != "paper":
            return None
        from weightgauge.magnitudes.paper_bins import paper_bins

        return paper_bins()
