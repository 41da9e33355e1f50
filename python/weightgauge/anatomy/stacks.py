"""Stacks: blocks that are numbered together, and what each of them has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from weightgauge.anatomy.block_forms import BlockForm, block_forms
from weightgauge.anatomy.components import MATRIX_KINDS, Components, TensorLike
from weightgauge.anatomy.components.places import block_path
from weightgauge.anatomy.components.vocabulary import BIAS

_NUMBER = re.compile("[0-9]+")
_NUMBER_IN_MODULE = re.compile(r"(?:(?<![^.])|(?<=expert_))[0-9]+(?![^.])")
"""Numbers of lists, such as those of experts; not those that are part of a word, as in fc1."""

_OF_SHARED_EXPERTS = re.compile(r"shared_?experts?(?:_gate|\.|$)")
"""Modules that weigh or hold experts that every token goes through."""


class Module(NamedTuple):
    """What is known of the tensors of one module, wherever it stands.

    Attributes
    ----------
    kind : str
        What its weights are.
    last : str
        The last part of their names, such as "weight"; "" for parameters without one.
    """

    kind: str
    last: str


@dataclass(slots=True)
class Stack:
    """Blocks that are numbered together.

    Attributes
    ----------
    tower : str or None
        The tower they belong to.
    path : str
        What stands before their numbers.
    staged : bool
        Whether they are counted through from stage to stage.
    names : dict of int to str
        The name of a tensor of each block.
    weights : dict of str to Counter
        How many matrices and norms a module has in each block. Numbers in a module's name, such as
        those of experts, are replaced by "#".
    modules : dict of str to Module
        What these weights are.
    shapes : dict of str to tuple of int
        The shape of the weight of a module, in one of the blocks.
    others : dict of str to set of int
        The blocks in which a module has a tensor of no known kind.
    parts : dict of str to Counter
        How many biases and parameters of no known kind have a name in each block, where these are
        floating-point numbers.
    unknown : dict of str to set of int
        The blocks in which a module has a matrix of no known kind.
    factored : dict of str to set of int
        The blocks in which a layer inside a module has such a matrix, as factors of low rank are.
    kinds : dict of str to set of int
        The blocks that have a matrix of a kind; those of no known kind are "other".
    experts : dict of str to dict of int to set of int
        Numbers of the experts that have a module, by block.
    other_experts : dict of str to dict of int to set of int
        Numbers of the experts in which a module has a tensor of no known kind, by block.
    routed : dict of str to dict of int to int
        Among how many experts each router chooses, by module and block. What weighs the experts
        that every token goes through is no router, though it is called one.
    """

    tower: str | None
    path: str
    staged: bool = False
    names: dict[int, str] = field(default_factory=dict)
    weights: dict[str, Counter[int]] = field(default_factory=dict)
    modules: dict[str, Module] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    others: dict[str, set[int]] = field(default_factory=dict)
    parts: dict[str, Counter[int]] = field(default_factory=dict)
    unknown: dict[str, set[int]] = field(default_factory=dict)
    factored: dict[str, set[int]] = field(default_factory=dict)
    kinds: dict[str, set[int]] = field(default_factory=dict)
    experts: dict[str, dict[int, set[int]]] = field(default_factory=dict)
    other_experts: dict[str, dict[int, set[int]]] = field(default_factory=dict)
    routed: dict[str, dict[int, int]] = field(default_factory=dict)

    def of(self, *kinds: str) -> set[int]:
        """Return the blocks that have a matrix of any of these kinds."""
        return set().union(*(self.kinds.get(kind, ()) for kind in kinds))

    def matrices(self) -> set[str]:
        """Return the modules that hold matrices."""
        return {module for module, known in self.modules.items() if known.kind != "norm"}

    def stored_otherwise(self, module: str, block: int, expert: int | None = None) -> bool:
        """Whether a block has tensors of no known kind where the weights of a module should be.

        These may be matrices of layers inside the module, such as two factors of low rank. Those of
        one expert, where its number is given: others may have scales beside their weights.
        """
        owner = module if self.modules[module].last else module.rpartition(".")[0]
        if expert is not None:
            return expert in self.other_experts.get(owner, {}).get(block, ())
        return block in self.others.get(owner, ()) or block in self.factored.get(owner, ())

    def name(self, block: int, module: str, expert: int | None = None) -> str:
        """Return the name that the weight of a module has, or would have, in a block."""
        last = self.modules[module].last
        own = module if expert is None else module.replace("#", str(expert), 1)
        return ".".join(filter(None, (self.path_of(block), own, last)))

    def path_of(self, block: int) -> str:
        """Return what all names of a block begin with."""
        return block_path(self.names[block])

    @property
    def uniform(self) -> bool:
        """Whether all blocks have the same modules, with as many weights in each."""
        number = len(self.names)
        return all(
            len(counts) == number and len(set(counts.values())) == 1
            for counts in self.weights.values()
        )


def stacks_of(
    tensors: Sequence[TensorLike], places: Components, forms: Sequence[int]
) -> list[Stack]:
    """Sort the tensors of blocks by stack and module.

    Parameters
    ----------
    tensors : sequence of TensorInfo
        All tensors of the model.
    places : Components
        What they are.
    forms : sequence of int
        Which tensors are of one form: see `weightgauge.anatomy.components.Classified`. One name of
        each is looked at.

    Returns
    -------
    list of Stack
        Those that hold matrices.
    """
    stacks: dict[tuple[str | None, str], Stack] = {}
    for form in block_forms(places, forms):
        row = form.first
        within = block_path(tensors[row].name)
        path = within.rstrip("0123456789").rstrip(".")
        key = places.towers[row], _NUMBER.sub("#", path)
        stack = stacks.setdefault(key, Stack(places.towers[row], path))
        stack.staged = stack.staged or int(within[len(path) + 1 :]) != places.blocks[row]
        _add(stack, tensors, places.kinds[row], form, serves=forms[row] < 0)
    return [stack for stack in stacks.values() if stack.matrices()]


def _add(
    stack: Stack, tensors: Sequence[TensorLike], kind: str, form: BlockForm, *, serves: bool
) -> None:
    """Add the tensors of one form, which are of a kind, and may serve the weights of others."""
    tensor, numbers = tensors[form.first], form.number
    if not stack.names.keys() >= numbers.keys():
        for block, row in zip(numbers, form.last, strict=True):
            stack.names.setdefault(block, tensors[row].name)
    inside = tensor.name[len(block_path(tensor.name)) + 1 :]
    owner, _, last = inside.rpartition(".")
    if kind in MATRIX_KINDS and last != "weight":  # a parameter that belongs to no layer
        owner, last = inside, ""
    module = _NUMBER_IN_MODULE.sub("#", owner.removesuffix(".base_layer"))
    # A matrix without elements may have lost its shape with them.
    matrix = len(tensor.shape) > 1 or 0 in tensor.shape
    if kind in MATRIX_KINDS or (kind == "other" and matrix):
        stack.kinds.setdefault(kind, set()).update(numbers)
    if kind == "other" and matrix:
        stack.unknown.setdefault(module, set()).update(numbers)
        stack.factored.setdefault(module.rpartition(".")[0], set()).update(numbers)
    if kind == "other":
        stack.others.setdefault(module, set()).update(numbers)
        _add_experts(stack.other_experts, module, form)
    if kind == "router" and len(tensor.shape) == 2 and not _OF_SHARED_EXPERTS.search(module):
        stack.routed.setdefault(module, {}).update(dict.fromkeys(numbers, tensor.shape[0]))
    if kind not in MATRIX_KINDS and kind != "norm":
        mask = kind == "other" and BIAS.search(last)
        if not serves and not mask and tensor.dtype.startswith(("F", "BF")):
            part = f"{module}.{last}" if module else last
            stack.parts.setdefault(part, Counter()).update(numbers)
        return
    stack.weights.setdefault(module, Counter()).update(numbers)
    stack.modules[module] = Module(kind, last)
    stack.shapes[module] = tuple(tensor.shape)
    _add_experts(stack.experts, module, form)


def _add_experts(known: dict[str, dict[int, set[int]]], module: str, form: BlockForm) -> None:
    """Add the experts that have tensors of one form, if they are in lists."""
    if not form.experts or "#" not in module:
        return
    of_block = known.setdefault(module, {})
    for block, experts in zip(form.number, form.experts, strict=True):
        of_block.setdefault(block, set()).update(experts[experts >= 0].tolist())
