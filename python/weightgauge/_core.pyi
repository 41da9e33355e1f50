from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

class FileChanged(Exception):
    """args: path (bytes), what happened."""

class ReadFailed(Exception):
    """args: path (bytes), errno, message of the operating system."""

class Fit:
    @property
    def status(self) -> int: ...
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
    @property
    def ks_shortfall(self) -> float: ...

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
        known_rms: float | None,
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
    def known_rms(self) -> float | None:
        """Root mean square where the bins do not tell it."""
    @property
    def max(self) -> float: ...
    @property
    def rms(self) -> float: ...
    @property
    def levels(self) -> int:
        """Different magnitudes; 0 where they are in bins."""
    @property
    def at_max(self) -> int: ...
    @property
    def second(self) -> float: ...
    @property
    def lowest(self) -> float: ...
    @property
    def keys(self) -> NDArray[np.uint64]: ...
    @property
    def counts(self) -> NDArray[np.uint64]: ...
    @property
    def residuals(self) -> NDArray[np.uint64]: ...
    def magnitudes(self) -> NDArray[np.float64]: ...
    def quantiles(self, probabilities: Sequence[float]) -> list[float]: ...
    def fit(self, trim: str, zeros: str, paper: PaperBins | None) -> Fit: ...
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
    @property
    def address(self) -> int:
        """Where its lowest byte lies."""
    @property
    def span(self) -> int:
        """Bytes from the lowest one to the end of the highest item."""

class ScanOptions:
    def __init__(
        self,
        *,
        trim: str,
        zeros: str,
        paper: PaperBins | None,
        exact: bool,
        fit: bool,
        keep_histogram: bool,
        probabilities: Sequence[float],
        threads: int,
        chunk_bytes: int,
        errors: str,
    ) -> None: ...

class ScanResults:
    def __len__(self) -> int: ...
    def numbers(self) -> NDArray[np.void]:
        """One row per slice, of `numbers_dtype`; the status is a place in `fit_statuses`."""
    def quantiles(self, index: int) -> list[float]: ...
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
        scale_of_all: tuple[int, str, int, int] | None,
        divided: bool,
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

class PackedCodes:
    """Codes of two, three, four or eight bits; see cpp/core/decode/packed_codes.hpp."""

    def __init__(
        self,
        *,
        packing: str,
        rows: int,
        columns: int,
        groups: int,
        group_columns: int,
        scales_by_group: bool,
        divided: bool,
        added_zero: int,
        bits: int,
        added_words: tuple[int, int, int],
        codes: tuple[int, int, int],
        scales: tuple[int, str, int, int],
        zeros: tuple[int, int, int] | None,
        index: tuple[int, int, int] | None,
    ) -> None: ...

class ScaleCodes:
    """Scales that are codes themselves; see cpp/core/decode/grouped_codes.hpp."""

    def __init__(
        self,
        *,
        codes: tuple[int, int, int],
        values: tuple[int, str, int, int],
        group_items: int,
        added: float,
    ) -> None: ...

class ZeroPoints:
    """Zero points of groups; see cpp/core/decode/zero_points.hpp."""

    def __init__(
        self,
        *,
        words: tuple[int, int, int],
        columns: int,
        bits: int,
        word_bytes: int,
        has_sign: bool,
    ) -> None: ...

class GroupedCodes:
    """Codes of two to eight bits; see cpp/core/decode/grouped_codes.hpp."""

    def __init__(
        self,
        *,
        items: int,
        bits: int,
        group_items: int,
        upper_first: bool,
        has_sign: bool,
        divisor: float,
        zero: float,
        codes: tuple[int, int, int],
        scales: tuple[int, str, int, int],
        biases: tuple[int, str, int, int] | None,
        values: tuple[int, str, int, int] | None,
        scale_codes: ScaleCodes | None,
        zeros: ZeroPoints | None,
    ) -> None: ...

Decoding = BlockScale | LowRank | PackedCodes | GroupedCodes

FileSpec = tuple[bytes, tuple[int, int, int, int, int]]
SourceSpec = FileSpec | ArrayView

class FileSlices:
    def __init__(
        self,
        *,
        dtypes: Sequence[str],
        files: NDArray[np.uint32],
        formats: NDArray[np.uint8],
        offsets: NDArray[np.uint64],
        items: NDArray[np.uint64],
        noted: NDArray[np.uint8],
        shaped: Sequence[tuple[int, Sequence[tuple[int, int]], Decoding | None]],
        pieces: Sequence[tuple[int, int]],
        columns: NDArray[np.uint64],
        clusters: Sequence[tuple[int, int, int]],
        of_tokens: Sequence[int],
    ) -> None: ...
    def __len__(self) -> int: ...

def scan_files(
    files: Sequence[SourceSpec],
    slices: FileSlices,
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
        slices: FileSlices,
        options: ScanOptions,
        directory: bytes,
        memory: int = ...,
    ) -> None: ...
    def feed(self, file: int, offset: int, data: bytes | bytearray | memoryview) -> None: ...
    def wanted(self) -> list[tuple[int, int, int]]: ...
    def finish(self) -> ScanResults: ...

def scan_differences(
    files: Sequence[SourceSpec],
    a: FileSlices,
    b: FileSlices,
    *,
    io: str,
    progress: Callable[[int], object] | None,
    options: ScanOptions,
) -> ScanResults: ...
def paired_errors(
    files: Sequence[SourceSpec],
    a: FileSlices,
    b: FileSlices,
    counts_a: Sequence[tuple[Histogram | None, float]],
    counts_b: Sequence[tuple[Histogram | None, float]],
    few_changed: Sequence[bool],
    mean_squares: Sequence[float],
    *,
    io: str,
    options: ScanOptions,
) -> NDArray[np.void]:
    """One row per pair: the errors of both differences, and what they rest on."""

def scan_balanced(
    files: Sequence[SourceSpec],
    slices: FileSlices,
    forms: Sequence[tuple[int, int]],
    *,
    io: str,
    progress: Callable[[int], object] | None,
    options: ScanOptions,
) -> ScanResults: ...
def scan_array(
    array: ArrayView, *, progress: Callable[[int], object] | None, options: ScanOptions
) -> ScanResults: ...
def fit_statuses() -> list[str]: ...
def fit_tolerances() -> tuple[float, float]: ...
def numbers_dtype() -> np.dtype[np.void]: ...
def usual_entries(
    text: bytes, start: int, *, data_start: int, data_size: int
) -> tuple[
    list[str],
    list[tuple[bytes, bytes]],
    NDArray[np.uint32],
    NDArray[np.int64],
    NDArray[np.int64],
    int,
]: ...
def name_outlines(
    names: list[str],
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]: ...
def digest_of(page_sum: int, nbytes: int) -> int: ...
def number_texts(values: NDArray[np.float64], missing: str) -> list[str]: ...
def queue_rules() -> dict[str, int]: ...
def build_info() -> dict[str, str | int | bool]: ...
def use_kernels(level: str) -> None: ...
def processor_budget() -> int: ...
def thread_runtime() -> tuple[str, str, list[list[int]]]: ...
