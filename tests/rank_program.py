"""What each of two processes does in the tests of sharded training: `rank_program.py OUT CASE...`.

The process compares the counts of all processes with those of the whole model, and says so in its
exit code.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

import weightgauge as wg
from weightgauge.training import Gauge, JsonLines, scan_sharded


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.self_attn = nn.ModuleDict(
            {
                "q_proj": nn.Linear(width, width),
                "qkv_proj": nn.Linear(width, 3 * width, bias=False),
                "o_proj": nn.Linear(width, width),
            }
        )
        self.mlp = nn.ModuleDict({"up_proj": nn.Linear(width, 4 * width, bias=False)})
        self.input_layernorm = nn.LayerNorm(width)

    def forward(self, x):
        y = self.input_layernorm(x)
        mixed = self.self_attn["q_proj"](y) * self.self_attn["qkv_proj"](y)[..., : x.shape[-1]]
        return x + self.self_attn["o_proj"](mixed) + self.mlp["up_proj"](y)[..., : x.shape[-1]]


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.embed_tokens = nn.Embedding(101, width)
        self.layers = nn.ModuleList(Block(width) for _ in range(2))
        self.config = Config(width)

    def forward(self, tokens):
        x = self.embed_tokens(tokens)
        for layer in self.layers:
            x = layer(x)
        return x


class Config:
    def __init__(self, width):
        self.width = width

    def to_dict(self):
        return {
            **{"model_type": "phi3", "hidden_size": self.width, "num_attention_heads": 3},
            **{"num_hidden_layers": 2, "num_key_value_heads": 3},
        }


def made(width=33, dtype=torch.float32):
    torch.manual_seed(0)
    return Net(width).to(dtype)


OF_ROWS = ("k_se_matrix", "ln_lambda_se_matrix", "errors_from", "fresh_z", "zero_rows")
OF_ROWS += ("zero_columns", "spread", "unused_rows", "k_without_unused", "row_levels")
OF_ROWS += ("large_rows", "large_columns")


def of_counts(rows):
    """Leave out what belongs to bytes and rows, which tensors in several processes lack."""
    without = {"digest": None, "zero_blocks": 0, **dict.fromkeys(OF_ROWS)}
    return [{**row, **without} for row in rows]


def check_same(model, whole, per="tensor"):
    found = scan_sharded(model, per=per)
    wanted = wg.scan(whole, per=per)
    assert [each.fit.key for each in found.slices] == [each.fit.key for each in wanted.slices]
    for each, other in zip(found.slices, wanted.slices, strict=True):
        assert each.histogram() == other.histogram(), each.fit.tensor
        one, other_one = of_counts([each.fit.to_dict(), other.fit.to_dict()])
        assert one == other_one, each.fit.tensor
        told = each.fit.to_dict()
        assert (told["k_se_matrix"], told["fresh_z"]) == (told["k_se"], None), each.fit.tensor
        assert each.fit.errors_from.startswith("counts alone") == each.fit.fitted
        assert each.fit.digest in (None, other.fit.digest)
    fits = [wg.fit(each, per=per).to_dicts() for each in (found, whole)]
    assert of_counts(fits[0]) == of_counts(fits[1])
    assert of_counts(found.tensors) == of_counts(wanted.tensors)
    assert {each.id for each in found.findings} <= {"missing-part"}  # it has no way down
    return found


def fsdp(_out):
    from torch.distributed.fsdp import fully_shard

    for dtype in (torch.float32, torch.bfloat16):
        model, whole = made(dtype=dtype), made(dtype=dtype)
        for layer in model.layers:
            fully_shard(layer)
        fully_shard(model)
        found = check_same(model, whole)
        assert found.model == "Net"
        assert any(each.fit.part == "q" for each in found.slices)  # cut across the shards
        heads = check_same(model, whole, per="head")
        assert any(each.fit.head == 2 for each in heads.slices)
        part = wg.fit(model)
        assert "part-of-model" in {each.id for each in part.findings}
        compared = wg.compare(model, whole).pairs
        assert all("sharded over processes are not compared" in pair.note for pair in compared)
        try:
            wg.diagnose(model, balanced=True)
        except wg.errors.NeedsWeightsError as error:
            assert "balanced fits need whole matrices" in str(error)
        else:
            raise AssertionError("parts of matrices were balanced")


def large(_out):
    """F32 of more elements than are counted one by one, in shards that are and that are not."""
    from torch.distributed.fsdp import fully_shard

    for width in (198, 300):
        model, whole = made(width), made(width)
        fully_shard(model)
        check_same(model, whole)


def ddp(out):
    from torch.nn.parallel import DistributedDataParallel

    model, whole = made(), made()
    wrapped = DistributedDataParallel(model)
    check_same(wrapped, whole)
    assert wg.fit(wrapped).to_dicts() == wg.fit(whole).to_dicts()
    trained(wrapped, model, out, optimizer=torch.optim.AdamW(wrapped.parameters(), lr=1e-2))


def tensor_parallel(_out):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor
    from torch.distributed.tensor.placement_types import Partial

    mesh = init_device_mesh("cpu", (2,))
    for dtype in (torch.float32, torch.bfloat16):
        whole = dict(made(dtype=dtype).named_parameters())
        placed = {}
        for i, (name, value) in enumerate(whole.items()):
            kinds = [Shard(0), Replicate(), *([Shard(1)] if value.ndim == 2 else [])]
            placed[name] = distribute_tensor(value.detach(), mesh, [kinds[i % len(kinds)]])
        placed["plain.weight"] = whole["plain.weight"] = torch.ones(8, 8).normal_(
            generator=torch.Generator().manual_seed(1)
        )
        check_same(placed, whole)
    from torch.distributed.tensor import DTensor

    summed = DTensor.from_local(torch.ones(4), mesh, [Partial()])
    try:
        wg.fit({"a": summed})
    except wg.errors.LiveModelError as error:
        assert "'a' is placed as Partial over processes" in str(error)
    else:
        raise AssertionError("a sum that is not made yet was read")


def two_dimensions(_out):
    """Replicated along one dimension of the mesh, sharded along the other."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor

    whole = dict(made().named_parameters())
    for shape, placements in (((2, 1), (Replicate(), Shard(0))), ((1, 2), (Shard(0), Shard(0)))):
        mesh = init_device_mesh("cpu", shape)
        placed = {
            name: distribute_tensor(value.detach(), mesh, placements)
            for name, value in whole.items()
        }
        check_same(placed, whole)


