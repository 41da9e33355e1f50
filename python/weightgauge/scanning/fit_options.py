"""How slices are fitted and read."""

from __future__ import annotations

from dataclasses import dataclass

from weightgauge.magnitudes.options import IO_MODES, PROTOCOLS, TRIMS, check_choice
from weightgauge.threads import resolve_threads


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions:
    """What a fit of a model may be asked for; checked before anything is fetched or read.

    Attributes
    ----------
    trim, protocol, exact, threads
        As for `weightgauge.fit_weibull`.
    io : {"mmap", "pread"}
        Map the files, or read them piece by piece (for network file systems and tight
        address-space limits). A file that cannot be mapped is read.

    Raises
    ------
    ValueError
        An option that is none of its choices.
    """

    trim: str = "mid_80"
    protocol: str = "order"
    exact: bool = False
    threads: int | None = None
    io: str = "mmap"

    def __post_init__(self) -> None:
        check_choice("trim", self.trim, TRIMS)
        check_choice("protocol", self.protocol, PROTOCOLS)
        check_choice("io", self.io, IO_MODES)
        resolve_threads(self.threads)
