"""Results as the cell of a notebook shows them: verdict, what is wrong, a small map, one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from weightgauge.reporting.document import Document, Section

if TYPE_CHECKING:
    from weightgauge.comparison.model_comparison import Comparison
    from weightgauge.diagnosis.record import Diagnosis
    from weightgauge.fits import ModelFit
    from weightgauge.health import CheckResult
    from weightgauge.magnitudes.histogram import MagnitudeHistogram
    from weightgauge.scanning import ModelHistograms
    from weightgauge.trajectory.laws import Scaling
    from weightgauge.trajectory.record import Trajectory

_MOVED_SHOWN = 5


def notebook_html(result: Any) -> str:
    """Return a result as a piece of HTML: no script, and no name in it becomes markup.

    Parameters
    ----------
    result : ModelFit, Diagnosis, Comparison, Trajectory, Scaling, CheckResult or histograms
        What is shown.
    """
    from weightgauge.magnitudes.histogram import MagnitudeHistogram
    from weightgauge.reporting.writers.notebook import write

    if isinstance(result, MagnitudeHistogram):
        return _magnitudes(result)
    kinds = (kind.__name__ for kind in type(result).__mro__)
    of_kind = next(_VIEWS[name] for name in kinds if name in _VIEWS)
    return write(of_kind(result))


def _magnitudes(histogram: MagnitudeHistogram) -> str:
    from weightgauge.pictures import magnitude_counts
    from weightgauge.reporting.writers.html import inert
    from weightgauge.reporting.writers.svg_bars import bars_svg

    fit = histogram.fit()
    found = f"k = {fit.k:.4f} ± {fit.k_se:.4f}, lambda = {fit.lam:.4g}, R2 = {fit.r2:.4f}"
    numbers = (
        f"{histogram.n:,} weights of {histogram.dtype}, {histogram.zeros:,} zeros, "
        f"{histogram.nonfinite:,} NaN or infinite"
    )
    told = found if fit.k == fit.k else f"no fit: {fit.reason}"
    counts = magnitude_counts(histogram)
    picture = bars_svg(counts, f"{numbers}; {told}") if counts.counts else ""
    return f"<div>\n<p>{inert(numbers)}<br>{inert(told)}</p>\n{picture}\n</div>"


def _fit(result: ModelFit) -> Document:
    from weightgauge.reporting.views.fit import fit_document
    from weightgauge.reporting.views.fit_map import fit_maps
    from weightgauge.reporting.views.fit_tables import kind_section

    document = fit_document(result)
    maps = fit_maps(result)
    return replace(document, sections=(document.sections[0], *maps, kind_section(result)))


def _histograms(result: ModelHistograms) -> Document:
    from weightgauge.scanning import fit

    return _fit(fit(result, per=result.per))


def _diagnosis(result: Diagnosis) -> Document:
    from weightgauge.reporting.views.diagnose import diagnose_document
    from weightgauge.reporting.views.fit_map import map_sections

    maps = map_sections(
        *(result.slices, result.findings), trim="mid_80", zeros=result.zero_handling
    )
    return _with(diagnose_document(result), maps)


def _comparison(result: Comparison) -> Document:
    from weightgauge.reporting.views.compare import compare_document
    from weightgauge.reporting.views.maps import comparison_maps

    return _with(compare_document(result, top=_MOVED_SHOWN), comparison_maps(result))


def _trajectory(result: Trajectory) -> Document:
    from weightgauge.reporting.views.maps import trajectory_map
    from weightgauge.reporting.views.track import track_document

    return _with(track_document(result), trajectory_map(result))


def _scaling(result: Scaling) -> Document:
    from weightgauge.reporting.views.scaling import scaling_document

    return scaling_document(result)


def _check(result: CheckResult) -> Document:
    from weightgauge.reporting.views.check import check_document

    return check_document(result)


def _with(document: Document, maps: Iterable[Section]) -> Document:
    """Put maps behind the first section."""
    first, *others = document.sections
    return replace(document, sections=(first, *maps, *others))


_VIEWS: MappingProxyType[str, Callable[[Any], Document]] = MappingProxyType(
    {
        "ModelFit": _fit,
        "ModelHistograms": _histograms,
        "Diagnosis": _diagnosis,
        "Comparison": _comparison,
        "Trajectory": _trajectory,
        "Scaling": _scaling,
        "CheckResult": _check,
    }
)
"""What shows a result, by the name of its class: the classes are imported where they are used."""
