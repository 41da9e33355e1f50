"""What each step of an optimiser does to the norms of matrices: decay, injection, alignment."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.anatomy.survey import survey
from weightgauge.scanning.live import LiveModel, live_checkpoint
from weightgauge.training.failures import Failures
from weightgauge.training.processes import rank
from weightgauge.trajectory.forces import Forces, step_forces
from weightgauge.trajectory.optimizers import optimizer_of

if TYPE_CHECKING:
    from weightgauge.trajectory.kind_sizes import KindKey

KindForces = dict[tuple[str | None, str], Forces]
"""Forces by tower and kind."""


class NormForces:
    """Splits steps of an optimiser with decoupled weight decay into what moves squared norms.

    Before a step the matrices are copied where they lie; after it the update u follows exactly from
    W' = W - eta u - eta wd W, with the learning rate and decay of the parameter's own group. Sums
    are taken in double precision.

    Parameters
    ----------
    model : torch.nn.Module
        Its matrices are told by kind.
    optimizer : torch.optim.Optimizer
        Or what wraps one. Where its decay is not decoupled nothing is split.
    is_next : callable
        Whether the step that comes now is to be split.
    """

    def __init__(self, model: LiveModel, optimizer: Any, is_next: Callable[[], bool]) -> None:
        self._optimizer = getattr(optimizer, "optimizer", optimizer)
        self._model = model
        self._is_next = is_next
        self._failures = Failures()
        self._before: dict[int, Any] = {}
        self._found: KindForces = {}
        self._kinds: dict[int, KindKey] | None = None
        self._hooks = [
            self._optimizer.register_step_pre_hook(self._before_step),
            self._optimizer.register_step_post_hook(self._after_step),
        ]

    def take(self) -> KindForces:
        """Return what the last step that was split did, once."""
        found, self._found = self._found, {}
        return found

    def close(self) -> None:
        """Take the hooks off the optimiser."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        self._before = {}

    def _before_step(self, *_: Any) -> None:
        with self._failures.told("the forces"):
            self._found = {}
            self._before = {}
            if self._is_next() and self._splits():
                self._before = {
                    id(parameter): _local(parameter).clone() for parameter, _ in self._parameters()
                }

    def _after_step(self, *_: Any) -> None:
        with self._failures.told("the forces"):
            if self._before:
                parts: dict[KindKey, list[Forces]] = {}
                for parameter, group in self._parameters():
                    before = self._before.pop(id(parameter), None)
                    if before is not None:
                        forces = _forces(before, _local(parameter), group)
                        parts.setdefault(self._kind_of(parameter), []).append(forces)
                self._found = {key: total(each) for key, each in parts.items()}

    def _splits(self) -> bool:
        name = type(self._optimizer).__name__
        known = optimizer_of(name)
        decoupled = known is not None and known.decoupled and known.name != "sgd"
        if not decoupled and not all(
            group.get("decoupled_weight_decay") for group in self._optimizer.param_groups
        ):
            self._failures.once(
                "optimizer",
                f"the steps of {name} are not split into forces: its weight decay is not known to "
                "be decoupled",
            )
            return False
        return True

    def _parameters(self) -> Iterator[tuple[Any, dict[str, Any]]]:
        if self._kinds is None:
            self._kinds = _kinds(self._model)
        for group in self._optimizer.param_groups:
            for parameter in group["params"]:
                if id(parameter) in self._kinds:
                    yield parameter, group

    def _kind_of(self, parameter: Any) -> KindKey:
        assert self._kinds is not None
        return self._kinds[id(parameter)]


def total(parts: Sequence[Forces]) -> Forces:
    """Add the forces on several matrices."""
    names = ("decay", "injection", "alignment", "crossed", "change", "closure_error")
    return Forces(**{name: math.fsum(getattr(each, name) for each in parts) for name in names})


def summed(parts: Sequence[KindForces]) -> KindForces:
    """Add the forces on the parts of matrices in several processes."""
    keys = dict.fromkeys(key for part in parts for key in part)
    return {key: total([part[key] for part in parts if key in part]) for key in keys}


def _kinds(model: LiveModel) -> dict[int, KindKey]:
    """Return tower and kind of the matrices whose parts are counted here, by identity."""
    checkpoint = live_checkpoint(model, rank=rank())
    places = survey(checkpoint).components
    parameters = {name: value for name, value in _named(model)}
    by_memory = {}
    for place, shard in zip(places, checkpoint.live_shards, strict=True):
        sharding = shard.array.sharding
        if place.kind in MATRIX_KINDS and (sharding is None or not sharding.left_out):
            by_memory[shard.array.memory[:3]] = (place.tower, place.kind)
    found = {}
    for parameter in parameters.values():
        local = _local(parameter)
        nbytes = local.element_size() * local.numel()
        key = by_memory.get((str(local.device), int(local.data_ptr()), nbytes))
        if key is not None:
            found[id(parameter)] = key
    return found


def _named(model: Any) -> Iterator[tuple[str, Any]]:
    yield from (model.named_parameters() if hasattr(model, "named_parameters") else model.items())


def _local(parameter: Any) -> Any:
    """Return the part of a parameter that is here."""
    detached = parameter.detach()
    return detached.to_local() if hasattr(detached, "to_local") else detached


def _forces(before: Any, after: Any, group: dict[str, Any]) -> Forces:
    lr, weight_decay = float(group["lr"]), float(group.get("weight_decay", 0.0))
    first, last = before.double().flatten(), after.double().flatten()
    square, square_after = float(first @ first), float(last @ last)
    update = (first - last).div_(lr).sub_(first, alpha=weight_decay) if lr else first * 0
    return step_forces(
        square,
        float(first @ update),
        float(update @ update),
        lr=lr,
        weight_decay=weight_decay,
        square_after=square_after,
    )
