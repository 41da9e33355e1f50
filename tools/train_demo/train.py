"""Train the demo model on the standard library's source text; write its first and last step."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import platform
import sysconfig
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from model import LanguageModel, Shape
from torch import Tensor


@dataclass(frozen=True)
class Settings:
    """How the model is trained; written into the metadata of both checkpoints."""

    seed: int = 1
    steps: int = 5000
    batch: int = 16
    learning_rate: float = 3e-3
    final_learning_rate_share: float = 0.1
    warmup_steps: int = 100
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.95
    clip_norm: float = 1.0

    def rate(self, step: int) -> float:
        """Learning rate of a step, as a share of the peak: linear warm-up, then half a cosine."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        done = (step - self.warmup_steps) / max(1, self.steps - self.warmup_steps)
        low = self.final_learning_rate_share
        return low + (1 - low) * (1 + math.cos(math.pi * done)) / 2


def read_corpus() -> tuple[Tensor, Tensor, str]:
    """Return training bytes, held-out bytes (every 20th file) and the SHA-256 of all of them."""
    root = Path(sysconfig.get_path("stdlib"))
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.py"))
    names = [name for name in names if not {"site-packages", "test", "tests"} & {*name.split("/")}]
    texts = [(root / name).read_bytes() for name in names]
    held_out = b"\n".join(texts[::20])
    training = b"\n".join(text for index, text in enumerate(texts) if index % 20)
    digest = hashlib.sha256(training + held_out).hexdigest()
    return as_tokens(training), as_tokens(held_out), digest


def as_tokens(text: bytes) -> Tensor:
    return torch.frombuffer(bytearray(text), dtype=torch.uint8)


def windows(tokens: Tensor, starts: Tensor, length: int) -> Tensor:
    """Return `length` + 1 consecutive bytes from each start, as int64 (inputs and targets)."""
    return tokens[starts[:, None] + torch.arange(length + 1)].long()


def loss_of(model: LanguageModel, rows: Tensor) -> Tensor:
    """Mean cross-entropy of the next byte, in nats."""
    return F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())


@torch.no_grad()
def bits_per_byte(model: LanguageModel, tokens: Tensor, length: int) -> float:
    """Bits per byte over 1,024 windows spread evenly over `tokens`."""
    starts = torch.linspace(0, len(tokens) - length - 1, 1024, dtype=torch.float64).long()
    losses = [loss_of(model, windows(tokens, part, length)) for part in starts.split(64)]
    return torch.stack(losses).mean().item() / math.log(2)


def save(model: LanguageModel, shape: Shape, folder: Path, metadata: dict[str, object]) -> None:
    """Write `model.safetensors` (BF16, tensors in the order of the model) and `config.json`.

    The header is written here because `safetensors.torch.save_file` shuffles the metadata: with
    it, no two runs give the same file.
    """
    notes = {"format": "pt", **{name: str(value) for name, value in metadata.items()}}
    header: dict[str, object] = {"__metadata__": notes}
    body = b""
    for name, value in model.state_dict().items():
        data = value.to(torch.bfloat16).view(torch.int16).numpy().astype("<i2").tobytes()
        offsets = [len(body), len(body) + len(data)]
        header[name] = {"dtype": "BF16", "shape": list(value.shape), "data_offsets": offsets}
        body += data
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + body)
    config = json.dumps(shape.to_config(), indent=2) + "\n"
    (folder / "config.json").write_text(config, encoding="utf-8")


def train(out: Path, shape: Shape, settings: Settings) -> None:
    training, held_out, digest = read_corpus()
    print(f"{len(training):,} bytes to train on, {len(held_out):,} held out")
    torch.manual_seed(settings.seed)
    model = LanguageModel(shape)
    matrices = [p for p in model.parameters() if p.ndim == 2]
    gains = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices}, {"params": gains, "weight_decay": 0.0}],
        lr=settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        weight_decay=settings.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, settings.rate)

    def checkpoint(name: str, step: int) -> None:
        bits = bits_per_byte(model, held_out, shape.context)
        print(f"step {step}: held-out {bits:.3f} bits/byte")
        metadata = {
            "step": step,
            "held_out_bits_per_byte": f"{bits:.4f}",
            **asdict(settings),
            "optimizer": "AdamW",
            "schedule": "linear warm-up, cosine",
            "context": shape.context,
            "init": f"normal, std {shape.init_std}",
            "corpus": f"source text of the Python {platform.python_version()} standard library",
            "corpus_sha256": digest,
            "framework": f"torch {torch.__version__}",
        }
        save(model, shape, out / name, metadata)

    checkpoint("step-0", 0)
    sampler = torch.Generator().manual_seed(settings.seed)
    started = time.perf_counter()
    for step in range(1, settings.steps + 1):
        last_start = len(training) - shape.context
        starts = torch.randint(last_start, (settings.batch,), generator=sampler)
        loss = loss_of(model, windows(training, starts, shape.context))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            speed = step / (time.perf_counter() - started)
            bits = loss.item() / math.log(2)
            print(f"step {step}: batch {bits:.3f} bits/byte, {speed:.1f} steps/s", flush=True)
    checkpoint("step-last", settings.steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the two checkpoints")
    parser.add_argument("--steps", type=int, default=Settings.steps, help="number of steps")
    arguments = parser.parse_args()
    # The order of floating-point sums depends on the number of threads, so it is fixed.
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    train(arguments.out, Shape(), Settings(steps=arguments.steps))


if __name__ == "__main__":
    main()
