"""A module, a state dict or a mapping of names to arrays as a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

from weightgauge.anatomy.bare_names import bare_names
from weightgauge.checkpoint.tensors import Tensors
from weightgauge.checkpoint.types import ShardFile, TensorInfo
from weightgauge.dtypes import DTYPE_BITS
from weightgauge.errors import LiveModelError, printable
from weightgauge.findings import RULES, Finding
from weightgauge.records import Table
from weightgauge.scanning.live.arrays import LiveArray, live_array, nbytes_of
from weightgauge.scanning.live.shard import LiveCheckpoint, LiveShard
from weightgauge.scanning.live.shards import Sharding, part_shown
from weightgauge.wording import counted

_ORDER = {dtype: place for place, dtype in enumerate(DTYPE_BITS)}
_WRAPPED_IN = ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
_FLAT = "_flat_param"
"""The name under which the first FSDP keeps all parameters of a module in one row."""


@runtime_checkable
class Module(Protocol):
    """What is asked of a `torch.nn.Module`."""

    def named_modules(self, *, remove_duplicate: bool = ...) -> Any:
        """Go over the modules within, itself first."""

    def named_parameters(self) -> Any:
        """Go over the parameters."""


LiveModel = Module | Mapping[str, Any]
"""A `torch.nn.Module`, or arrays by name."""


class _Held(NamedTuple):
    name: str
    array: LiveArray


def is_live(model: object) -> bool:
    """Tell whether a model is one in memory rather than the name of one, or a class of modules."""
    return isinstance(model, Mapping | Module) and not isinstance(model, type)


def live_checkpoint(model: LiveModel, *, name: str = "", rank: int | None = None) -> LiveCheckpoint:
    """Describe a model in memory as the checkpoint that would be saved of it.

    Parameters
    ----------
    model : torch.nn.Module or mapping of str to array
        Of a module its parameters and the buffers that are saved. Arrays are PyTorch tensors on any
        device, NumPy arrays (those of ml_dtypes too), or what offers DLPack or a buffer. No element
        is read now, and none is copied.
    name : str, optional
        What the model is called; by default the name of its class.
    rank : int, optional
        Number of this process, where counts of all processes are added: what a process before this
        one has too is then left out here.

    Returns
    -------
    LiveCheckpoint
        With names as in the bare model, whatever it is wrapped in, and tensors in the order in
        which safetensors stores them. Tied tensors are there once, by the name that comes first.

    Raises
    ------
    LiveModelError
        It is neither a module nor a mapping, or has no tensors, or its tensors have no values, are
        flattened by FSDP, or are no arrays.
    UnsupportedDtypeError
        Tensors have formats that no checkpoint holds.
    """
    if not is_live(model):
        raise LiveModelError(
            "a model is a path, a model on the Hub, a torch module, a mapping of names to arrays, "
            f"histograms or a fit; this is {_what(model)}"
        )
    given = list(named_arrays(model))
    if not given:
        raise LiveModelError(_no_tensors(model))
    names = bare_names([each for each, _ in given])
    held = [
        _Held(bare, live_array(bare, array)) for bare, (_, array) in zip(names, given, strict=True)
    ]
    held = untied(held)
    held.sort(key=lambda each: (-_ORDER[each.array.dtype], each.name))
    config, findings = _config(model)
    if rank is not None:
        held = [_Held(each.name, _counted_once(each.array, rank)) for each in held]
    elif parts := [each.array.sharding for each in held if each.array.sharding is not None]:
        findings.append(RULES["part-of-model"].finding(what=part_shown(parts)))
    if not held:
        what = "the model has no tensors"
        findings.append(RULES["odd-input"].finding(what=what, level="warning"))
    return LiveCheckpoint(
        model=name or shown_name(model),
        shards=Table(ShardFile, (_shard(each.array) for each in held)),
        tensors=Tensors.of(_tensor(each, place) for place, each in enumerate(held)),
        config=config,
        metadata={},
        findings=Table(Finding, findings),
        adapter_config=_adapter_config(model),
    )


def named_arrays(model: LiveModel) -> Iterator[tuple[str, Any]]:
    """Yield the names and arrays of what would be saved of a model, tied ones each time.

    Raises
    ------
    LiveModelError
        The mapping has other keys than names, or FSDP has flattened the parameters.
    """
    if isinstance(model, Mapping):
        for name, array in model.items():
            if not isinstance(name, str):
                raise LiveModelError(
                    f"a model is a module, or a mapping of names to arrays; {name!r} is no name"
                )
            yield name, array
        return
    # Not `state_dict()`, whose hooks may gather what is sharded.
    for prefix, module in model.named_modules(remove_duplicate=False):
        start = f"{prefix}." if prefix else ""
        unsaved = getattr(module, "_non_persistent_buffers_set", ())
        for name, parameter in module._parameters.items():
            if name == _FLAT:
                raise LiveModelError(
                    f"'{printable(prefix)}' was flattened by FullyShardedDataParallel: its tensors "
                    "have no shapes. Use fully_shard, or measure within summon_full_params"
                )
            if parameter is not None:
                yield start + name, parameter
        for name, buffer in module._buffers.items():
            if buffer is not None and name not in unsaved:
                yield start + name, buffer


def _what(model: object) -> str:
    if isinstance(model, type):
        return f"the class {model.__name__}, not a model made of it"
    return type(model).__name__


def _no_tensors(model: LiveModel) -> str:
    if isinstance(model, Mapping):
        return f"{shown_name(model)}: there is nothing to measure in an empty mapping"
    return f"{shown_name(model)}: the module has no parameters and no buffers that are saved"


def untied(held: Sequence[_Held]) -> list[_Held]:
    """Leave one of several tensors that share all of their memory: the first, by which it is used.

    In a module the embedding stands before the head that is tied to it.
    """
    seen: set[tuple[str, int, int, str]] = set()
    kept = []
    for each in held:
        memory = each.array.memory
        if memory[2] > 0 and memory in seen:
            continue
        seen.add(memory)
        kept.append(each)
    return kept


def bare_module(model: object) -> object:
    """Return the module inside its wrappers."""
    while True:
        # What was set rather than what is passed on: wrappers look for the rest inside.
        within = getattr(model, "_modules", {})
        inner = next((within[each] for each in _WRAPPED_IN if each in within), None)
        if inner is None and "base_model" in within:
            inner = getattr(within["base_model"], "_modules", {}).get("model")
        if inner is None or (len(within) != 1 and "base_model" not in within):
            return model
        model = inner


def shown_name(model: LiveModel) -> str:
    """Return what a model in memory is called where nobody has named it."""
    if isinstance(model, Mapping):
        return f"{type(model).__name__} of {counted(len(model), 'array')}"
    # `fully_shard` puts its own class before that of a module.
    classes = [each.__name__ for each in type(bare_module(model)).__mro__]
    return classes[classes.index("FSDPModule") + 1] if "FSDPModule" in classes else classes[0]


def _config(model: LiveModel) -> tuple[Mapping[str, Any] | None, list[Finding]]:
    found: Any = getattr(bare_module(model), "config", None)
    try:
        if hasattr(found, "to_json_string"):  # what is saved: without what goes without saying
            return dict(json.loads(found.to_json_string())), []
        return (_as_saved(found), []) if hasattr(found, "to_dict") else (None, [])
    except Exception as error:  # whatever the model's own code may raise
        what = f"the model's configuration cannot be read: {printable(str(error))}"
        return None, [RULES["config-unreadable"].finding(what=what)]


def _adapter_config(model: LiveModel) -> Mapping[str, Any] | None:
    """Return what PEFT knows of the only adapter of a model."""
    module: Any = model
    while module is not None:
        adapters = getattr(module, "peft_config", None)
        if isinstance(adapters, Mapping) and len(adapters) == 1:
            with suppress(Exception):  # whatever the configuration's own code may raise
                return _as_saved(next(iter(adapters.values())))
        within = getattr(module, "_modules", {})
        module = next((within[each] for each in _WRAPPED_IN if each in within), None)
    return None


def _as_saved(config: Any) -> dict[str, Any]:
    """Return what a file of the configuration would say: keys are names, sets are lists."""
    said = json.dumps(config.to_dict(), default=_listed, skipkeys=True)
    return dict(json.loads(said))


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, (set, frozenset)) else str(value)


def _counted_once(array: LiveArray, rank: int) -> LiveArray:
    """Leave out what a process before this one counts."""
    sharding = array.sharding
    if sharding is None:
        if rank == 0:
            return array
        whole = tuple((0, extent) for extent in array.shape)
        sharding = Sharding(array.shape, whole, replica=True)
    return replace(array, sharding=sharding._replace(left_out=sharding.replica))


def _shard(array: LiveArray) -> LiveShard:
    return LiveShard(name="memory", size=nbytes_of(array.dtype, array.shape), array=array)


def _tensor(held: _Held, place: int) -> TensorInfo:
    array = held.array
    nbytes = nbytes_of(array.dtype, array.whole)
    return TensorInfo(held.name, array.dtype, array.whole, place, 0, nbytes)
