"""What the callbacks of trainers share: they make a gauge when training begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from weightgauge.training.failures import LOGGER
from weightgauge.training.gauge import Gauge
from weightgauge.training.recorder import Recorder

if TYPE_CHECKING:
    from weightgauge.scanning.live import LiveModel


class GaugeMaker:
    """Makes the gauge of a run, and keeps the state with which it resumes.

    Parameters
    ----------
    options : mapping
        As for `Gauge`.
    forces : bool
        Whether to watch the optimiser.
    """

    def __init__(self, options: Mapping[str, Any], *, forces: bool) -> None:
        self.gauge: Gauge | None = None
        self._options = dict(options)
        self._forces = forces
        self._state: Mapping[str, Any] | None = None
        # A wrong option is told now, and not when training begins.
        Gauge({}, **{**self._options, "sinks": (), "record": None})

    def begin(self, model: LiveModel, optimizer: Any, step: int) -> None:
        """Make the gauge, and measure the model as it is."""
        watched = optimizer if self._forces else None
        self.gauge = Gauge(model, optimizer=watched, **self._options)
        if self._state is not None:
            self.gauge.load_state_dict(self._state)
        self.gauge.step(step, force=True)

    def step(self, step: int) -> None:
        """Pass a step on."""
        if self.gauge is not None:
            self.gauge.step(step)

    def end(self, step: int) -> None:
        """Measure the last step, and close the gauge."""
        if self.gauge is not None:
            self.gauge.wait()
            self.gauge.step(step, force=True)
            self._state = self.gauge.state_dict()
            self.gauge.close()
            self.gauge = None

    def keep_arguments(self, arguments: Mapping[str, Any], steps: int) -> None:
        """Write how the model is trained beside its record, if there is one; this may fail."""
        record = self._options.get("record")
        if record is None:
            return
        try:
            Recorder(record).write_arguments(arguments, steps=steps)
        except Exception as error:  # training goes on
            LOGGER.warning("the settings of the run are not written to %s: %s", record, error)

    @property
    def state(self) -> dict[str, Any] | None:
        """What a resumed run needs; None before training."""
        if self.gauge is not None:
            return self.gauge.state_dict()
        return None if self._state is None else dict(self._state)

    def resume(self, state: Mapping[str, Any] | None) -> None:
        """Take up the state of an earlier run; None for none."""
        self._state = state or None
        if self.gauge is not None and state:
            self.gauge.load_state_dict(state)
