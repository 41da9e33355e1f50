"""A tiny model of a family, filled with known values, and where each stored value lies in it."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
import transformers
from torch import nn

from families.arguments import Family
from families.configs import FAMILIES
from families.filling import values_of
from families.sizes import Size
from families.truth import Truth, truth_of

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


@dataclasses.dataclass(eq=False)
class Subject:
    """One family's tiny model.

    Attributes
    ----------
    truths : dict
        Stored name -> what the matrix is.
    places : dict
        Stored name -> for each of its values, the parameter (a number in `names`) and the position
        in it.
    original : bool
        Whether stored names are those of published checkpoints, or those of the library in memory.
    """

    family: Family
    size: Size
    model: Any
    names: list[str]
    truths: dict[str, Truth]
    places: dict[str, tuple[np.ndarray, np.ndarray]]
    original: bool = True

    def parameter(self, number: int) -> torch.Tensor:
        """One parameter of the model."""
        return self.model.get_parameter(self.names[number])

    def home(self, tensor: str) -> str:
        """Path of the block that holds a stored tensor."""
        name = self.names[self.places[tensor][0][0]]
        return block_and_path(self.model, name)[1]

    def save(self, directory: Path, dtype: str, **options: Any) -> Path:
        """Save as the library does."""
        self.model.to(DTYPES[dtype])
        try:
            self.model.save_pretrained(directory, save_original_format=self.original, **options)
        finally:
            self.model.to(torch.float32)
        return directory


def make(name: str, size: Size, *, original: bool = True) -> Subject:
    """Build a model, learn where its stored values lie, and fill them in."""
    family = FAMILIES[name]
    if family.layers is not None and size.layers > 1:
        size = dataclasses.replace(size, layers=family.layers)
    model = build(family, size)
    stored = stored_tensors(model, original=original)
    names, places = find_places(model, stored)
    truths = {}
    for tensor, (parameter, _) in places.items():
        shape = tuple(stored[tensor].shape)
        block = None if family.shared else block_of(model, names[parameter[0]])
        truths[tensor] = truth_of(name, size, tensor, shape, block)
    subject = Subject(family, size, model, names, truths, places, original)
    with torch.no_grad():
        for tensor, truth in truths.items():
            write(subject, tensor, slice(None), torch.from_numpy(values_of(truth).ravel()))
    return subject


def build(family: Family, size: Size) -> Any:
    """Make the module tree; plain attention and experts, whose steps can be watched."""
    torch.manual_seed(0)
    arguments = family.arguments(size)
    config = getattr(transformers, family.config)(**arguments)
    config._attn_implementation = "eager"
    config._experts_implementation = "eager"
    model = getattr(transformers, family.model)(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
    return model


def stored_tensors(model: Any, **options: Any) -> dict[str, torch.Tensor]:
    """Return what save_pretrained writes."""
    with tempfile.TemporaryDirectory() as directory:
        model.save_pretrained(directory, save_original_format=options["original"])
        return safetensors.torch.load_file(Path(directory) / "model.safetensors")


def find_places(
    model: Any, stored: dict[str, torch.Tensor]
) -> tuple[list[str], dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Find every value of every stored matrix in the parameters of the model.

    A copy of the model is loaded from a checkpoint in which every value is a number of its own:
    where the number turns up is where the value goes. Names and conversions of the library are
    taken from what it does.
    """
    numbered, first, count = {}, {}, 1
    for name, tensor in stored.items():
        numbers = torch.arange(count, count + tensor.numel(), dtype=torch.float32)
        numbered[name] = numbers.reshape(tensor.shape)
        first[name] = count
        count += tensor.numel()
    assert count < 2**24, "float32 has no more whole numbers"
    copy = type(model).from_pretrained(None, config=model.config, state_dict=numbered)
    names, owner, position = [], np.full(count, -1), np.full(count, -1)
    for number, (name, parameter) in enumerate(copy.named_parameters()):
        names.append(name)
        values = parameter.detach().numpy().ravel()
        whole = np.rint(values).astype(np.int64)
        known = (whole == values) & (whole > 0) & (whole < count)
        owner[whole[known]] = number
        position[whole[known]] = np.flatnonzero(known)
    places = {}
    for name, tensor in stored.items():
        span = slice(first[name], first[name] + tensor.numel())
        if tensor.ndim >= 2 and not name.endswith("bias") and owner[span].min() >= 0:
            places[name] = (owner[span], position[span])
    return names, places


def write(subject: Subject, tensor: str, which: Any, values: torch.Tensor | float) -> None:
    """Write values into the model at some positions of a stored tensor."""
    owners, positions = (places[which] for places in subject.places[tensor])
    for owner in np.unique(owners):
        chosen = owners == owner
        flat = subject.parameter(owner).data.view(-1)
        new = values if isinstance(values, float) else values[torch.from_numpy(chosen)]
        flat[torch.from_numpy(positions[chosen])] = new


def block_of(model: nn.Module, parameter: str) -> int | None:
    """Number of the block that holds a parameter."""
    return block_and_path(model, parameter)[0]


def block_and_path(model: nn.Module, parameter: str) -> tuple[int | None, str]:
    """Number and path of a parameter's block: its place in the outermost list of modules.

    Where the list is one of stages, each with blocks of its own, blocks are counted through.
    """
    module, words = model, parameter.split(".")[:-1]
    for depth, word in enumerate(words):
        if isinstance(module, nn.ModuleList):
            if not hasattr(module[int(word)], "blocks"):
                return int(word), ".".join(words[: depth + 1])
            if words[depth + 1] != "blocks":
                return None, ""
            before = sum(len(stage.blocks) for stage in module[: int(word)])
            return before + int(words[depth + 2]), ".".join(words[: depth + 3])
        module = getattr(module, word)
    return None, ""