def different(_out):
    """Stages of a pipeline have no counts to add."""
    name = f"layers.{dist.get_rank()}.mlp.up_proj.weight"
    try:
        scan_sharded({name: torch.randn(4, 4)})
    except wg.errors.LiveModelError as error:
        assert "processes 0 and 1 have different tensors" in str(error)
    else:
        raise AssertionError("different tensors were added")
    # A process that cannot count tells the others, which would wait for it.
    try:
        scan_sharded({name: torch.randn(4, 4)} if dist.get_rank() else {})
    except wg.errors.LiveModelError as error:
        assert "nothing to measure" in str(error)
        assert str(error).startswith("process 0: ") == bool(dist.get_rank())
    else:
        raise AssertionError("a model without tensors was added")


def gauge(out):
    from torch.distributed.fsdp import fully_shard

    model, whole = made(), made()
    fully_shard(model)
    trained(model, whole, out, optimizer=None)


def trained(model, whole, out, optimizer):
    """Measure steps with a gauge in every process; the first one writes."""
    rank = dist.get_rank()
    path = Path(out) / f"rank-{rank}.jsonl"
    record = Path(out) / f"rank-{rank}"
    with Gauge(
        model, every=2, sinks=[JsonLines(path)], record=record, optimizer=optimizer
    ) as measured:
        for step in range(5):
            if optimizer is not None and step:
                optimizer.zero_grad()
                model(torch.arange(8)[None] + rank).square().mean().backward()
                optimizer.step()
            measured.step(step)
            measured.wait(60)
    assert path.exists() == record.exists() == (rank == 0)
    if rank == 0:
        steps = [json.loads(line)["step"] for line in path.read_text().splitlines()]
        assert steps == [0, 2, 4], steps
        kept = wg.ModelHistograms.load(record / "step-000004.wghist")
        if optimizer is None:
            assert of_counts(wg.fit(kept).to_dicts()) == of_counts(wg.fit(whole).to_dicts())
        else:
            assert measured.last.forces


CASES = {
    each.__name__: each
    for each in (fsdp, large, ddp, tensor_parallel, two_dimensions, different, gauge)
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    # Processes meet at a file: a port that is free may be taken before they do.
    dist.init_process_group(
        "gloo",
        init_method=(Path(sys.argv[1]) / "meeting").absolute().as_uri(),
        rank=int(os.environ["RANK"]),
        world_size=int(os.environ["WORLD_SIZE"]),
    )
    for case in sys.argv[2:]:
        CASES[case](Path(sys.argv[1]) / case)
        dist.barrier()
    dist.destroy_process_group()
