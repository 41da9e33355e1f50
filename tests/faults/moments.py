"""Processes that are killed, and checkpoints that change, at random moments.

From the folder `tests`, for a night:

    python -m faults.moments [--kills 500] [--changes 200] [--seed 0]
"""

from __future__ import annotations

import argparse
import collections
import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from faults.models import write_model
from faults.shim import Ending, Fault, Server

OLD = b"what was there before"
CHANGES = ("truncated", "overwritten", "replaced")


def killed(server: Server, folder: Path, times: int, seed: int = 0) -> collections.Counter[str]:
    """Kill `scan -o` over an existing file at random moments; count what was there afterwards.

    After each kill the file is the old or the new one. After each tenth a run comes to its end, and
    nothing but its file is left.
    """
    rng = np.random.default_rng(seed)
    model, kept = write_model(folder / "model"), folder / "kept"
    kept.mkdir()
    target = kept / "out.wghist"
    arguments = ["scan", str(model), "-o", str(target), "--force", "-q", "--threads", "2"]
    server.learn(arguments)
    begin = time.monotonic()
    ending = server.run(arguments, Fault())
    whole, new = time.monotonic() - begin, target.read_bytes()
    assert ending.code == 0, ending.stderr
    found: collections.Counter[str] = collections.Counter()
    for i in range(times):
        target.write_bytes(OLD)
        ending = server.run(arguments, Fault(), limit_s=rng.uniform(0, 1.2 * whole))
        now = target.read_bytes()
        assert now in (OLD, new), f"kill {i}: neither the old file nor the new one"
        drafts = len(list(kept.iterdir())) - 1
        found["killed" if ending.code is None else "finished"] += 1
        found["old" if now == OLD else "new"] += 1
        found["drafts left"] += drafts
        if i % 10 == 9 or i == times - 1:
            assert server.run(arguments, Fault()).code == 0
            assert [path.name for path in kept.iterdir()] == ["out.wghist"]
    return found


class Changing:
    """A checkpoint of which another one is kept, so that it can be changed and put back."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self.path = folder / "model.safetensors"
        self._first, self._second = folder / "first.kept", folder / "second.kept"
        for path in (self._first, self._second):
            values = self._rng.normal(0, 0.02, (4, 1024, 1024)).astype(np.float32)
            tensors = {f"layers.{i}.mlp.up_proj.weight": each for i, each in enumerate(values)}
            save_file(tensors, path)

    def put_back(self) -> None:
        """Let the checkpoint be the first one again, in a file of its own."""
        self.path.unlink(missing_ok=True)
        shutil.copyfile(self._first, self.path)

    def change(self, how: str) -> None:
        """Change the checkpoint as a writer would who does not care about its readers."""
        size = self._first.stat().st_size
        if how == "truncated":
            os.truncate(self.path, int(self._rng.integers(0, size)))
        elif how == "overwritten":
            with open(self.path, "r+b") as file:
                file.seek(int(self._rng.integers(size // 2, size - 2**20)))
                file.write(self._rng.normal(0, 0.05, 2**17).astype(np.float32).tobytes())
        else:
            other = self.path.with_suffix(".new")
            shutil.copyfile(self._second, other)
            os.replace(other, self.path)


def changed(server: Server, folder: Path, times: int, seed: int = 0) -> collections.Counter[str]:
    """Change a checkpoint at random moments while it is fitted; count how the fits ended.

    A fit ends with one error about the file, or with the numbers of the checkpoint as it was, or as
    it is afterwards. It never ends by a signal.
    """
    rng = np.random.default_rng(seed)
    scene = Changing(folder, seed)
    found: collections.Counter[str] = collections.Counter()
    usual: dict[str, Ending] = {}
    whole = 0.0
    for io in ("mmap", "pread"):
        arguments = _fit(scene, io)
        scene.put_back()
        server.learn(arguments)
        begin = time.monotonic()
        usual[io] = server.run(arguments, Fault())
        whole = max(whole, time.monotonic() - begin)
        assert usual[io].code == 0, usual[io].stderr
    assert usual["mmap"].stdout == usual["pread"].stdout
    for i in range(times):
        how, io = CHANGES[i % 3], ("mmap", "pread")[i // 3 % 2]
        scene.put_back()
        changer = threading.Timer(rng.uniform(0, whole), scene.change, [how])
        changer.start()
        ending = server.run(_fit(scene, io), Fault())
        changer.join()
        found[f"{how}: {_outcome(ending, usual[io])}"] += 1
        if ending.code == 0 and ending.stdout != usual[io].stdout:
            again = server.run(_fit(scene, io), Fault())
            assert again.stdout == ending.stdout, f"change {i} ({how}, {io}): mixed numbers"
    return found


def _fit(scene: Changing, io: str) -> list[str]:
    # Sorting reads the weights several times, so that most changes fall into the scan.
    return ["fit", str(scene.path), "--io", io, "--exact", "--json", "--threads", "2"]


def _outcome(ending: Ending, usual: Ending) -> str:
    if ending.code == 0:
        return "numbers from before" if ending.stdout == usual.stdout else "numbers from after"
    errors = [line for line in ending.stderr.splitlines() if line.startswith("error: ")]
    assert ending.code == 1 and len(errors) == 1 and ending.stdout == "", ending
    assert "model.safetensors" in errors[0], errors
    return "error"


def main() -> int:
    """Kill and change as often as asked for, and print what came out; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for act, times in ((killed, given.kills), (changed, given.changes)):
        folder = Path(tempfile.mkdtemp(prefix="faults-")).resolve()
        with Server(None, folder) as server:
            print(f"{act.__name__} {times} times: {dict(act(server, folder, times, given.seed))}")
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
