"""Write tiny checkpoints, and what a fit of each must say, to the folder `frozen`.

They are tested where PyTorch and transformers are not installed. From the root of the repository:

    PYTHONPATH=tests python -m families.freeze [FAMILY ...]

The rules of a family are proven by zeroing before anything is written.
"""

from __future__ import annotations

import dataclasses
import shutil
import sys

import safetensors.torch
import torch
import transformers

from families.expectation import expected
from families.frozen_copy import FOLDER, FROZEN_FAMILIES, VIEWS, Copy, write_expectation
from families.sizes import FROZEN
from families.subject import make
from families.zeroing import Prover


def freeze(copy: Copy) -> None:
    """Prove, save and describe one family's model."""
    subject = make(
        copy.family,
        dataclasses.replace(FROZEN, layers=copy.layers),
        original=not copy.in_memory,
    )
    Prover(subject).prove_all()
    shutil.rmtree(copy.path, ignore_errors=True)
    copy.path.mkdir(parents=True)
    subject.save(copy.path, copy.dtype, max_shard_size=copy.shard)
    (copy.path / "generation_config.json").unlink(missing_ok=True)
    truths = list(subject.truths.values())
    values = {}
    for file in copy.path.glob("*.safetensors"):
        values |= {name: t.float().numpy() for name, t in safetensors.torch.load_file(file).items()}
    write_expectation(copy, {view: expected(truths, view, values) for view in VIEWS})


def main() -> None:
    """Freeze the families named on the command line, or all."""
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    for copy in FROZEN_FAMILIES.values():
        if copy.family in sys.argv[1:] or len(sys.argv) == 1:
            freeze(copy)
            size = sum(path.stat().st_size for path in copy.path.iterdir())
            print(f"{copy.family:20}{copy.dtype:5}{size / 1000:6.1f} kB")
    total = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    print(f"{'total':25}{total / 1000:6.1f} kB")


if __name__ == "__main__":
    main()
