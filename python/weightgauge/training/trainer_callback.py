"""A callback for the Trainer of transformers."""

from __future__ import annotations

from typing import Any

from weightgauge.errors import MissingExtraError
from weightgauge.training.gauge_maker import GaugeMaker

try:
    import transformers
except ImportError as error:
    raise MissingExtraError("transformers", "train") from error

_STATE = "weightgauge"
"""Name of its state among those of callbacks."""


class TrainerCallback(transformers.TrainerCallback):  # type: ignore[misc]
    """Measures the model that a `transformers.Trainer` trains: at its start, its end, and between.

    Its state is saved in the `trainer_state.json` of each checkpoint, and taken up again when
    training is resumed from there. Beside what it records it writes how the model is trained, so
    that `weightgauge track` knows T/tau.

    Parameters
    ----------
    every : int
        Optimiser steps from one measurement to the next.
    forces : bool
        Whether to split the optimiser's steps: see `weightgauge.training.Gauge`, `optimizer`.
    **options
        As for `weightgauge.training.Gauge`.

    Examples
    --------
    ``Trainer(..., callbacks=[TrainerCallback(every=100, record="run/weights")])``
    """

    def __init__(self, *, every: int = 100, forces: bool = False, **options: Any) -> None:
        self._maker = GaugeMaker({"every": every, **options}, forces=forces)

    @property
    def gauge(self) -> Any:
        """The gauge, while the model is trained."""
        return self._maker.gauge

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Make the gauge, with the state of a run that is resumed."""
        self._maker.resume(state.stateful_callbacks.get(_STATE))
        self._maker.begin(given["model"], given.get("optimizer"), state.global_step)
        if state.is_world_process_zero:
            self._maker.keep_arguments(args.to_dict(), state.max_steps)

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Pass the step on."""
        self._maker.step(state.global_step)
        self._keep_state(state, control)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Keep the state for a checkpoint at the end of an epoch."""
        self._keep_state(state, control)

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Measure the last step."""
        self._maker.end(state.global_step)

    def _keep_state(self, state: Any, control: Any) -> None:
        if control.should_save:
            state.stateful_callbacks[_STATE] = self._maker.state
