"""Train a byte-level model on the CPU with a gauge beside the loop, once for each weight decay.

    pip install 'weightgauge[train]'
    python examples/train_bytes.py runs
    weightgauge track runs/wd-0.5/weights
    weightgauge scaling runs/wd-*/weights

A run of 1,500 steps takes about a minute and a half on one processor. It learns the source text of
the Python standard library, one byte after the other.
"""

from __future__ import annotations

import argparse
import math
import sysconfig
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from weightgauge.training import Gauge, JsonLines

WIDTH, HEADS, FFN, LAYERS, CONTEXT, BATCH = 192, 6, 512, 2, 64, 4
PEAK, WARMUP, INIT_STD = 3e-3, 30, 0.02


class Attention(nn.Module):
    """Causal self-attention."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            setattr(self, name, nn.Linear(WIDTH, WIDTH, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Mix positions."""
        q, k, v = (
            project(x).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(mixed.transpose(1, 2).flatten(-2))


class FeedForward(nn.Module):
    """A gated feed-forward network."""

    def __init__(self) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(WIDTH, FFN, bias=False)
        self.up_proj = nn.Linear(WIDTH, FFN, bias=False)
        self.down_proj = nn.Linear(FFN, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to each position."""
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    """One layer."""

    def __init__(self) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(WIDTH)
        self.self_attn = Attention()
        self.post_attention_layernorm = nn.RMSNorm(WIDTH)
        self.mlp = FeedForward()

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        x = x + self.self_attn(self.input_layernorm(x))
        return x + self.mlp(self.post_attention_layernorm(x))


class ByteModel(nn.Module):
    """Gives logits of the next byte. All matrices start Gaussian, so that k starts at 1.2054."""

    def __init__(self) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(256, WIDTH)
        self.embed_positions = nn.Embedding(CONTEXT, WIDTH)
        self.layers = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.RMSNorm(WIDTH)
        self.lm_head = nn.Linear(WIDTH, 256, bias=False)
        for parameter in self.parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, std=INIT_STD)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits for a batch of rows of bytes."""
        x = self.embed_tokens(tokens) + self.embed_positions.weight[: tokens.shape[-1]]
        for layer in self.layers:
            x = layer(x)
        return self.lm_head(self.norm(x))


class Rounded(Mapping[str, Tensor]):
    """The weights as a checkpoint in BF16 would have them: their counts are a tenth of the size."""

    def __init__(self, model: nn.Module) -> None:
        self._parameters = dict(model.named_parameters())

    def __getitem__(self, name: str) -> Tensor:
        return self._parameters[name].detach().bfloat16()

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)


def read_corpus() -> Tensor:
    """Return the source text of the standard library as bytes."""
    root = Path(sysconfig.get_path("stdlib"))
    text = b"\n".join(path.read_bytes() for path in sorted(root.glob("*.py")))
    return torch.frombuffer(bytearray(text), dtype=torch.uint8)


def rate(step: int, steps: int) -> float:
    """Learning rate of a step as a share of the peak: a linear rise, then a cosine to a tenth."""
    if step < WARMUP:
        return (step + 1) / WARMUP
    done = (step - WARMUP) / max(1, steps - WARMUP)
    return 0.1 + 0.9 * (1 + math.cos(math.pi * done)) / 2


def train(folder: Path, corpus: Tensor, weight_decay: float, steps: int, every: int) -> None:
    """Train one model, and record its weights."""
    torch.manual_seed(1)
    model = ByteModel()
    matrices = [each for each in model.parameters() if each.ndim == 2]
    gains = [each for each in model.parameters() if each.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices}, {"params": gains, "weight_decay": 0.0}],
        lr=PEAK,
        betas=(0.9, 0.95),
        weight_decay=weight_decay,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, steps))
    record = folder / "weights"
    record.mkdir(parents=True, exist_ok=True)
    (record / "weightgauge.toml").write_text(
        f'[training]\noptimizer = "adamw"\nlr = {PEAK}\nweight_decay = {weight_decay}\n'
        f'schedule = "cosine"\nfinal = 0.1\nwarmup = {WARMUP}\nsteps = {steps}\n'
        f"batch_tokens = {BATCH * CONTEXT}\n",
        encoding="utf-8",
    )
    draw = torch.Generator().manual_seed(1)
    started = time.perf_counter()
    gauge = Gauge(
        Rounded(model),
        every=every,
        sinks=[JsonLines(folder / "weights.jsonl")],
        record=record,
    )
    with gauge:
        gauge.step(0)
        for step in range(1, steps + 1):
            starts = torch.randint(len(corpus) - CONTEXT - 1, (BATCH,), generator=draw)
            rows = corpus[starts[:, None] + torch.arange(CONTEXT + 1)].long()
            logits = model(rows[:, :-1])
            loss = F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            gauge.step(step)
            if step % 100 == 0:
                pace = (time.perf_counter() - started) / step
                bits = loss.item() / math.log(2)
                print(f"step {step}: {bits:.2f} bits a byte, {pace:.3f} s a step", flush=True)
    print(gauge.last)


def main() -> None:
    """Train one model for each weight decay."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="folder for the runs")
    parser.add_argument("--weight-decay", type=float, nargs="+", default=[0.1, 0.5, 2.0])
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--every", type=int, default=100, help="steps between measurements")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # the second processor counts; the sums of one run are those of any
    corpus = read_corpus()
    print(f"{len(corpus):,} bytes, {sum(p.numel() for p in ByteModel().parameters()):,} weights")
    for weight_decay in arguments.weight_decay:
        print(f"weight decay {weight_decay:g}")
        folder = arguments.out / f"wd-{weight_decay:g}"
        train(folder, corpus, weight_decay, arguments.steps, arguments.every)


if __name__ == "__main__":
    main()
