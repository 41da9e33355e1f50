"""Replay the queue of a scan with more workers than this machine has processors.

Workers share out the slices of a checkpoint by the rules of `cpp/core/scan/task_queue.hpp`. What
counting a part, handing over a table, merging two histograms and fitting a slice take is measured
on one thread. From both follows how long a scan takes with any number of workers, how long they
wait, and how often counts are merged. What all processors share, above all the bandwidth of the
memory, is left out: the replay tells what the queue costs, not what the machine can do.

    python bench/queue_simulation.py                # with the costs below
    python bench/queue_simulation.py --measure      # with those of this processor
"""

from __future__ import annotations

import argparse
import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from weightgauge import _core

RULES = _core.queue_rules()
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128)


@dataclass(frozen=True)
class Costs:
    """Seconds of one thread; a part is a chunk of a megabyte."""

    item_bytes: float
    part: float
    hand_over: float
    merge: float
    fit: float


# Microseconds on a virtual AMD EPYC with AVX-512, by `--measure`, Gaussian weights. F4 is from the
# cycles in docs/performance.md; what handing over codes takes is below what can be measured so.
MEASURED = {
    #           bytes, part, hand over, merge, fit
    "BF16": (2, 161, 10, 9, 22),
    "F16": (2, 170, 20, 41, 103),
    "F8_E5M2": (1, 205, 10, 2, 15),
    "F8_E4M3": (1, 214, 10, 2, 15),
    "F4": (0.5, 238, 10, 2, 15),
    "F32": (4, 301, 302, 312, 1181),
    "F64": (8, 238, 364, 274, 1112),
}
# Starting a thread there: 13 us to make it, 13 us to see before whether there may be so many.
START_S = 26e-6


def measured_costs() -> dict[str, Costs]:
    """Return the costs in `MEASURED`."""
    return {
        name: Costs(size, *(1e-6 * number for number in numbers))
        for name, (size, *numbers) in MEASURED.items()
    }


@dataclass(frozen=True)
class Slice:
    """A slice, or several of the same size that lie between each other.

    Such slices of 16-bit formats are read together.
    """

    elements: int
    together: int = 1


@dataclass(eq=False)
class _Work:
    """The parts of a slice, or a group of small slices, which nobody joins."""

    parts: int
    part_s: float
    slices: int
    small: int = 0  # slices in a group
    taken: int = 0
    pending: int = 0
    workers: int = 0
    alone_since: float | None = None  # of a worker who has not been joined
    waiting: bool = False  # a histogram that waits for another
    tables: int = 0

    def left(self, now: float) -> int:
        return self.parts - self.taken_at(now)

    def taken_at(self, now: float) -> int:
        if self.alone_since is None:
            return self.taken
        begun = int((now - self.alone_since) / self.part_s) + 1
        return min(self.parts, max(begun, 1))


@dataclass
class Outcome:
    """What a replay has found."""

    workers: int
    seconds: float
    busy: float  # worker seconds
    merges: int
    shared: int  # slices of which several workers counted a part
    slices: int

    @property
    def idle(self) -> float:
        """Share of the workers' time in which they waited."""
        return 1 - self.busy / (self.seconds * self.workers)


