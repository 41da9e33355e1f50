"""Where the reports of a gauge go: JSON lines, TensorBoard, W&B, trackio and MLflow."""

from __future__ import annotations

import json
import math
import os
import time
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import numpy as np

from weightgauge.errors import MissingExtraError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.training.report import StepReport

_BUCKETS = 64
_MLFLOW_BATCH, _MLFLOW_TAG = 1000, 5000
"""Most metrics in a request, and most characters in a tag, that every server of MLflow takes."""

_ALERT_LEVELS = {"fault": "ERROR", "warning": "WARN", "note": "INFO"}


class Sink(Protocol):
    """Takes reports, in the thread in which the gauge counts."""

    def write(self, report: StepReport) -> None:
        """Take the report of one step."""

    def close(self) -> None:
        """Finish; no report comes after that."""


class JsonLines:
    """Appends one line of JSON a step to a file, and flushes it.

    A run that is resumed from an earlier step writes that step again: the later line counts.

    Parameters
    ----------
    path : str or os.PathLike
        The file; it is made, with its folder, with the first line.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fsdecode(path)
        self._file: TextIO | None = None

    def write(self, report: StepReport) -> None:
        """Append the report: see `StepReport.to_dict`."""
        if self._file is None:
            os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
            self._file = open(self.path, "a", encoding="utf-8")  # noqa: SIM115 (kept open)
        self._file.write(json.dumps(report.to_dict(), allow_nan=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


class TensorBoard:
    """Writes k and ln lambda of every kind, and the histogram of its magnitudes.

    Histograms are handed over as counted: TensorBoard goes over no weights. Findings are texts.

    Parameters
    ----------
    writer : torch.utils.tensorboard.SummaryWriter, str or os.PathLike
        A writer, which stays open; or the folder for one.
    prefix : str
        First part of all tags.
    histograms : bool
        Whether to write histograms.

    Raises
    ------
    MissingExtraError
        If a folder is given and PyTorch or TensorBoard is not installed.
    """

    def __init__(self, writer: Any, *, prefix: str = "weights", histograms: bool = True) -> None:
        self._own = isinstance(writer, str | os.PathLike)
        self._writer = _summary_writer(writer) if self._own else writer
        self._prefix = prefix
        self._histograms = histograms

    def write(self, report: StepReport) -> None:
        """Write scalars, histograms and findings."""
        for name, value in _scalars(report, self._prefix).items():
            self._writer.add_scalar(name, value, report.step)
        if self._histograms:
            for kind, (counts, edges, moments) in magnitudes_by_kind(report).items():
                self._writer.add_histogram_raw(
                    f"{self._prefix}/magnitudes/{kind}",
                    min=float(edges[0]),
                    max=float(edges[-1]),
                    num=int(counts.sum()),
                    sum=moments[0],
                    sum_squares=moments[1],
                    bucket_limits=edges[1:].tolist(),
                    bucket_counts=counts.tolist(),
                    global_step=report.step,
                )
        for finding in report.findings:
            self._writer.add_text(
                f"{self._prefix}/findings", f"{finding.level}: {finding.message}", report.step
            )
        self._writer.flush()

    def close(self) -> None:
        """Close the writer if it was made here."""
        if self._own:
            self._writer.close()


class ExperimentRun:
    """Logs to a run of W&B or of trackio, which have the same methods.

    Parameters
    ----------
    run : wandb.Run or trackio.Run
        What `init` of either returned; it stays open. Numbers stand beside their step under
        ``<prefix>/step``, since the loop may have logged later ones by then.
    prefix : str
        First part of all names.
    histograms : bool
        Whether to log the histogram of each kind's magnitudes.
    """

    def __init__(self, run: Any, *, prefix: str = "weights", histograms: bool = True) -> None:
        self._run = run
        self._prefix = prefix
        self._histogram = _histogram_of(run) if histograms else None
        if hasattr(run, "define_metric"):
            run.define_metric(f"{prefix}/step")
            run.define_metric(f"{prefix}/*", step_metric=f"{prefix}/step")

    def write(self, report: StepReport) -> None:
        """Log scalars, histograms and findings."""
        values: dict[str, Any] = {f"{self._prefix}/step": report.step}
        values |= _scalars(report, self._prefix)
        if self._histogram is not None:
            for kind, (counts, edges, _) in magnitudes_by_kind(report).items():
                name = f"{self._prefix}/log10_magnitudes/{kind}"
                values[name] = self._histogram(np_histogram=(counts, np.log10(edges)))
        self._run.log(values)
        for finding in report.findings:
            self._alert(finding.id, finding.message, _ALERT_LEVELS[finding.level])

    def close(self) -> None:
        """Do nothing: the run is its owner's."""

    def _alert(self, title: str, text: str, level: str) -> None:
        if hasattr(self._run, "alert"):
            levels = getattr(_package_of(self._run), "AlertLevel", None)
            self._run.alert(title=title, text=text, level=getattr(levels, level, None))


