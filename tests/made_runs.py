"""Runs whose shapes and scales over steps are known."""

from __future__ import annotations

import json

from diagnosed import CONFIG, LAYER, NAMES, stored, weibull


def write_step(folder, write_checkpoint, kinds, *, blocks=2, width=64, change=None, config=True):
    """Write one step: `kinds` gives (k, lambda) by kind; the draws are the same at every step."""
    tensors = {}
    for block in range(blocks):
        for i, (kind, (k, lam)) in enumerate(kinds.items()):
            values = weibull(k, (width, width), lam=lam, seed=100 * block + i)
            tensors[LAYER.format(block, NAMES[kind])] = stored(values)
    for name, tensor in (change or {}).items():
        tensors.pop(name, None)
        if tensor is not None:
            tensors[name] = tensor
    folder.mkdir(parents=True)
    write_checkpoint(folder / "model.safetensors", tensors)
    if config:
        described = {**CONFIG, "model_type": "made", "hidden_size": width}
        (folder / "config.json").write_text(json.dumps(described))
    return folder


def write_run(folder, write_checkpoint, steps, **given):
    """Write a folder with a checkpoint-N for each of `steps`, {N: kinds}."""
    for step, kinds in steps.items():
        write_step(folder / f"checkpoint-{step}", write_checkpoint, kinds, **given)
    return folder
