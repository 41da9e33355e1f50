"""`reproduce`: recompute the paper's claims from its published medians."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from weightgauge.records import Table, as_row
from weightgauge.reference.entries import ReferenceModel, models, qwen_cohort

FFN_KINDS = ("ffn_in", "ffn_out", "gate", "up", "down")
_SIGNIFICANCE = 0.05

Number = float | tuple[float, float]


@dataclass(frozen=True, slots=True, repr=False)
class Claim:
    """One claim of the paper, and the figure that its own medians give.

    Attributes
    ----------
    id : str
        Short name.
    claim : str
        The claim in words.
    formula : str
        How the figure is recomputed, from the medians in `weightgauge.reference`.
    value : float or tuple of float
        The recomputed figure, or the two ends of a recomputed range.
    published : float or tuple of float
        The figure or range that the claim states or implies.
    verdict : str
        "holds", "fails" or "undecided".
    unit : str
        "%" where the figures are in per cent, else "".
    note : str
        What else the reader should know.
    """

    id: str
    claim: str
    formula: str
    value: Number
    published: Number
    verdict: str
    unit: str = ""
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; a range is a list of two numbers."""
        return as_row(self)

    def __repr__(self) -> str:
        """Show the id and the verdict."""
        return f"<Claim {self.id}: {self.verdict}>"


def reproduce() -> Table[Claim]:
    """Recompute the paper's claims (T. Ding, arXiv:2605.18898) from its published medians.

    Returns
    -------
    Table of Claim
        All claims, with those that fail.

    Examples
    --------
    >>> import weightgauge as wg
    >>> {claim.id: claim.verdict for claim in wg.reproduce()}["kqkv-monotone"]
    'fails'
    """
    return Table(
        Claim,
        (
            _ffn_band(),
            _ffn_cv(),
            _wo_cv(),
            _separate_range(),
            _gqa_range(),
            _merged_range(),
            _scaling_r(),
            _scaling_slope(),
            _monotone(),
            _qwen_regimes(),
        ),
    )


def _ffn_medians() -> list[float]:
    return [
        median(medians.k for kind, medians in model.kinds.items() if kind in FFN_KINDS)
        for model in models().values()
    ]


def _ffn_band() -> Claim:
    values = _ffn_medians()
    found, published = (min(values), max(values)), (1.186, 1.204)
    return Claim(
        id="ffn-band",
        claim="the k of FFN matrices lies in one narrow band in all models",
        formula="range over models of the median k over FFN kinds",
        value=found,
        published=published,
        verdict=_verdict(published[0] <= found[0] and found[1] <= published[1]),
    )


def _ffn_cv() -> Claim:
    value = _cv(_ffn_medians())
    return Claim(
        id="ffn-cv",
        claim="the k of FFN matrices varies by no more than half a per cent between models",
        formula="standard deviation (ddof 1) over mean of the models' median k over FFN kinds",
        value=value,
        published=0.51,
        verdict=_verdict(value <= 0.51),
        unit="%",
    )


def _wo_cv() -> Claim:
    by_model = {model.id: model.kinds["o"].k for model in models().values()}
    outside = [f"{name} {k:.3f}" for name, k in by_model.items() if not 1.18 <= k <= 1.21]
    value = _cv(list(by_model.values()))
    return Claim(
        id="wo-cv",
        claim="the attention output keeps k as FFN matrices do",
        formula="standard deviation (ddof 1) over mean of the models' median k of o",
        value=value,
        published=0.51,
        verdict=_verdict(value <= 0.51 and not outside),
        unit="%",
        note=f"outside [1.18, 1.21]: {', '.join(outside)}",
    )


def _separate_range() -> Claim:
    return _range_claim(
        "separate-qk-range",
        "q and k stored apart under multi-head attention leave the class far",
        lambda model: model.attention == "MHA" and model.storage == "separate",
        ("q", "k"),
        (0.76, 0.99),
    )


def _gqa_range() -> Claim:
    return _range_claim(
        "gqa-qk-range",
        "q and k under grouped-query attention leave the class a little",
        lambda model: model.attention == "GQA",
        ("q", "k"),
        (1.10, 1.16),
    )


def _merged_range() -> Claim:
    return _range_claim(
        "merged-qkv-range",
        "q, k and v in one tensor leave the class by an amount that training sets",
        lambda model: model.storage == "merged",
        ("qkv",),
        (1.05, 1.18),
    )


