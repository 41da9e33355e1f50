"""The proof of every rule: set a part of a stored tensor to zero, run the model, see what is gone.

Each kind has an effect that no other kind has. Without q the query of the attention is zero and its
key and value are what they were; without gate the activation sees zero; without up it sees what it
saw, and yet nothing comes out; `o` and `down` are the projections that then have nothing to read.
Biases of the models are zero, so that nothing else fills the place of what is missing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from families.cuts import Cell
from families.inputs import inputs_of
from families.recorder import Event, run
from families.subject import Subject, write
from families.truth import Truth

AFTER = {"v": "o", "z": "o", "gate": "down", "up": "down", "ffn_in": "ffn_out"}
"""What reads the outcome of each kind."""


def template(name: str) -> str:
    """A stored name without the numbers of blocks and experts."""
    return re.sub(r"(?<=\.)(?:expert_)?[0-9]+(?=\.)", "#", name)


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two recordings agree to the last bit."""
    return one.shape == other.shape and bool(torch.equal(one, other))


def gone(before: torch.Tensor, after: torch.Tensor) -> bool:
    """Whether there was something and now there is nothing."""
    return bool(before.any()) and not after.any()


def lost(before: torch.Tensor, after: torch.Tensor, axis: int) -> list[int]:
    """Indexes along an axis where all has gone; everywhere else there must still be something."""
    axes = [i for i in range(after.dim()) if i != axis % after.dim()]
    had, has = before.abs().amax(axes) > 0, after.abs().amax(axes) > 0
    return torch.nonzero(had & ~has).ravel().tolist()


