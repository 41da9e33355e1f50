"""Fits in worker processes that begin anew, in loaders of data, and beside an event loop."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from faults.models import write_model

# Workers of a pool may fork the process or begin anew, and then import the program's file again.
POOL = """
import multiprocessing, sys
import numpy as np
import weightgauge as wg

def measured(job):
    path, seed = job
    values = np.random.default_rng(seed).normal(size=200_000).astype(np.float16)
    return wg.fit_weibull(values, threads=2).k, wg.fit(path, threads=2).to_dict()

if __name__ == "__main__":
    jobs = [(sys.argv[2], seed) for seed in range(4)]
    expected = [measured(job) for job in jobs]
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        assert pool.map_async(measured, jobs).get(timeout=100) == expected
        assert [measured(job) for job in jobs] == expected
    print("done")
"""

LOADER = """
import sys
import torch
import weightgauge as wg

class Fits(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        values = torch.randn(200_000, generator=torch.Generator().manual_seed(i))
        return wg.fit_weibull(values.numpy(), threads=2).k, len(wg.fit(sys.argv[1]).slices)

if __name__ == "__main__":
    torch.set_num_threads(2)
    fits = Fits()
    torch.randn(300, 300) @ torch.randn(300, 300)  # starts PyTorch's own threads
    expected = [fits[i] for i in range(4)]
    loader = torch.utils.data.DataLoader(fits, batch_size=None, num_workers=2, timeout=100)
    assert [tuple(each) for each in loader] == expected
    print("done")
"""

# The loop goes on while threads measure: it counts, and is not behind when they have ended.
LOOP = """
import asyncio, sys
import numpy as np
import weightgauge as wg

values = np.random.default_rng(0).normal(size=1_000_000).astype(np.float32)

async def measured():
    turns, ended = 0, asyncio.Event()

    async def turn():
        nonlocal turns
        while not ended.is_set():
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    fits = [asyncio.to_thread(wg.fit_weibull, values) for _ in range(8)]
    models = [asyncio.to_thread(wg.fit, sys.argv[1]) for _ in range(8)]
    async with asyncio.timeout(100):
        found = await asyncio.gather(*fits, *models)
    ended.set()
    await turning
    return found, turns

found, turns = asyncio.run(measured())
assert turns > 100, turns
assert set(found[:8]) == {wg.fit_weibull(values)}
model = wg.fit(sys.argv[1]).to_dict()
assert all(each.to_dict() == model for each in found[8:])

async def abandoned():
    task = asyncio.create_task(asyncio.to_thread(wg.fit, sys.argv[1]))
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return True

assert asyncio.run(abandoned())
print("done")
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("pools") / "model")


def run(folder: Path, program: str, *arguments: object) -> None:
    """Run a program from a file, because new workers read it again."""
    path = folder / "program.py"
    path.write_text(program)
    result = subprocess.run(
        [sys.executable, str(path), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr


@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_a_pool_of_workers_that_begin_anew(tmp_path: Path, model: Path, start: str) -> None:
    run(tmp_path, POOL, start, model)


def test_workers_of_a_loader_of_data(tmp_path: Path, model: Path) -> None:
    pytest.importorskip("torch")
    run(tmp_path, LOADER, model)


def test_threads_of_an_event_loop(tmp_path: Path, model: Path) -> None:
    run(tmp_path, LOOP, model)