def _range_claim(
    name: str,
    claim: str,
    concerns: Callable[[ReferenceModel], bool],
    kinds: Sequence[str],
    published: tuple[float, float],
) -> Claim:
    values = [
        model.kinds[kind].k for model in models().values() if concerns(model) for kind in kinds
    ]
    found = (min(values), max(values))
    same = (round(found[0], 2), round(found[1], 2)) == published
    return Claim(
        id=name,
        claim=claim,
        formula=f"range over models of the median k of {' and '.join(kinds)}",
        value=found,
        published=published,
        verdict=_verdict(same),
        note="" if same else "the ends differ from the published ones at two decimals",
    )


def _scaling_data() -> tuple[list[float], list[float]]:
    """Return sqrt(learning rate / weight decay) and the mean lambda of the Pythia models."""
    pythia = [model for model in models().values() if model.family == "Pythia"]
    return (
        [math.sqrt(model.training.peak_lr / model.training.weight_decay) for model in pythia],
        [
            math.fsum(model.kinds[kind].lam for kind in ("o", "ffn_in", "ffn_out")) / 3
            for model in pythia
        ],
    )


def _scaling_r() -> Claim:
    from scipy.stats import pearsonr  # type: ignore[import-untyped]

    x, lam = _scaling_data()
    result = pearsonr(x, lam)
    value = float(result.statistic)
    interval = result.confidence_interval(0.95)
    significant = result.pvalue < _SIGNIFICANCE
    return Claim(
        id="lambda-scaling-r",
        claim="lambda grows with the square root of learning rate over weight decay",
        formula="Pearson r of sqrt(peak_lr/weight_decay) and the mean lambda of o, ffn_in and "
        "ffn_out over the Pythia models",
        value=value,
        published=0.94,
        verdict=_verdict(round(value, 2) == 0.94) if significant else "undecided",
        note=f"{len(x)} models: p = {result.pvalue:.3f}, 95 % interval "
        f"[{interval.low:.2f}, {interval.high:.3f}]",
    )


def _scaling_slope() -> Claim:
    x, lam = _scaling_data()
    slope = math.fsum(a * b for a, b in zip(x, lam, strict=True)) / math.fsum(a * a for a in x)
    mean = math.fsum(lam) / len(lam)
    rest = math.fsum((b - slope * a) ** 2 for a, b in zip(x, lam, strict=True))
    r2 = 1 - rest / math.fsum((b - mean) ** 2 for b in lam)
    return Claim(
        id="lambda-scaling-slope",
        claim="lambda is 0.087 sqrt(learning rate / weight decay)",
        formula="least squares through the origin, of the same figures",
        value=slope,
        published=0.087,
        verdict=_verdict(round(slope, 3) == 0.087 and r2 > 0),
        note=f"R2 = {r2:.1f}" + (": a constant fits better" if r2 < 0 else ""),
    )


def _monotone() -> Claim:
    from scipy.stats import spearmanr

    pythia = [model for model in models().values() if model.family == "Pythia"]
    progress = [model.training.steps_per_tau for model in pythia]
    shapes = [model.kinds["qkv"].k for model in pythia]
    rank = spearmanr(progress, shapes)
    pairs = list(zip(progress, shapes, strict=True))
    against = [(a, b) for a in pairs for b in pairs if a[0] < b[0] and a[1] < b[1]]
    return Claim(
        id="kqkv-monotone",
        claim="the k of merged qkv falls as T/tau grows",
        formula="Spearman correlation of T/tau and the median k of qkv over the Pythia models",
        value=float(rank.statistic),
        published=-1.0,
        verdict=_verdict(not against),
        note=f"p = {rank.pvalue:.2f}; pairs of models the other way round: {len(against)}",
    )


def _qwen_regimes() -> Claim:
    cohort = qwen_cohort().values()
    right = sum(qwen_regime(entry.shallow_min_k) == entry.regime for entry in cohort)
    return Claim(
        id="qwen-regimes",
        claim="Qwen models fall into regime A and regime B",
        formula="labels given by the smallest k of gate, up and down in blocks 0 to 5: "
        "A from 1.0 on, B up to 0.7",
        value=right,
        published=len(cohort),
        verdict=_verdict(right == len(cohort)),
    )


def qwen_regime(shallow_min_k: float) -> str | None:
    """Return the regime of a Qwen model.

    Parameters
    ----------
    shallow_min_k : float
        Smallest k of gate, up and down in blocks 0 to 5.

    Returns
    -------
    str or None
        "A" if it is at least 1.0, "B" if it is at most 0.7, None in between.
    """
    if shallow_min_k >= 1.0:
        return "A"
    return "B" if shallow_min_k <= 0.7 else None


def _cv(values: Sequence[float]) -> float:
    """Return the coefficient of variation in per cent, with the sample's standard deviation."""
    mean = math.fsum(values) / len(values)
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return 100 * math.sqrt(variance) / mean


def _verdict(holds: bool) -> str:
    return "holds" if holds else "fails"
