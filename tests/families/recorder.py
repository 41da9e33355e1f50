"""Record what a model does while it runs: projections, attentions, activations and choices."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from families.inputs import BATCH


@dataclass(eq=False)
class Event:
    """One step.

    Attributes
    ----------
    what : str
        "linear", "attention", "activation" or "choice".
    path : str
        The module in which it happens.
    tensors : dict
        What goes into it.
    weight : tensor or None
        For a projection, the view of a parameter that it multiplies with, as [out, in]. For an
        activation, that of the projection before it.
    """

    what: str
    path: str
    tensors: dict[str, torch.Tensor]
    weight: torch.Tensor | None = None


_SOFTMAX = {F.softmax, torch.softmax, torch.Tensor.softmax}
_PRODUCTS = {
    torch.matmul,
    torch.Tensor.matmul,
    torch.bmm,
    torch.Tensor.bmm,
    torch.Tensor.__matmul__,
}
_ADDED_PRODUCTS = {torch.baddbmm, torch.Tensor.baddbmm}
_ACTIVATIONS = {F.silu, F.gelu, F.relu, torch.sigmoid, torch.Tensor.sigmoid, F.sigmoid}
_CHOICES = {torch.topk, torch.Tensor.topk, torch.argmax, torch.Tensor.argmax} | _SOFTMAX
_ACTIVATION_MODULES = ("torch.nn.modules.activation", "transformers.activations")


@dataclass(eq=False)
class Recorder(TorchFunctionMode):
    """Write down the steps of a model's forward."""

    model: nn.Module
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.path: list[str] = []
        self.inside_activation = 0
        self.weight: torch.Tensor | None = None
        self.scores: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        self.softened: set[str] = set()
        self.owned = {p.untyped_storage().data_ptr() for p in self.model.parameters()}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is F.multi_head_attention_forward:
            with self._inside_multi_head_attention(args):
                return func(*args, **kwargs)
        if func is F.linear:
            self.linear(args[0], args[1] if len(args) > 1 else kwargs["weight"])
        elif func is torch.addmm:
            self.linear(args[1], args[2].T)
        elif func in _PRODUCTS:
            self.product(*(*args, *kwargs.values())[:2])
        elif func in _ADDED_PRODUCTS:
            self.product(*_factors(*args[1:], **kwargs))
        elif func in _ACTIVATIONS and not self.inside_activation:
            self.activation(args[0])
        if func in _CHOICES:
            self.note("choice", {"input": args[0]})
        if func in _SOFTMAX:
            self.softened.add(self.here)
        return func(*args, **kwargs)

    @property
    def here(self) -> str:
        """Path of the module that runs."""
        return self.path[-1] if self.path else ""

    def note(
        self, what: str, tensors: dict[str, torch.Tensor], weight: torch.Tensor | None = None
    ) -> None:
        """Write down one step."""
        copies = {name: tensor.detach().clone() for name, tensor in tensors.items()}
        self.events.append(Event(what, self.here, copies, weight))

    def linear(self, x: torch.Tensor, weight: torch.Tensor) -> None:
        """A projection; those with the weights of all experts at once are taken apart."""
        if weight.dim() == 3:
            for own, part in zip(x, weight, strict=True):
                self.note("linear", {"input": own}, part)
        else:
            self.note("linear", {"input": x}, weight)
        self.weight = weight

    def activation(self, x: torch.Tensor) -> None:
        """An activation function; one over all experts at once is taken apart."""
        if self.weight is not None and self.weight.dim() == 3:
            for own, part in zip(x, self.weight, strict=True):
                self.note("activation", {"input": own}, part)
        else:
            self.note("activation", {"input": x}, self.weight)

    def product(self, left: torch.Tensor, right: torch.Tensor) -> None:
        """A projection with a bare parameter, or one of the two products of an attention."""
        if right.untyped_storage().data_ptr() in self.owned:
            self.linear(left, right.transpose(-1, -2))
        elif self.here not in self.softened:
            self.scores.setdefault(self.here, (left, right.transpose(-1, -2)))
        else:
            query, key = self.scores.pop(self.here)
            self.softened.discard(self.here)
            self.attention(query, key, right)

    def attention(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> None:
        """Write down an attention, all with the axes batch, head, position, channel."""
        tensors = {"q": query, "k": key, "v": value}
        for name, tensor in tensors.items():
            if tensor.dim() == 3:
                tensors[name] = tensor.reshape(BATCH, -1, *tensor.shape[-2:])
        self.note("attention", tensors)

    @contextlib.contextmanager
    def _inside_multi_head_attention(self, args: Any) -> Iterator[None]:
        """torch.nn.MultiheadAttention is one function; look at the steps inside."""
        heads, project, linear = args[4], F._in_projection_packed, F.linear

        def projected(*arguments: Any) -> list[torch.Tensor]:
            parts = project(*arguments)
            per_head = [
                part.reshape(part.shape[0], BATCH, heads, -1).permute(1, 2, 0, 3) for part in parts
            ]
            self.attention(*per_head)
            return parts

        def out(x: torch.Tensor, weight: torch.Tensor, *bias: Any) -> torch.Tensor:
            self.linear(x, weight)
            return linear(x, weight, *bias)

        with (
            mock.patch.object(F, "_in_projection_packed", projected),
            mock.patch.object(F, "linear", out),
        ):
            yield

    @contextlib.contextmanager
    def following(self) -> Iterator[None]:
        """Keep track of the module that runs."""
        handles = []
        for name, module in self.model.named_modules():
            active = _is_activation(module)

            def enter(module: Any, args: Any, name: str = name, active: bool = active) -> None:
                self.path.append(name)
                if active:
                    self.activation(args[0])
                    self.inside_activation += 1

            def leave(module: Any, args: Any, out: Any, active: bool = active) -> None:
                self.path.pop()
                self.inside_activation -= active

            handles.append(module.register_forward_pre_hook(enter))
            handles.append(module.register_forward_hook(leave))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def _is_activation(module: nn.Module) -> bool:
    """Whether a module is an activation function; BLOOM has one of its own."""
    kind = type(module)
    known = kind.__module__.startswith(_ACTIVATION_MODULES) or kind.__name__ == "BloomGelu"
    return known and not isinstance(module, nn.MultiheadAttention)


def _factors(batch1: Any, batch2: Any, **options: Any) -> tuple[Any, Any]:
    """The two factors among the arguments of a product with a sum."""
    return batch1, batch2


def delta_rule_watched(recorder: Recorder, modeling: Any) -> Any:
    """Patch the recurrence of a linear attention so that its inputs are written down."""
    name = "torch_chunk_gated_delta_rule"
    original = getattr(modeling, name)

    def watched(query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        recorder.attention(*(tensor.transpose(1, 2) for tensor in (query, key, value)))
        return original(query, key, value, *args, **kwargs)

    return mock.patch.object(modeling, name, watched)


def run(model: nn.Module, inputs: dict[str, Any]) -> tuple[list[Event], Any]:
    """Run a model; return its steps and its output."""
    recorder = Recorder(model)
    modeling = sys.modules[type(model).__module__]
    watching = (
        delta_rule_watched(recorder, modeling)
        if hasattr(modeling, "torch_chunk_gated_delta_rule")
        else contextlib.nullcontext()
    )
    with torch.no_grad(), recorder.following(), watching, recorder:
        output = model(**inputs)
    return recorder.events, output
