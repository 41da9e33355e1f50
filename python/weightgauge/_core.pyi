from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

class FileChanged(Exception):
    """args: path (bytes), what happened."""

class ReadFailed(Exception):
    """args: path (bytes), errno, message of the operating system."""

class Fit:
    @property
    def status(self) -> str: ...
    @property
    def k(self) -> float: ...
    @property
    def lam(self) -> float: ...
    @property
    def r2(self) -> float: ...
    @property
    def ks(self) -> float: ...
    @property
    def k_se(self) -> float: ...
    @property
    def ln_lambda_se(self) -> float: ...
    @property
    def error_bound(self) -> float: ...

class PaperBins:
    def __init__(self, thresholds: NDArray[np.uint32]) -> None: ...

class Histogram:
    def __init__(
        self,
        *,
        dtype: str,
        dropped_bits: int,
        keys: NDArray[np.uint64],
        counts: NDArray[np.uint64],
        residuals: NDArray[np.uint64],
        zeros: int,
        nans: int,
        infs: int,
        max_key: int,
    ) -> None: ...
    @property
    def dtype(self) -> str: ...
    @property
    def dropped_bits(self) -> int: ...
    @property
    def n(self) -> int: ...
    @property
    def zeros(self) -> int: ...
    @property
    def nans(self) -> int: ...
    @property
    def infs(self) -> int: ...
    @property
    def max_key(self) -> int: ...
    @property
    def max(self) -> float: ...
    @property
    def rms(self) -> float: ...
    @property
    def keys(self) -> NDArray[np.uint64]: ...
    @property
    def counts(self) -> NDArray[np.uint64]: ...
    @property
    def residuals(self) -> NDArray[np.uint64]: ...
    def magnitudes(self) -> NDArray[np.float64]: ...
    def quantiles(self, probabilities: Sequence[float]) -> list[float]: ...
    def fit(self, trim: str, paper: PaperBins | None) -> Fit: ...
    def ks(self, k: float, lam: float) -> float: ...
    def merge(self, other: Histogram) -> Histogram: ...

class ArrayView:
    @staticmethod
    def from_numpy(array: np.ndarray[Any, Any], dtype: str) -> ArrayView: ...
    @staticmethod
    def from_dlpack(capsule: object) -> ArrayView: ...
    @property
    def dtype(self) -> str: ...
    @property
    def size(self) -> int: ...

class ScanOptions:
    def __init__(
        self,
        *,
        trim: str,
        paper: PaperBins | None,
        exact: bool,
        fit: bool,
        keep_histogram: bool,
        probabilities: Sequence[float],
        threads: int,
        chunk_bytes: int,
    ) -> None: ...

class SliceResult:
    @property
    def histogram(self) -> Histogram: ...
    @property
    def n(self) -> int: ...
    @property
    def zeros(self) -> int: ...
    @property
    def nans(self) -> int: ...
    @property
    def infs(self) -> int: ...
    @property
    def rms(self) -> float: ...
    @property
    def max(self) -> float: ...
    @property
    def fit(self) -> Fit: ...
    @property
    def exact(self) -> bool: ...
    @property
    def quantiles(self) -> list[float]: ...
    @property
    def numbers(
        self,
    ) -> tuple[str, float, float, float, float, float, float, int, int, int, float, float, bool]:
        """status, k, k_se, lam, ln_lambda_se, r2, ks, n, zeros, nonfinite, rms, max, exact."""

class ScanResults:
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> SliceResult: ...
    def __iter__(self) -> Iterator[SliceResult]: ...
    def numbers(
        self, index: int
    ) -> tuple[str, float, float, float, float, float, float, int, int, int, float, float, bool]:
        """The same as of the result at that place, without making an object of it."""
    def take_histogram(self, index: int) -> Histogram:
        """Take the histogram out of a result: whoever keeps it does not keep all of them."""

class BlockScale:
    def __init__(
        self,
        *,
        origin: int,
        matrices: int,
        rows: int,
        columns: int,
        block_rows: int,
        block_columns: int,
        scales: tuple[int, str, int, int],
    ) -> None: ...

class LowRank:
    def __init__(
        self,
        *,
        rows: int,
        rank: int,
        columns: int,
        left: tuple[int, str, int, int],
        right: tuple[int, str, int, int],
        factor: float,
    ) -> None: ...

FileSpec = tuple[bytes, tuple[int, int, int, int, int]]
FileSlice = tuple[int, str, int, Sequence[tuple[int, int]], BlockScale | LowRank | None]

def scan_files(
    files: Sequence[FileSpec],
    slices: Sequence[FileSlice],
    *,
    io: str,
    progress: Callable[[int], object] | None,
    options: ScanOptions,
) -> ScanResults: ...

class FeedFault(Exception): ...

class FedScan:
    def __init__(
        self,
        *,
        files: Sequence[tuple[bytes, int]],
        slices: Sequence[FileSlice],
        options: ScanOptions,
        directory: bytes,
        memory: int = ...,
    ) -> None: ...
    def feed(self, file: int, offset: int, data: bytes | bytearray | memoryview) -> None: ...
    def wanted(self) -> list[tuple[int, int, int]]: ...
    def finish(self) -> ScanResults: ...

def scan_differences(
    files: Sequence[FileSpec],
    pairs: Sequence[tuple[FileSlice, FileSlice]],
    *,
    io: str,
    progress: Callable[[int], object] | None,
    options: ScanOptions,
) -> ScanResults: ...
def scan_balanced(
    files: Sequence[FileSpec],
    slices: Sequence[FileSlice],
    forms: Sequence[tuple[int, int]],
    *,
    io: str,
    progress: Callable[[int], object] | None,
    options: ScanOptions,
) -> ScanResults: ...
def scan_array(
    array: ArrayView, *, progress: Callable[[int], object] | None, options: ScanOptions
) -> SliceResult: ...
def build_info() -> dict[str, str | int | bool]: ...
def use_kernels(level: str) -> None: ...
def processor_budget() -> int: ...
def measure_clock() -> float: ...
def increment_cells(n: int) -> None: ...
