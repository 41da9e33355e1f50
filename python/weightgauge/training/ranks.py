"""Processes that train one model: their counts are added, each element once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.inventory import inventory
from weightgauge.choices import PER, check_choice
from weightgauge.errors import LiveModelError, WeightgaugeError
from weightgauge.magnitudes.options import FitOptions
from weightgauge.scanning import kept_histograms, slices_of_checkpoint
from weightgauge.scanning.live import LiveCheckpoint, LiveModel, live_checkpoint
from weightgauge.scanning.merging import added
from weightgauge.training.norm_forces import KindForces, summed
from weightgauge.training.processes import distributed, rank

if TYPE_CHECKING:
    from weightgauge.scanning import ModelHistograms


def scan_sharded(
    model: LiveModel,
    *,
    group: Any = None,
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    per: str = "tensor",
    threads: int | None = None,
) -> ModelHistograms:
    """Count a model whose tensors are sharded over processes, as `weightgauge.scan` counts a whole.

    Every process calls it. Each counts the part that it has, and no element is counted twice;
    counts are a few kilobytes a matrix, and only these are exchanged.

    Parameters
    ----------
    model : torch.nn.Module or mapping of str to array
        With DTensors that are sharded or replicated, as `fully_shard` and tensor parallelism make
        them. Other tensors are taken as equal in all processes.
    group : torch.distributed.ProcessGroup, optional
        The processes, for exchanges in the memory of the CPU; all by default.
    include, exclude, per, threads
        As for `weightgauge.fit`.

    Returns
    -------
    ModelHistograms
        Of the whole model, in every process.

    Raises
    ------
    LiveModelError
        A tensor is placed in a way that is not read, there are none, another process could not
        count, or the processes have different tensors.
    """
    check_choice("per", per, PER)

    def part_of(here: int) -> ModelHistograms:
        checkpoint = live_checkpoint(model, rank=here)
        slices = slices_of_checkpoint(checkpoint, include=include, exclude=exclude, per=per)
        tensors = inventory(checkpoint, slices.survey, slices.chosen)
        return kept_histograms(slices, FitOptions(threads=threads), tensors, progress=None)

    processes = distributed()
    if processes is None:
        return part_of(0)
    return _gathered(part_of, processes, group)


def _gathered(
    part_of: Callable[[int], ModelHistograms], processes: Any, group: Any
) -> ModelHistograms:
    """Add the parts of all processes; where one cannot count, none waits for it in vain."""
    here = int(processes.get_rank(group))
    part, failure = None, None
    try:
        part = part_of(here)
    except Exception as error:  # raised below, once the others know
        failure = error
    answers: list[Any] = [None] * int(processes.get_world_size(group))
    told = None if failure is None else f"process {here}: {failure}"
    processes.all_gather_object(answers, (told, part), group=group)
    if failure is not None:
        raise failure
    if problems := [problem for problem, _ in answers if problem]:
        raise LiveModelError("; ".join(problems))
    return added([each for _, each in answers])


class Ranks:
    """The processes of a run, as the gauges in them work together.

    Attributes
    ----------
    number : int
        Of this process; 0 where there is one.
    """

    def __init__(self) -> None:
        self._distributed = distributed()
        self.number = rank()
        self._groups: tuple[Any, Any] | None = None

    def share(self, checkpoint: LiveCheckpoint) -> bool:
        """Whether a model lies in several processes, so that counts must be added."""
        return self._distributed is not None and any(
            shard.array.sharding is not None and shard.array.sharding.spread
            for shard in checkpoint.live_shards
        )

    def all_agree(self, here: bool, *, together: bool) -> bool:
        """Tell whether something holds in all processes that work together."""
        if not together or self._distributed is None:
            return here
        import torch

        held = torch.tensor(int(here))
        # The loop and the thread beside it each have a group: exchanges in one of them must come
        # in the same order everywhere.
        self._distributed.all_reduce(
            held, op=self._distributed.ReduceOp.MIN, group=self._made_groups()[0]
        )
        return bool(held.item())

    def added(
        self, count: Callable[[], ModelHistograms], forces: KindForces, *, together: bool
    ) -> tuple[ModelHistograms, KindForces] | None:
        """Count here, and add what all processes counted.

        Parameters
        ----------
        count : callable
            Counts the part of this process.
        forces : dict
            What its optimiser did.
        together : bool
            Whether there are parts in other processes.

        Returns
        -------
        (ModelHistograms, dict) or None
            None in all processes but the first.

        Raises
        ------
        WeightgaugeError
            In the first process, if another one could not count.
        """
        if not together or self._distributed is None:
            return count(), forces
        problem, part = "", None
        try:
            part = count()
        except Exception as error:  # the others wait for an answer
            problem = f"process {self.number}: {error}"
        answers: list[Any] | None = None
        if self.number == 0:
            answers = [None] * int(self._distributed.get_world_size())
        group = self._made_groups()[1]
        self._distributed.gather_object((problem, part, forces), answers, dst=0, group=group)
        if answers is None:
            return None
        if problems := [answer[0] for answer in answers if answer[0]]:
            raise WeightgaugeError("; ".join(problems))
        return added([answer[1] for answer in answers]), summed([answer[2] for answer in answers])

    def _made_groups(self) -> tuple[Any, Any]:
        if self._groups is None:
            assert self._distributed is not None
            make = self._distributed.new_group
            self._groups = (make(backend="gloo"), make(backend="gloo"))
        return self._groups
