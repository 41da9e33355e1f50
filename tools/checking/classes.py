"""Whether the models that libraries publish are taken for models that are well.

Every class is made without memory for its weights, with the configuration that the library has by
default. Names and shapes are what `weightgauge ls` would read in the header of its checkpoint.
"""

from __future__ import annotations

import importlib
import inspect
import json
import math
import os
import pkgutil
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any

from checking.running import Failed

if TYPE_CHECKING:
    from weightgauge.findings import Finding

_SECONDS = 90
"""For a class to be made: a few of the defaults describe models with thousands of modules."""


@dataclass(frozen=True)
class Header:
    """What the header of a checkpoint of one class says, and its configuration.

    Attributes
    ----------
    name : str
        Name of the class.
    shapes : dict of str to tuple of int
        Shapes of the parameters, by name.
    config : dict
        What `config.json` would hold.
    """

    name: str
    shapes: dict[str, tuple[int, ...]]
    config: dict[str, Any]


def classes() -> None:
    """No model class of transformers, diffusers and timm has a fault or a warning."""
    # Importing each of a thousand modules by name needs nothing from the network.
    os.environ["HF_HUB_OFFLINE"] = "1"
    warnings.simplefilter("ignore")
    accused: set[str] = set()
    for library, headers in _LIBRARIES.items():
        if find_spec("torch") is None or find_spec(library) is None:
            print(f"torch or {library} is not installed: none of its classes is made", flush=True)
            continue
        asked = 0
        for header in headers():
            asked += 1
            accused |= _accused(header)
        version = importlib.import_module(library).__version__
        print(f"{library} {version}: {asked:,} classes, each with and without config.json")
        if not asked:
            raise Failed(f"none of the classes of {library} could be made")
    if accused:
        raise Failed(f"accused of faults or warnings: {', '.join(sorted(accused))}")


def _accused(header: Header) -> set[str]:
    """Print what is told of a class; return its name if that is more than notes."""
    told = [
        f"{header.name}, {which} config.json: {each.level} {each.id}: {each.message}"
        for which, config in (("with", header.config), ("without", None))
        for each in _findings(header.shapes, config)
        if each.level != "note"
    ]
    for line in told:
        print(line, flush=True)
    return {header.name} if told else set()


def _findings(
    shapes: Mapping[str, tuple[int, ...]], config: dict[str, Any] | None
) -> tuple[Finding, ...]:
    """Return what names, shapes and configuration show, without a file."""
    from weightgauge.anatomy.survey import survey
    from weightgauge.checkpoint.tensors import Tensors
    from weightgauge.checkpoint.types import Checkpoint, ShardFile, TensorInfo
    from weightgauge.findings import Finding
    from weightgauge.records import Table

    tensors: list[TensorInfo] = []
    end = 0
    for name, shape in shapes.items():
        size = 2 * math.prod(shape)
        tensors.append(TensorInfo(name, "BF16", shape, 0, end, size))
        end += size
    checkpoint = Checkpoint(
        model="model",
        shards=Table(ShardFile, [ShardFile("model.safetensors", end + 8)]),
        tensors=Tensors.of(tensors),
        config=config,
        metadata={},
        findings=Table(Finding),
        adapter_config=None,
    )
    return survey(checkpoint).findings


def _transformers() -> Iterator[Header]:
    """Yield the classes of transformers whose configuration has defaults that make a model."""
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    transformers.logging.set_verbosity_error()
    made: set[str] = set()
    for kind in CONFIG_MAPPING.values():
        module = _imported(kind.__module__.replace("configuration_", "modeling_"))
        for name, model in _models_in(module, transformers.PreTrainedModel):
            if name in made or getattr(model, "config_class", None) is not kind:
                continue
            made.add(name)
            header = _header(name, partial(_of_default, model, config_class=kind))
            if header is not None:
                yield header


def _diffusers() -> Iterator[Header]:
    """Yield the classes of diffusers that can be made without arguments."""
    import diffusers
    from diffusers import models, pipelines

    diffusers.logging.set_verbosity_error()
    modules = [each.name for each in pkgutil.walk_packages(models.__path__, "diffusers.models.")]
    modules += [
        each.name
        for each in pkgutil.walk_packages(pipelines.__path__, "diffusers.pipelines.")
        if any(part in each.name for part in ("modeling", "unet", "prior"))
    ]
    for module in map(_imported, modules):
        for name, model in _models_in(module, diffusers.ModelMixin):
            header = _header(name, model)
            if header is not None:
                yield header


def _of_default(model: Callable[[Any], Any], *, config_class: Any) -> Any:
    return model(config_class())


def _timm() -> Iterator[Header]:
    """Yield the models of timm, of which one class makes several."""
    import timm

    for name in timm.list_models():
        header = _header(name, partial(timm.create_model, name))
        if header is not None:
            yield header


_LIBRARIES = {"transformers": _transformers, "diffusers": _diffusers, "timm": _timm}


def _imported(name: str) -> ModuleType | None:
    """Import a module; None where it needs what is not installed, or is not there."""
    try:
        return importlib.import_module(name)
    except Exception:  # whatever the libraries raise, such a class cannot be made
        return None


def _models_in(module: ModuleType | None, base: type) -> Iterator[tuple[str, type]]:
    """Yield the models that a module defines, without those that others are derived from."""
    if module is None:
        return
    for name, each in inspect.getmembers(module, inspect.isclass):
        own = issubclass(each, base) and each.__module__ == module.__name__
        if own and each is not base and not name.endswith("PreTrainedModel"):
            yield name, each


def _header(name: str, make: Callable[[], Any]) -> Header | None:
    """Return the header of one model, without what is saved once for several names.

    None where its class cannot be made so, or not in time.
    """
    import torch

    try:
        with _limited(), torch.device("meta"):
            model = make()
            config = getattr(model, "config", None) or _config_of_timm(name, model)
    except Exception:  # a third of the classes want arguments, packages or files
        return None
    state = model.state_dict()
    tied = set(getattr(model, "all_tied_weights_keys", None) or ())
    shapes = {
        key: tuple(value.shape)
        for key, value in state.items()
        if value.dtype.is_floating_point and key not in tied and value.ndim and value.numel()
    }
    if hasattr(config, "to_dict"):
        said = {**config.to_dict(), "architectures": [name]}
    else:
        said = config if "architecture" in config else {**config, "_class_name": name}
    return Header(name, shapes, json.loads(json.dumps(said, default=str, skipkeys=True)))


def _config_of_timm(name: str, model: Any) -> dict[str, Any]:
    """Return what timm saves beside the weights."""
    return {
        "architecture": name,
        "num_classes": model.num_classes,
        "num_features": model.num_features,
        "pretrained_cfg": model.pretrained_cfg,
    }


@contextmanager
def _limited() -> Iterator[None]:
    """Raise TimeoutError in what takes too long, where the system can."""
    if sys.platform == "win32":
        yield
        return

    def expired(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"not made in {_SECONDS} s")

    before = signal.signal(signal.SIGALRM, expired)
    signal.alarm(_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