@dataclass(eq=False)
class Prover:
    """Proves the rules of one family, one after the other.

    `proven` collects (template, kind) of all that has been shown, `readers` what reads each kind.
    """

    subject: Subject
    proven: set[tuple[str, str]] = field(default_factory=set)
    readers: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.inputs = inputs_of(self.subject.family, self.subject.size, self.subject.model)
        self.cells: list[tuple[Truth, Cell]] = []
        self.labels = [
            torch.full((self.subject.parameter(i).numel(),), -1)
            for i in range(len(self.subject.names))
        ]
        self.number = {
            self.subject.parameter(i).untyped_storage().data_ptr(): i
            for i in range(len(self.subject.names))
        }
        for truth in self.subject.truths.values():
            owners, positions = self.subject.places[truth.tensor]
            for cell in truth.cells:
                for owner in np.unique(owners[cell.positions]):
                    chosen = cell.positions[owners[cell.positions] == owner]
                    self.labels[owner][torch.from_numpy(positions[chosen])] = len(self.cells)
                self.cells.append((truth, cell))
        self.before, self.output = self.run()
        self.busy = {
            (truth.block, cell.expert)
            for event in self.before
            if event.what == "linear" and event.tensors["input"].any()
            for truth, cell in [self.read_by(event)]
        }

    def run(self) -> tuple[list[Event], Any]:
        """Run the model as it is now."""
        return run(self.subject.model, self.inputs)

    def without(self, truth: Truth, cells: list[Cell]) -> tuple[list[Event], Any]:
        """Run the model with some cells of a stored tensor set to zero."""
        positions = np.concatenate([cell.positions for cell in cells])
        numbers = np.unique(self.subject.places[truth.tensor][0][positions])
        kept = [self.subject.parameter(number).detach().clone() for number in numbers]
        try:
            write(self.subject, truth.tensor, positions, 0.0)
            return self.run()
        finally:
            for number, values in zip(numbers, kept, strict=True):
                self.subject.parameter(number).data.copy_(values)

    def label(self, event: Event) -> torch.Tensor:
        """Number of the cell of every value of the weight that an event multiplies with."""
        weight = event.weight
        assert weight is not None
        labels = self.labels[self.number[weight.untyped_storage().data_ptr()]]
        return labels.as_strided(weight.shape, weight.stride(), weight.storage_offset())

    def read_by(self, event: Event) -> tuple[Truth, Cell]:
        """Truth and one cell of the weight that an event multiplies with."""
        return self.cells[int(self.label(event).max())]

    def near(self, events: list[Event], what: str, truth: Truth, cell: Cell) -> list[Event]:
        """Events of one sort in the module closest to a stored tensor, of the cell's expert."""
        owner = self.subject.places[truth.tensor][0][cell.positions[0]]
        home = self.subject.names[owner].split(".")
        found: dict[int, list[Event]] = {}
        for event in events:
            if event.what != what or not self.of_expert(event, cell.expert):
                continue
            path = event.path.split(".") if event.path else []
            shared = next(
                (i for i, (a, b) in enumerate(zip(home, path, strict=False)) if a != b),
                min(len(home), len(path)),
            )
            found.setdefault(shared, []).append(event)
        return found[max(found)]

    def of_expert(self, event: Event, expert: int | None) -> bool:
        """Whether an event follows a projection of an expert; no expert is wanted where None."""
        if expert is None or event.weight is None:
            return True
        return self.read_by(event)[1].expert == expert

    def follows(self, event: Event, truth: Truth) -> bool:
        """Whether an event comes right after the projection with a stored tensor."""
        return event.weight is not None and self.read_by(event)[0] is truth

    def pairs(self, after: list[Event]) -> list[tuple[Event, Event]]:
        """Projections of both runs, told by their weights, in the order of the first run."""
        seen: dict[tuple[int, int], Event] = {}
        for event in after:
            if event.what == "linear" and event.weight is not None:
                seen.setdefault((event.weight.data_ptr(), event.weight.numel()), event)
        listed = []
        for event in self.before:
            if event.what == "linear" and event.weight is not None:
                other = seen.pop((event.weight.data_ptr(), event.weight.numel()), None)
                if other is not None:
                    listed.append((event, other))
        return listed

    def prove_all(self) -> None:
        """Prove the last tensor of every template, of those experts that any token goes to."""
        last = {
            template(name): truth
            for name, truth in self.subject.truths.items()
            if truth.expert is None or (truth.block, truth.expert) in self.busy
        }
        for truth in last.values():
            kinds = dict.fromkeys(cell.kind for cell in truth.cells)
            for kind in kinds:
                self.prove(truth, kind)
        missing = {
            (name, cell.kind) for name, truth in last.items() for cell in truth.cells
        } - self.proven
        assert not missing, f"not proven: {sorted(missing)}"
        gated, multiplied = (self.readers.get(kind, set()) for kind in ("gate", "up"))
        assert gated == multiplied, f"a gate without its up: {sorted(gated ^ multiplied)}"

    def prove(self, truth: Truth, kind: str) -> None:
        """Prove that the cells of a kind are what they are said to be."""
        cells = [cell for cell in truth.cells if cell.kind == kind]
        if any(cell.expert is not None for cell in cells):
            expert = max(cell.expert for cell in cells if (truth.block, cell.expert) in self.busy)
            cells = [cell for cell in cells if cell.expert == expert]
        if kind in AFTER.values():
            return  # shown by what they read, see AFTER
        PROOFS[kind](self, truth, cells)
        self.proven.add((template(truth.tensor), kind))

    def attention(self, truth: Truth, cells: list[Cell]) -> None:
        """q, k or v: it alone is gone from the attention, and each head where it belongs."""
        kind = cells[0].kind
        after, _ = self.without(truth, cells)
        before = self.near(self.before, "attention", truth, cells[0])
        events = self.near(after, "attention", truth, cells[0])
        for name in "qkv":
            if name != kind:
                assert same(before[0].tensors[name], events[0].tensors[name]), (truth.tensor, name)
        for old, new in zip(before, events, strict=True):
            assert gone(old.tensors[kind], new.tensors[kind]), (truth.tensor, kind)
        if kind == "v":
            self.reader(truth, cells, after)
        self.heads(truth, cells)

    def heads(self, truth: Truth, cells: list[Cell]) -> None:
        """Without one head, the attention misses that head; its output misses these columns."""
        kind, number = cells[0].kind, len(cells)
        cell = cells[-2 if number > 2 else -1]
        after, _ = self.without(truth, [cell])
        old = self.near(self.before, "attention", truth, cell)[0].tensors[kind]
        new = self.near(after, "attention", truth, cell)[0].tensors[kind]
        repeated, rest = divmod(old.shape[1], number)
        assert repeated >= 1 and not rest, (truth.tensor, kind, number)
        expected = range(cell.head * repeated, (cell.head + 1) * repeated)
        assert lost(old, new, 1) == list(expected), (truth.tensor, kind, cell.head)
        if kind == "v":
            self.columns(truth, cell, after, number)

    def columns(self, truth: Truth, cell: Cell, after: list[Event], number: int) -> None:
        """The columns of `o` that read the missing head of v are those of the heads it serves."""
        for old, new in self.pairs(after):
            reader = self.read_by(old)
            if reader[1].kind != "o" or reader[0].block != truth.block:
                continue
            columns = lost(old.tensors["input"], new.tensors["input"], -1)
            if not columns:
                continue
            total = len(reader[0].cells)
            share = total // number
            labels = self.label(old)
            read = {self.cells[i][1].head for i in labels[:, columns].unique().tolist()}
            rest = [i for i in range(labels.shape[1]) if i not in set(columns)]
            others = {self.cells[i][1].head for i in labels[:, rest].unique().tolist()}
            assert read == set(range(cell.head * share, (cell.head + 1) * share)), truth.tensor
            assert read.isdisjoint(others), truth.tensor
            return
        raise AssertionError(f"nothing reads head {cell.head} of {truth.tensor}")

    def reader(self, truth: Truth, cells: list[Cell], after: list[Event]) -> None:
        """The first projection that has nothing left to read is the one that comes next."""
        for old, new in self.pairs(after):
            if not gone(old.tensors["input"], new.tensors["input"]):
                continue
            reader = self.read_by(old)
            wanted = (AFTER[cells[0].kind], truth.block, cells[0].expert)
            assert (reader[1].kind, reader[0].block, reader[1].expert) == wanted, truth.tensor
            self.proven.add((template(reader[0].tensor), reader[1].kind))
            self.readers.setdefault(cells[0].kind, set()).add(template(reader[0].tensor))
            return
        raise AssertionError(f"everything still reads something without {truth.tensor}")

    def activated(self, truth: Truth, cells: list[Cell]) -> None:
        """gate or ffn_in: the activation sees nothing, and nothing comes out."""
        after, _ = self.without(truth, cells)
        old = self.near(self.before, "activation", truth, cells[0])[0]
        new = self.near(after, "activation", truth, cells[0])[0]
        assert gone(old.tensors["input"], new.tensors["input"]), truth.tensor
        self.reader(truth, cells, after)

    def multiplied(self, truth: Truth, cells: list[Cell]) -> None:
        """up: the activation sees what it saw, and nothing comes out."""
        after, _ = self.without(truth, cells)
        old = self.near(self.before, "activation", truth, cells[0])[0]
        new = self.near(after, "activation", truth, cells[0])[0]
        assert same(old.tensors["input"], new.tensors["input"]), truth.tensor
        if truth.layout.proof != "shifted_up":
            self.reader(truth, cells, after)
            return
        # gpt-oss multiplies with up + 1: what comes out without up is the activation alone.
        for old_down, new_down in self.pairs(after):
            reader = self.read_by(old_down)
            if reader[0].block != truth.block:
                continue
            if (reader[1].kind, reader[1].expert) == ("down", cells[0].expert):
                assert not same(old_down.tensors["input"], new_down.tensors["input"])
                self.readers.setdefault("up", set()).add(template(reader[0].tensor))
                return
        raise AssertionError(f"nothing reads {truth.tensor}")

    def attention_gate(self, truth: Truth, cells: list[Cell]) -> None:
        """A gate on the output of an attention: q, k and v stay, its sigmoid sees nothing."""
        after, _ = self.without(truth, cells)
        old, new = (
            self.near(events, "attention", truth, cells[0])[0].tensors
            for events in (self.before, after)
        )
        assert all(same(old[name], new[name]) for name in "qkv"), truth.tensor
        if cells[0].kind == "z":
            self.reader(truth, cells, after)
            return
        sigmoid_before, sigmoid_after = (
            self.near(events, "activation", truth, cells[0])[0].tensors["input"]
            for events in (self.before, after)
        )
        assert gone(sigmoid_before, sigmoid_after), truth.tensor

    def router(self, truth: Truth, cells: list[Cell]) -> None:
        """A router: without it all experts are alike."""
        after, _ = self.without(truth, cells)
        if truth.layout.proof == "scalar_gate":
            old, new = (
                next(e for e in events if e.what == "activation" and self.follows(e, truth))
                for events in (self.before, after)
            )
            assert gone(old.tensors["input"], new.tensors["input"]), truth.tensor
            return
        old, new = (
            self.near(events, "choice", truth, cells[0])[0].tensors["input"]
            for events in (self.before, after)
        )
        assert old.std(-1).any() and not (new.amax(-1) - new.amin(-1)).any(), truth.tensor

    def latent(self, truth: Truth, cells: list[Cell]) -> None:
        """Latent attention: which channels of query, key and value a part is the source of."""
        size, kind = self.subject.size, cells[0].kind
        after, _ = self.without(truth, cells)
        old, new = (
            self.near(events, "attention", truth, cells[0])[0].tensors
            for events in (self.before, after)
        )
        missing = {name: len(lost(old[name], new[name], -1)) for name in "qkv"}
        everything = {name: old[name].shape[-1] for name in "qkv"}
        nope, rope = size.head_dim, size.head_dim - 2
        expected = {
            "q_a": {"q": everything["q"]},
            "kv_latent": {"k": nope, "v": everything["v"]},
            "k_rope": {"k": rope},
            "k": {"k": nope},
        }[kind]
        assert missing == {"q": 0, "k": 0, "v": 0, **expected}, (truth.tensor, kind)
        if kind == "k":
            head = cells[1]
            after, _ = self.without(truth, [head])
            new = self.near(after, "attention", truth, head)[0].tensors
            channels = slice(0, nope)
            assert lost(old["k"][..., channels], new["k"][..., channels], 1) == [head.head]

    def key(self, truth: Truth, cells: list[Cell]) -> None:
        """k, alone or beside a part of the key that comes from elsewhere."""
        (self.latent if truth.kind == "kv_b" else self.attention)(truth, cells)

    def embedding(self, truth: Truth, cells: list[Cell]) -> None:
        """A table that is looked up."""
        assert isinstance(self.owner(truth), nn.Embedding), truth.tensor

    def head(self, truth: Truth, cells: list[Cell]) -> None:
        """The last projection: without it there are no logits."""
        _, output = self.without(truth, cells)
        assert gone(self.output.logits, output.logits), truth.tensor

    def state_space(self, truth: Truth, cells: list[Cell]) -> None:
        """A projection of a state-space mixer, told by the module that it lies in."""
        assert re.search("Mamba|Mixer", type(self.owner(truth, up=1)).__name__), truth.tensor

    def nothing(self, truth: Truth, cells: list[Cell]) -> None:
        """What has no kind needs a reason."""
        assert truth.layout.reason, truth.tensor

    def owner(self, truth: Truth, up: int = 0) -> nn.Module:
        """The module that holds a stored tensor, or one further up."""
        name = self.subject.names[self.subject.places[truth.tensor][0][0]]
        return self.subject.model.get_submodule(".".join(name.split(".")[: -1 - up]))


PROOFS = {
    "q": Prover.attention,
    "k": Prover.key,
    "v": Prover.attention,
    **dict.fromkeys(("q_a", "kv_latent", "k_rope"), Prover.latent),
    **dict.fromkeys(("q_gate", "z"), Prover.attention_gate),
    **dict.fromkeys(("gate", "ffn_in"), Prover.activated),
    "up": Prover.multiplied,
    "router": Prover.router,
    "embed": Prover.embedding,
    "head": Prover.head,
    "ssm": Prover.state_space,
    "other": Prover.nothing,
}
