"""What configurations say of how a model is quantised: all of it, and what is for one module.

Older quantisers keep their settings in a file of their own, and `config.json` lacks them, or has a
part of them. Newer ones have settings for some modules that differ from those for the rest.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from weightgauge.anatomy.architecture.settings import left_out, shown
from weightgauge.anatomy.storage.patterns import Patterns, UnknownMatch
from weightgauge.errors import printable

_KEY = "quantization_config"
_FORMER_KEY = "compression_config"
"""What compressed-tensors called it first."""
_KEY_OF_MLX = "quantization"
MLX = "mlx"
"""What to call the quantiser that states no name, but bits and groups by a key of its own."""
_CONFIG = "config.json"
_OF_COMFYUI = "_quantization_metadata"

_SPELLINGS = {
    **{"w_bit": "bits", "wbits": "bits", "q_group_size": "group_size"},
    **{"method": "quant_method", "format": "checkpoint_format"},
}
"""Keys of AutoAWQ and of GPTQModel, and those that others have for the same."""

_HELD = (
    *("quant_method", "bits", "group_size", "desc_act", "sym", "zero_point", "version"),
    *("checkpoint_format", "is_marlin_format", "pack_dtype", "packing_format"),
)
"""Settings that are held against those of another file: the values of weights depend on them."""

_OF_MODULES = ("bits", "group_size", "desc_act", "sym")
"""Settings that modules may have of their own."""

_PLAIN_NAME = re.compile(r"[\w.-]+")

Settings = Mapping[str, Any]


@dataclass(frozen=True, repr=False)  # without slots: what is asked for twice is kept
class Quantisation:
    """The settings of a quantiser.

    Attributes
    ----------
    values : mapping
        All settings; those of `config.json` count where several files have them.
    files : mapping of str to str
        The file of each setting that `config.json` lacks.
    stated : bool
        Whether any configuration says that the model is quantised.
    wrong : tuple of str
        A line for each entry that is none.
    contradictions : tuple of str
        A line for each setting of which two files say different things.
    tiled : bool
        Whether the header of a file says that ComfyUI quantised it: its scales of blocks lie in
        tiles, as matrix units take them.
    """

    values: Settings
    files: Mapping[str, str]
    stated: bool
    wrong: tuple[str, ...] = ()
    contradictions: tuple[str, ...] = ()
    tiled: bool = False

    @property
    def method(self) -> str:
        """How the model is quantised, safe to show; or ""."""
        method = self.values.get("quant_method")
        return printable(method, limit=40) if isinstance(method, str) else ""

    def file_of(self, *keys: str) -> str:
        """Return the name of the file that has the first of some settings that is stated."""
        stated = next((key for key in keys if key in self.values), "")
        return printable(self.files.get(stated, _CONFIG))

    def of_module(self, owner: str) -> Settings:
        """Return the settings for one module, as GPTQModel and AutoRound state them.

        Where it cannot be said which of them are for it, it has none of those that modules may
        have of their own; but groups are out of order (`desc_act`) if they may be.
        """
        try:
            own = self._own(owner)
        except UnknownMatch:
            own = None
        if own is not None:
            return {**self.values, **own} if own else self.values
        rest = {key: value for key, value in self.values.items() if key not in _OF_MODULES}
        every = [self.values, *_mappings(self.values.get("dynamic"))]
        if any(each.get("desc_act") is True for each in every):
            rest["desc_act"] = True
        return rest

    @property
    def states_mlx(self) -> bool:
        """Whether bits and groups are stated as MLX states them, which names no quantiser."""
        return self.values.get("quant_method", MLX) == MLX and _has_groups(self.values)

    def of_mlx_module(self, owner: str) -> Settings:
        """Return the settings of a module as MLX states them: an entry of its own is complete."""
        own = self.values.get(owner)
        return own if isinstance(own, Mapping) else self.values

    def _own(self, owner: str) -> Settings | None:
        """Return the settings that a module has of its own; None where it is excluded.

        Of what is excluded and packed all the same nothing is known.
        """
        named = self.values.get("extra_config")
        if isinstance(named, Mapping) and isinstance(named.get(owner), Mapping):
            return _spelt(named[owner])
        if self._has_patterned_names:
            raise UnknownMatch
        overrides = self.values.get("dynamic")
        for pattern, own in overrides.items() if isinstance(overrides, Mapping) else ():
            excludes = pattern.startswith("-:")
            bare = pattern[2:] if excludes or pattern.startswith("+:") else pattern
            if self._patterns.match(bare, owner):
                if bare != owner and _PLAIN_NAME.fullmatch(bare):
                    raise UnknownMatch  # programs do not agree whether names match longer ones
                return None if excludes else _spelt(own) if isinstance(own, Mapping) else {}
        return {}

    def schemes_of_module(self, owner: str) -> Sequence[Settings]:
        """Return what compressed-tensors states of the weights of a module.

        A target that is its name comes before those that are patterns, and these before the names
        of classes, of which a checkpoint says nothing. There are several where it cannot be said
        which of them is for the module, and none where all are for others.
        """
        schemes, targets = self._schemes, self._targets
        if owner in targets:
            return [schemes[targets[owner]]]
        try:
            for pattern, number in self._target_patterns:
                if self._patterns.match(pattern, owner):
                    return [schemes[number]]
        except UnknownMatch:
            return schemes
        embeds = "embed" in owner.rpartition(".")[2]
        numbers = {
            number
            for target, number in targets.items()
            if _is_class(target) and ("Embedding" in target) == embeds
        }
        return [schemes[number] for number in sorted(numbers)] if targets else schemes

    @cached_property
    def _patterns(self) -> Patterns:
        return Patterns()

    @cached_property
    def _has_patterned_names(self) -> bool:
        """Whether settings of modules are stated for patterns, of a kind that is not known."""
        named = self.values.get("extra_config")
        return isinstance(named, Mapping) and not all(map(_PLAIN_NAME.fullmatch, named))

    @cached_property
    def _schemes(self) -> list[Settings]:
        return [weights for _, weights in _of_groups(self.values)]

    @cached_property
    def _targets(self) -> dict[str, int]:
        """The place of the scheme of each target that is no pattern, and of all patterns."""
        found: dict[str, int] = {}
        for number, (targets, _) in enumerate(_of_groups(self.values)):
            for target in targets:
                found.setdefault(target, number)
        return found

    @cached_property
    def _target_patterns(self) -> list[tuple[str, int]]:
        """Patterns in their order, which is that of the alphabet, and the places of schemes."""
        named = (pair for pair in self._targets.items() if pair[0].startswith("re:"))
        return sorted((target.removeprefix("re:"), number) for target, number in named)


def quantisation_of(
    config: Mapping[str, Any] | None,
    beside: Mapping[str, Mapping[str, Any]] | None = None,
    metadata: Collection[str] = (),
) -> Quantisation:
    """Put together what is said of how a model is quantised.

    Parameters
    ----------
    config : mapping or None
        Content of `config.json`.
    beside : mapping of str to mapping, optional
        Content of the files that quantisers keep their settings in, by their names.
    metadata : collection of str, optional
        Keys of the metadata in the headers of files.

    Returns
    -------
    Quantisation
    """
    stated, wrong = _stated(config or {})
    values = _spelt(stated or {})
    files: dict[str, str] = {}
    contradictions = []
    for name, content in (beside or {}).items():
        for key, value in _spelt(content).items():
            known = values.get(key)
            if known is None:
                values[key], files[key] = value, name
            elif key in _HELD and not _same(known, value):
                contradictions.append(
                    f"{printable(name)} says {key} = {shown(value)}, and "
                    f"{printable(files.get(key, _CONFIG))} says {shown(known)}, which counts"
                )
    return Quantisation(
        values=values,
        files=files,
        stated=stated is not None or bool(beside),
        wrong=tuple(wrong),
        contradictions=tuple(contradictions),
        tiled=_OF_COMFYUI in metadata,
    )


def _stated(config: Mapping[str, Any]) -> tuple[Settings | None, list[str]]:
    """Return the settings in `config.json`, if any, and what is wrong with the entry."""
    of_mlx = config.get(_KEY_OF_MLX)
    if isinstance(of_mlx, Mapping) and _has_groups(of_mlx):
        return {"quant_method": MLX, **of_mlx}, []
    for key in (_KEY, _FORMER_KEY):
        entry = config.get(key)
        if isinstance(entry, Mapping):
            inside = entry.get(_KEY)
            return (inside if isinstance(inside, Mapping) else entry), []
        if entry is not None:
            return None, [left_out(key, entry, "is no object")]
    # A model of text and pictures may have it in the section of the text.
    sections = [each.get(_KEY) for each in config.values() if isinstance(each, Mapping)]
    found = [each for each in sections if isinstance(each, Mapping)]
    return (found[0] if len(found) == 1 else None), []


def _has_groups(settings: Settings) -> bool:
    return all(settings.get(key) is not None for key in ("bits", "group_size"))


def _spelt(settings: Settings) -> dict[str, Any]:
    """Return settings by the usual keys; `format` stays, which others have for something else."""
    found = {key: value for key, value in settings.items() if value is not None}
    for key, usual in _SPELLINGS.items():
        if key in found:
            value = found[key] if key == "format" else found.pop(key)
            found.setdefault(usual, value)
    return found


def _same(one: object, other: object) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one.lower() == other.lower()
    return type(one) is type(other) and one == other


def _mappings(settings: object) -> list[Settings]:
    values = settings.values() if isinstance(settings, Mapping) else ()
    return [each for each in values if isinstance(each, Mapping)]


def _of_groups(settings: Settings) -> Iterator[tuple[list[str], Settings]]:
    """Yield the targets of each of several groups of settings, and what is said of weights."""
    for group in _mappings(settings.get("config_groups")):
        weights = group.get("weights")
        if isinstance(weights, Mapping):
            form = group.get("format")
            stated = {"format": form, **weights} if isinstance(form, str) else weights
            yield _texts(group.get("targets")), stated


def _is_class(target: str) -> bool:
    return target.isidentifier() and target[:1].isupper()


def _texts(targets: object) -> list[str]:
    return [each for each in targets if isinstance(each, str)] if isinstance(targets, list) else []