class MLflow:
    """Logs k and ln lambda of every kind to a run of MLflow; findings are tags of the run.

    MLflow has no histograms. A gauge reports from a thread of its own, in which MLflow knows no
    active run: the run is therefore named.

    Parameters
    ----------
    run : mlflow.ActiveRun or str
        What `mlflow.start_run` or `mlflow.active_run` returned, or the run's id; it stays open.
    prefix : str
        First part of all names.

    Raises
    ------
    MissingExtraError
        If MLflow is not installed.
    """

    def __init__(self, run: Any, *, prefix: str = "weights") -> None:
        try:
            from mlflow import MlflowClient
            from mlflow.entities import Metric
        except ImportError as error:
            raise MissingExtraError("mlflow is not installed: pip install mlflow") from error
        self._run_id = run if isinstance(run, str) else run.info.run_id
        self._prefix = prefix
        self._client = MlflowClient()
        self._metric = Metric

    def write(self, report: StepReport) -> None:
        """Log scalars in few requests, and findings."""
        now = time.time_ns() // 1_000_000
        metrics = [
            self._metric(name, value, now, report.step)
            for name, value in _scalars(report, self._prefix).items()
        ]
        for first in range(0, len(metrics), _MLFLOW_BATCH):
            self._client.log_batch(self._run_id, metrics=metrics[first : first + _MLFLOW_BATCH])
        if report.findings:
            told = "; ".join(f"{each.level}: {each.message}" for each in report.findings)
            self._client.set_tag(
                self._run_id, f"{self._prefix}/findings/{report.step}", told[:_MLFLOW_TAG]
            )

    def close(self) -> None:
        """Do nothing: the run is its owner's."""


def magnitudes_by_kind(
    report: StepReport,
) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64], tuple[float, float]]]:
    """Count the magnitudes of each kind's matrices in equal steps of their logarithm.

    Parameters
    ----------
    report : StepReport
        Of one step.

    Returns
    -------
    dict of str to (ndarray of int64, ndarray of float64, (float, float))
        By the name of the kind: counts; edges, one more than counts; sum of the magnitudes and of
        their squares. Zeros are in none of them.
    """
    names = {(kind.tower, kind.kind): kind.name for kind in report.kinds}
    members: dict[str, list[tuple[NDArray[np.float64], NDArray[np.uint64]]]] = {}
    pieces = {item.key for item in report.fit.counted}
    for each in report.histograms.slices:
        name = names.get((each.fit.tower, each.fit.kind))
        counts = each.histogram() if name is not None and each.fit.key in pieces else None
        if name is not None and counts is not None and counts.n:
            members.setdefault(name, []).append((counts.magnitudes, counts.counts))
    return {name: _bucketed(parts) for name, parts in members.items()}


def _bucketed(
    parts: list[tuple[NDArray[np.float64], NDArray[np.uint64]]],
) -> tuple[NDArray[np.int64], NDArray[np.float64], tuple[float, float]]:
    low = min(float(magnitudes[0]) for magnitudes, _ in parts)
    high = max(float(magnitudes[-1]) for magnitudes, _ in parts)
    edges = np.geomspace(low, high if high > low else 2 * low, _BUCKETS + 1)
    edges[0], edges[-1] = min(edges[0], low), max(edges[-1], high)
    total = np.zeros(_BUCKETS, np.int64)
    first = second = 0.0
    for magnitudes, counts in parts:
        # Sorted once each, so that there is one search for an edge and not one for a magnitude.
        ends = np.searchsorted(magnitudes, edges[1:-1], side="left")
        sums = np.concatenate(([0], np.cumsum(counts.astype(np.int64))))
        total += np.diff(sums[np.concatenate(([0], ends, [len(magnitudes)]))])
        first += float(magnitudes @ counts)
        second += float((magnitudes * magnitudes) @ counts)
    return total, edges, (first, second)


def _scalars(report: StepReport, prefix: str) -> dict[str, float]:
    values = {}
    for kind in report.kinds:
        values[f"{prefix}/k/{kind.name}"] = kind.k
        if kind.lam > 0:
            values[f"{prefix}/ln_lambda/{kind.name}"] = math.log(kind.lam)
    for (tower, kind_name), forces in report.forces.items():
        name = kind_name if tower is None else f"{tower}/{kind_name}"
        for force in ("decay", "injection", "alignment"):
            values[f"{prefix}/{force}/{name}"] = getattr(forces, force)
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _summary_writer(folder: Any) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtraError("tensorboard", "train") from error
    return SummaryWriter(os.fsdecode(folder))


def _package_of(run: Any) -> Any:
    """Return the package that a run is of."""
    from importlib import import_module

    return import_module(type(run).__module__.partition(".")[0])


def _histogram_of(run: Any) -> Any:
    return getattr(_package_of(run), "Histogram", None)
