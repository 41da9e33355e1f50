"""`Gauge`: measures a model while it is trained, beside the loop."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weightgauge.choices import PER, check_choice
from weightgauge.findings import LEVELS, Finding
from weightgauge.magnitudes.options import FitOptions
from weightgauge.scanning import kept_histograms
from weightgauge.scanning.fit_model import model_fit
from weightgauge.training.failures import LOGGER, Failures
from weightgauge.training.history import History
from weightgauge.training.norm_forces import NormForces
from weightgauge.training.ranks import Ranks
from weightgauge.training.recorder import Recorder
from weightgauge.training.snapshots import FailedSnapshot, Snapshot, Snapshots
from weightgauge.training.worker import Worker

if TYPE_CHECKING:
    from types import TracebackType

    from weightgauge.scanning import ModelHistograms
    from weightgauge.scanning.live import LiveModel
    from weightgauge.training.norm_forces import KindForces
    from weightgauge.training.report import StepReport
    from weightgauge.training.sinks import Sink

_LOG_LEVELS = {"fault": logging.ERROR, "warning": logging.WARNING, "note": logging.INFO}
_STATE_VERSION = 1


class Gauge:
    """Measures k and lambda of a model every so many steps of its training.

    `step` copies the weights and returns; they are counted and fitted in one thread beside the
    loop. What goes wrong there or in a sink is logged once, and training goes on.

    Parameters
    ----------
    model : torch.nn.Module or mapping of str to array
        As for `weightgauge.fit`, wrapped or not. Tensors may be sharded over processes; then every
        process has a gauge, and the first one reports.
    every : int
        Steps from one measurement to the next.
    sinks : sequence of Sink
        Where reports go, such as `JsonLines` and `TensorBoard`.
    record : str or os.PathLike, optional
        Folder for one .wghist file a measurement: see `Recorder`.
    alerts : {"fault", "warning", "note"}, callable or None
        Findings to tell of at once, by the least serious level: they are logged. A callable gets
        each finding. None for silence; reports have the findings in any case.
    optimizer : torch.optim.Optimizer, optional
        Its steps are split into decay, injection and alignment: see `NormForces`.
    include, exclude, per
        As for `weightgauge.fit`.

    Attributes
    ----------
    skipped : int
        Measurements that were left out because the one before was still going on.
    last : StepReport or None
        The last report; None in all processes but the first.

    Raises
    ------
    ValueError
        If `every` is below 1, or an option is none of its choices.

    Examples
    --------
    >>> import numpy as np
    >>> from weightgauge.training import Gauge
    >>> weights = np.random.default_rng(0).normal(0.0, 0.02, (256, 256)).astype(np.float32)
    >>> with Gauge({"h.0.mlp.up_proj.weight": weights}, every=10) as gauge:
    ...     for step in range(21):
    ...         weights *= 1.01  # one step of training
    ...         _ = gauge.step(step) and gauge.wait()
    >>> gauge.last.step, [kind.kind for kind in gauge.last.kinds]
    (20, ['ffn_in'])
    """

    def __init__(
        self,
        model: LiveModel,
        *,
        every: int = 100,
        sinks: Sequence[Sink] = (),
        record: str | os.PathLike[str] | None = None,
        alerts: str | Callable[[Finding], object] | None = "warning",
        optimizer: Any = None,
        include: str | Sequence[str] | None = None,
        exclude: str | Sequence[str] | None = None,
        per: str = "tensor",
    ) -> None:
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ValueError(f"every is a whole number from 1 on, not {every!r}")
        check_choice("per", per, PER)
        if isinstance(alerts, str):
            check_choice("alerts", alerts, LEVELS)
        self.every = every
        self.skipped = 0
        self.last: StepReport | None = None
        self._model = model
        self._sinks: list[Sink] = [*sinks, *([] if record is None else [Recorder(record)])]
        self._alerts = alerts
        self._options = FitOptions(threads=1)
        self._snapshots = Snapshots(include=include, exclude=exclude, per=per)
        self._worker = Worker()
        self._failures = Failures()
        self._history = History()
        self._ranks = Ranks()
        self._last_step: int | None = None
        self._measured: int | None = None
        self._forces = None if optimizer is None else NormForces(model, optimizer, self._is_next)

    def step(self, step: int, *, force: bool = False) -> bool:
        """Measure the model if it is the turn of this step.

        Returns once the weights are copied. Where the measurement before is still going on, this
        one is left out, and that is logged once.

        Parameters
        ----------
        step : int
            Optimiser steps that were done; 0 before the first one.
        force : bool
            Whether to measure whatever the step is, as at the end of training.

        Returns
        -------
        bool
            Whether a measurement was begun.
        """
        begun = False
        with self._failures.told("the gauge"):
            self._last_step = step
            turn = force or step % self.every == 0
            if turn and step != self._measured:
                begun = self._begin(step)
        return begun

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the measurement that is going on.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Returns
        -------
        bool
            Whether it is done.
        """
        return self._worker.wait(timeout)

    def close(self, timeout: float | None = None) -> bool:
        """Wait for the measurement that is going on, and close the sinks.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Returns
        -------
        bool
            Whether everything was done in time.
        """
        if self._forces is not None:
            self._forces.close()
        done = self._worker.close(timeout)
        for sink in self._sinks:
            with self._failures.told(f"the sink {type(sink).__name__}"):
                sink.close()
        self._sinks = []
        return done

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs: plain values, to be saved with the optimiser's state.

        Waits for the measurement that is going on.
        """
        self.wait()
        return {
            "version": _STATE_VERSION,
            "last_step": self._last_step,
            "history": self._history.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned: changes count from the same start.

        Raises
        ------
        ValueError
            It is something else, or of a later version.
        """
        if state.get("version") != _STATE_VERSION:
            raise ValueError(f"no state of a gauge of version {_STATE_VERSION}: {state!r:.100}")
        self.wait()
        self._last_step = state["last_step"]
        self._history.load_state_dict(state["history"])

    def __enter__(self) -> Gauge:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _is_next(self) -> bool:
        """Whether the step of the optimiser that comes now will be measured."""
        done = -1 if self._last_step is None else self._last_step
        return (done + 1) % self.every == 0 and self._worker.idle

    def _begin(self, step: int) -> bool:
        checkpoint = self._snapshots.look_at(self._model, rank=self._ranks.number)
        together = self._ranks.share(checkpoint)
        if not together and self._ranks.number > 0:
            return False  # everything is in the first process as well
        if not self._ranks.all_agree(self._worker.idle, together=together):
            self.skipped += 1
            self._failures.once(
                "skipped",
                f"step {step:,} is not measured, since the measurement before it is still going "
                f"on: every={self.every} is too often for this model. This is not told again",
            )
            return False
        self._measured = step
        forces = {} if self._forces is None else self._forces.take()
        try:
            snapshot: Snapshot | FailedSnapshot = self._snapshots.take(checkpoint)
        except Exception as error:
            if not together:
                raise
            snapshot = FailedSnapshot(error)  # the other processes wait for this one's answer
        self._worker.submit(lambda: self._measure(step, snapshot, forces, together))
        return True

    def _measure(
        self, step: int, snapshot: Snapshot | FailedSnapshot, forces: KindForces, together: bool
    ) -> None:
        with self._failures.told("the measurement"):
            found = self._ranks.added(lambda: self._counted(snapshot), forces, together=together)
            if found is None:
                return
            kept, total = found
            fit = model_fit(kept, kept.fits(self._options), self._options)
            self.last = self._history.add(step, fit, kept, total)
            self._tell(self.last)

    def _counted(self, snapshot: Snapshot | FailedSnapshot) -> ModelHistograms:
        slices = snapshot.wait()
        return kept_histograms(slices, self._options, snapshot.tensors, progress=None)

    def _tell(self, report: StepReport) -> None:
        for finding in report.findings:
            if callable(self._alerts):
                with self._failures.told("the alerts"):
                    self._alerts(finding)
            elif self._alerts and LEVELS.index(finding.level) <= LEVELS.index(self._alerts):
                LOGGER.log(_LOG_LEVELS[finding.level], "%s", finding.message)
        for sink in self._sinks:
            with self._failures.told(f"the sink {type(sink).__name__}"):
                sink.write(report)