def works_of(slices: Sequence[Slice], costs: Costs) -> list[_Work]:
    """Group slices as the queue does: large ones alone, small ones by the group."""
    works: list[_Work] = []
    room = 0.0
    read_apart = costs.item_bytes != 2
    for each in slices:
        if read_apart and each.together > 1:
            works += works_of([Slice(each.elements)] * each.together, costs)
            room = 0.0
            continue
        size = each.elements * costs.item_bytes * each.together
        parts = max(1, -(-int(size) // RULES["chunk_bytes"]))
        seconds = costs.part * size / RULES["chunk_bytes"]
        if parts > 1 or size > room:
            works.append(_Work(parts, seconds / parts, each.together, small=0))
            room = 0.0 if parts > 1 else RULES["group_bytes"]
        else:
            group = works[-1]
            group.part_s += seconds
        if parts == 1:
            works[-1].small += each.together
            room -= size
    for work in works:
        work.pending = work.parts
    return works


@dataclass
class _Replay:
    works: list[_Work]
    costs: Costs
    workers: int
    start_s: float
    caller_works: bool
    now: float = 0.0
    busy: float = 0.0
    merges: int = 0
    events: list[tuple[float, int, int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        wide = self.costs.item_bytes >= 4
        self.to_join = RULES["wide_parts_to_join" if wide else "parts_to_join"]
        self.in_file = iter(self.works)
        self.seats: list[_Work | None] = [None] * self.workers
        self.versions = [0] * self.workers
        self.done = [0] * self.workers  # parts, not handed over
        self.order = itertools.count()

    def run(self) -> Outcome:
        begins = list(starts(self.workers, self.start_s, self.caller_works))
        # A caller who works waits for nobody who has not begun.
        self.ended = 0.0 if self.caller_works else max(begins)
        for worker, ready in enumerate(begins):
            self.at(ready, worker, "start")
        while self.events:
            when, _, key, what = heapq.heappop(self.events)
            worker, version = divmod(key, 1 << 40)
            if version == self.versions[worker]:  # else the worker has been joined since
                self.now = when
                if what != "start":  # else this worker has done nothing yet
                    self.ended = when
                getattr(self, what)(worker)
        return Outcome(
            self.workers,
            self.ended,
            self.busy,
            self.merges,
            sum(work.tables > work.slices for work in self.works),
            sum(max(work.slices, work.small) for work in self.works),
        )

    def at(self, when: float, worker: int, what: str) -> None:
        self.versions[worker] += 1
        key = (worker << 40) + self.versions[worker]
        heapq.heappush(self.events, (when, next(self.order), key, what))

    def spend(self, worker: int, seconds: float, what: str) -> None:
        self.busy += seconds
        self.at(self.now + seconds, worker, what)

    def start(self, worker: int) -> None:
        self.free(worker)

    def free(self, worker: int) -> None:
        """Find work: the next in the file, or that with the most left for each who does it."""
        work = next(self.in_file, None)
        if work is not None:
            self.begin(worker, work)
            return
        work = self.most_left()
        self.seats[worker] = work
        if work is not None:
            self.join(worker, work)

    def begin(self, worker: int, work: _Work) -> None:
        self.seats[worker] = work
        work.workers = 1
        work.alone_since = self.now
        self.done[worker] = work.parts
        self.spend(worker, work.parts * work.part_s, "hand_over")

    def most_left(self) -> _Work | None:
        found, most = None, 0
        for work in self.seats:
            if work is None or work.small:
                continue
            left = work.left(self.now)
            each = left // (work.workers * work.slices)
            if each >= self.to_join and left // work.workers > most:
                found, most = work, left // work.workers
        return found

    def join(self, worker: int, work: _Work) -> None:
        if work.alone_since is not None:  # from here on it is taken part by part
            owner = next(w for w, seat in enumerate(self.seats) if seat is work and w != worker)
            work.taken = work.taken_at(self.now)
            until = work.alone_since + work.taken * work.part_s
            self.busy -= (work.parts - work.taken) * work.part_s
            self.done[owner] = work.taken
            work.alone_since = None
            self.at(until, owner, "part")
        work.workers += 1
        self.done[worker] = 0
        self.part(worker)

    def part(self, worker: int) -> None:
        work = self.seats[worker]
        assert work is not None
        if work.taken < work.parts:
            work.taken += 1
            self.done[worker] += 1
            self.spend(worker, work.part_s, "part")
        elif self.done[worker]:
            self.hand_over(worker)
        else:
            self.free(worker)

    def hand_over(self, worker: int) -> None:
        """Empty the tables, one for each slice; then merge with what waits."""
        work = self.seats[worker]
        assert work is not None
        work.alone_since = None
        work.taken = work.parts
        tables = work.small or work.slices
        work.tables += work.slices
        self.spend(worker, tables * self.costs.hand_over, "merge")

    def merge(self, worker: int) -> None:
        work = self.seats[worker]
        assert work is not None
        if work.waiting:
            work.waiting = False
            self.merges += work.slices
            self.spend(worker, work.slices * self.costs.merge, "merge")
            return
        work.waiting = True
        work.pending -= self.done[worker]
        self.done[worker] = 0
        if work.pending == 0:
            self.spend(worker, (work.small or work.slices) * self.costs.fit, "free")
        else:
            self.free(worker)


def replay(
    slices: Sequence[Slice], costs: Costs, workers: int, start_s: float = START_S
) -> Outcome:
    """Replay a scan; threads start one after the other, each in `start_s`."""
    size = sum(each.elements * each.together for each in slices) * costs.item_bytes
    caller_works = size <= RULES["caller_bytes"]
    return _Replay(works_of(slices, costs), costs, workers, start_s, caller_works).run()


def starts(workers: int, start_s: float, caller_works: bool) -> Iterator[float]:
    """When each worker begins, on a machine with as many processors.

    Those of a region begin when all of them have started, in the last one also the threads that
    only make them more than processors. Regions start one after the other. A caller who works is
    there already.
    """
    threads = workers
    if caller_works:
        yield 0.0
        threads -= 1
    regions = -(-threads // RULES["threads_of_region"])
    idle = workers - threads + regions if threads > regions else 0
    for region in range(regions):
        first, last = threads * region // regions, threads * (region + 1) // regions
        started = last + (idle if region == regions - 1 else 0)
        yield from [started * start_s] * (last - first)


# -- checkpoints ----------------------------------------------------------------------------------


def heads_in_rows(count: int, rows: int, width: int) -> Iterator[Slice]:
    """Heads of q, k or v: rows that lie one after the other."""
    yield from (Slice(rows * width) for _ in range(count))


def heads_in_columns(count: int, columns: int, width: int) -> Iterator[Slice]:
    """Heads of o, which share rows and are read in sets."""
    most = RULES["most_in_set"]
    for first in range(0, count, most):
        yield Slice(columns * width, min(most, count - first))


def decoder(
    width: int, blocks: int, heads: int, kv_heads: int, inner: int, words: int, per_head: bool
) -> Iterator[Slice]:
    """Slices of a dense decoder in the order of its files."""
    head = width // heads
    yield Slice(words * width)
    for _ in range(blocks):
        yield Slice(width)
        if per_head:
            yield from heads_in_rows(heads, head, width)
            yield from heads_in_rows(2 * kv_heads, head, width)
            yield from heads_in_columns(heads, head, width)
        else:
            yield Slice(width * width)
            yield Slice(kv_heads * head * width)
            yield Slice(kv_heads * head * width)
            yield Slice(width * width)
        yield Slice(width)
        yield from (Slice(width * inner) for _ in range(3))
    yield Slice(width)
    yield Slice(words * width)


def mixture(by_expert: bool) -> Iterator[Slice]:
    """Slices of a mixture of 400 billion: 48 blocks, 128 experts in every other one."""
    width, inner = 5120, 8192
    yield Slice(202_048 * width)
    for block in range(48):
        yield Slice(width)
        yield from (Slice(n * width) for n in (40 * 128, 8 * 128, 8 * 128, 40 * 128))
        yield Slice(width)
        yield from (Slice(width * inner) for _ in range(3))
        if block % 2:
            yield Slice(128 * width)
            each = 1 if by_expert else 128
            yield from (Slice(each * width * inner) for _ in range(3 * 128 // each))
    yield Slice(width)
    yield Slice(202_048 * width)


CHECKPOINTS = {
    "7B": lambda: decoder(4096, 32, 32, 32, 11_008, 32_000, False),
    "7B by heads": lambda: decoder(4096, 32, 32, 32, 11_008, 32_000, True),
    "70B": lambda: decoder(8192, 80, 64, 8, 28_672, 128_256, False),
    "70B by heads": lambda: decoder(8192, 80, 64, 8, 28_672, 128_256, True),
    "400B": lambda: mixture(False),
    "400B by experts": lambda: mixture(True),
}


# -- costs of this processor ----------------------------------------------------------------------


def measure() -> dict[str, Costs]:
    """Measure the costs of each format on this processor, in processor time of one thread."""
    import weightgauge as wg
    from workloads import FORMATS, gaussian

    costs = {}
    for name, dtype in FORMATS.items():
        size = 8 * RULES["chunk_bytes"]
        once, twice = gaussian(dtype, size), gaussian(dtype, 2 * size)
        fit = [_least(lambda a=a: wg.fit_weibull(a, threads=1)) for a in (once, twice)]
        count = [_least(lambda a=a: wg.magnitude_histogram(a, threads=1)) for a in (once, twice)]
        one, other = (wg.magnitude_histogram(a, threads=1) for a in (once, twice))
        part = (count[1] - count[0]) / 8
        hand_over = max(count[0] - 8 * part, 1e-6)
        costs[name] = Costs(
            dtype.itemsize,
            part,
            hand_over,
            _least(lambda one=one, other=other: one + other),
            max(fit[1] - count[1], 1e-6),
        )
    return costs


def thread_start_s() -> float:
    """Measure what starting a thread takes, in processor time of the thread that starts it."""
    from machine import start_threads

    others = min(RULES["threads_of_region"], 64) - 1
    return min(start_threads(max(others, 1)) for _ in range(25))


def _least(call) -> float:
    from time import process_time

    times = []
    for _ in range(25):
        start = process_time()
        call()
        times.append(process_time() - start)
    return min(times)


# -- the table ------------------------------------------------------------------------------------


def main() -> None:
    """Print how far each format and checkpoint is from scaling with the workers."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--measure", action="store_true", help="costs of this processor")
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS)
    parser.add_argument("--formats", nargs="+", default=None)
    parser.add_argument("--checkpoints", nargs="+", default=list(CHECKPOINTS), choices=CHECKPOINTS)
    options = parser.parse_args()
    costs = measure() if options.measure else measured_costs()
    start_s = thread_start_s() if options.measure else START_S
    print(f"us to start a thread: {1e6 * start_s:.0f}")
    print("us:       part  hand over  merge    fit")
    for name, cost in costs.items():
        numbers = [1e6 * n for n in (cost.part, cost.hand_over, cost.merge, cost.fit)]
        print(f"{name:8}" + "".join(f"{n:8.0f}" for n in numbers))
    print("\nshare of linear speed (idle time, merges in 1,000 slices) by workers")
    for checkpoint in options.checkpoints:
        slices = list(CHECKPOINTS[checkpoint]())
        for name in options.formats or costs:
            alone = replay(slices, costs[name], 1, start_s)
            cells = []
            for workers in options.workers:
                found = replay(slices, costs[name], workers, start_s)
                share = alone.seconds / (workers * found.seconds)
                merges = 1000 * found.merges / found.slices
                cells.append(f"{workers}: {share:.3f} ({100 * found.idle:.1f} %, {merges:.0f})")
            print(f"{checkpoint:16}{name:8}" + "  ".join(cells), flush=True)


if __name__ == "__main__":
    main()
