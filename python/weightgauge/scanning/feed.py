"""A fit of a checkpoint whose weights are pushed into it, from wherever they come."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from weightgauge.choices import PER, check_choice
from weightgauge.errors import FeedError, FileChangedError, named_bytes, printable
from weightgauge.magnitudes.options import FitOptions
from weightgauge.scanning.checkpoint_slices import slices_of_checkpoint
from weightgauge.scanning.fit_model import model_fit
from weightgauge.scanning.run import planned

if TYPE_CHECKING:
    from weightgauge.checkpoint import Checkpoint
    from weightgauge.fits import ModelFit


class WantedRange(NamedTuple):
    """Bytes that a scan waits for.

    Attributes
    ----------
    shard : str
        Name of the file, as in `Checkpoint.shards`.
    start, stop : int
        The first byte, counted from the start of the file, and the first one behind them.
    """

    shard: str
    start: int
    stop: int


class FedScan:
    """Fits a checkpoint as `weightgauge.fit` does, from bytes that are fed to it.

    Ranges may come in any order, of any length, cut anywhere; the result is that of the files, to
    the last bit. Only rows of embeddings that no token used are not looked for, which would take
    another round; nor are products beyond float32 infinite where one corrupt scale of all weights
    makes them. Ranges are counted as they come, in the thread that calls `feed`. About 130 MB of
    memory are needed, whatever the size of the model, beside the counts of tensors that have begun
    and are not complete: 0.5 MB each for 16-bit formats, up to 6 MB for F32 and F64. Whoever feeds
    in the order of `wanted` has one or two of them at a time.

    Most models are fed once; the rows of each matrix that its errors are made of are kept until it
    is complete. A matrix with enough zeros to fill a row is asked for once more, to count its rows
    and columns of zeros. Some slices must be looked at more than once: small F32 and F64 ones,
    large ones with ``exact=True``, products of low-rank adapters. Their bytes are kept until they
    are complete, beyond 64 MB in a temporary file. Where codes have scales, `wanted` asks for the
    scales first and for the codes when those are there; and where the bins of a large F32 or F64
    slice turn out too wide, it asks for that slice once more.

    Parameters
    ----------
    checkpoint : Checkpoint
        Its headers and configuration, opened from anywhere.
    trim, protocol, zeros, exact, include, exclude, per
        As for `weightgauge.fit`.
    directory : str, optional
        Where a temporary file may be made; by default where `tempfile` makes them.

    Raises
    ------
    NothingSelectedError, ValueError
        As for `weightgauge.fit`.

    Examples
    --------
    >>> import weightgauge as wg
    >>> from weightgauge import demo
    >>> from weightgauge.checkpoint import open_checkpoint
    >>> path = demo.paths()["step-0"]
    >>> checkpoint = open_checkpoint(path)
    >>> scan = FedScan(checkpoint)
    >>> while ranges := scan.wanted():
    ...     for shard, start, stop in ranges:
    ...         with open(checkpoint.shards[0].path, "rb") as file:
    ...             _ = file.seek(start)
    ...             scan.feed(shard, start, file.read(stop - start))
    >>> scan.finish().kinds == wg.fit(path).kinds
    True
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        trim: str = "mid_80",
        protocol: str = "order",
        zeros: str = "exclude",
        exact: bool = False,
        include: str | Sequence[str] | None = None,
        exclude: str | Sequence[str] | None = None,
        per: str = "tensor",
        directory: str | None = None,
    ) -> None:
        import tempfile

        from weightgauge import _core

        check_choice("per", per, PER)
        self._options = FitOptions(
            trim=trim, protocol=protocol, zeros=zeros, exact=exact, threads=1
        )
        self._subject = slices_of_checkpoint(checkpoint, include=include, exclude=exclude, per=per)
        self._shards = {shard.name: shard for shard in checkpoint.shards}
        plan, _ = planned(checkpoint, self._subject.counted, self._options)
        self._files = [checkpoint.shards[place] for place in plan.shards]
        self._numbers = {shard.name: number for number, shard in enumerate(self._files)}
        self._directory = tempfile.gettempdir() if directory is None else directory
        self._scan = _core.FedScan(
            files=[(os.fsencode(shard.name), shard.size) for shard in self._files],
            slices=plan.to_core(),
            options=self._options.to_core(),
            directory=os.fsencode(self._directory),
        )
        self._fit: ModelFit | None = None

    def wanted(self) -> list[WantedRange]:
        """Return the bytes that have not come, by shard and ascending; none when all is done.

        When all of them have come, there may be others to ask for: see the class.
        """
        if self._fit is not None:
            return []
        with self._faults_told():
            wanted = self._scan.wanted()
        return [WantedRange(self._files[file].name, start, stop) for file, start, stop in wanted]

    def feed(self, shard: str, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Count bytes of a shard.

        Parameters
        ----------
        shard : str
            Name of the file, as in `Checkpoint.shards`.
        offset : int
            Where in the file the first of them lies.
        data : bytes-like
            The bytes; they are not copied. What is not wanted is passed over.

        Raises
        ------
        FeedError
            If there is no such shard, or the bytes lie beyond its end, or some of them came before
            (nothing is counted in these cases); or if bytes cannot be kept in a temporary file.
        FileChangedError
            If a slice that is asked for once more is not what it was. The scan has failed then.
        KeyboardInterrupt
            Or whatever a handler of signals raises: those are answered while bytes are counted. The
            scan has failed then, because it does not know which of them were.
        """
        known = self._shards.get(shard)
        if known is None:
            raise FeedError(f"the checkpoint has no shard '{printable(shard)}'")
        stop = offset + memoryview(data).nbytes
        if offset < 0 or stop > known.size:
            raise FeedError(
                f"lie beyond its {known.size} bytes", shard=shard, start=offset, stop=stop
            )
        number = self._numbers.get(shard)
        if number is not None and self._fit is None:  # else nothing of it is wanted
            with self._faults_told():
                self._scan.feed(number, offset, data)

    def finish(self) -> ModelFit:
        """Return the fit, once everything has come.

        Raises
        ------
        FeedError
            If bytes are missing; a slice whose bytes are not all there is never fitted.
        """
        if self._fit is None:
            with self._faults_told():
                results = self._scan.finish()
            slices = self._subject.fits(self._options, scan=lambda _: results)
            self._fit = model_fit(self._subject, slices, self._options)
        return self._fit

    @contextmanager
    def _faults_told(self) -> Iterator[None]:
        from weightgauge import _core

        try:
            yield
        except _core.ReadFailed as error:
            raise FeedError(
                f"bytes cannot be kept in '{printable(self._directory)}': {error.args[2]}"
            ) from error
        except _core.FeedFault as error:
            raise self._worded(*error.args) from error

    def _worded(self, kind: str, file: int, start: int, stop: int) -> Exception:
        if kind == "failed":
            return FeedError("a scan that has failed cannot go on; feed a new one")
        if kind == "within":
            return FeedError("the scan is in the middle of a call that this one interrupts")
        shard = self._files[file].name
        tensor = self._tensor_at(shard, start)
        if kind == "changed":
            return FileChangedError(
                f"{named_bytes(shard, start, stop, tensor)} are not what came before"
            )
        problem = {
            "twice": "have come before",
            "beyond_end": "lie beyond its end",
            "missing": "have not come, and no slice is fitted before all of it is there",
        }[kind]
        return FeedError(problem, shard=shard, start=start, stop=stop, tensor=tensor)

    def _tensor_at(self, shard: str, byte: int) -> str | None:
        checkpoint = self._subject.checkpoint
        for tensor in checkpoint.tensors:
            here = checkpoint.shards[tensor.shard].name == shard
            if here and tensor.offset <= byte < tensor.offset + tensor.nbytes:
                return tensor.name
        return None
