"""The answer of a run: where meaning lives, which distance shows it, what breaks it; in sentences and in one figure."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from semlens import figures
from semlens.files import whole
from semlens.logs import log

EQ_16 = "scsi < scdi < dcsi < dcdi"
EQ_17 = "sidi < scsi < dcsi"
_LOOKS = {"pretrained": ("tab:blue", "-", "o"), "random": ("0.55", "--", "s")}


class Study(NamedTuple):
    """What an experiment found with a model on a dataset: ``sets``, ``pairs`` and ``trend``, indexed by condition."""

    experiment: str
    model: str
    dataset: str
    axis: str
    pairs: pd.DataFrame
    trend: pd.DataFrame

    def separations(self) -> pd.Series:
        """By condition, how often an object of another class is farther away than one of the same class.

        Both in other images: the probability that a distance of ``dcdi`` is larger than one of ``scdi``, and half of
        that of a tie. 0.5 is chance.
        """
        both = self.pairs[["set_a", "set_b"]].isin(["scdi", "dcdi"]).all(axis=1)
        rows = self.pairs[both]
        return (rows["cliffs_delta"].where(rows["set_b"] == "dcdi", -rows["cliffs_delta"]) + 1) / 2

    def holds(self) -> pd.Series:
        """By condition, whether the sets stand in the expected order."""
        return self.trend["verdict"] == "holds"


def read(described: Iterable[dict[str, str]], pairs: Iterable[str | Path], trends: Iterable[str | Path]) -> list[Study]:
    """Return studies from their statistics; each is described by its experiment, model, dataset and axis."""
    return [
        Study(**about, pairs=_by_condition(of_pairs), trend=_by_condition(trend))
        for about, of_pairs, trend in zip(described, pairs, trends, strict=True)
    ]


def _by_condition(path: str | Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"condition": str}).set_index("condition")


class Finding(NamedTuple):
    """What one model shows; nothing where no experiment asked."""

    layers: pd.Series  # separation by layer or sum of layers, mean over datasets
    metrics: pd.Series  # by metric
    noise: pd.Series  # by timestep
    order: dict[str, bool]  # whether Eq. 16 holds at the best layer, by dataset
    noise_order: pd.Series  # whether it holds on every dataset, by timestep
    identity: pd.Series  # whether Eq. 17 holds on every dataset, by view


def find(studies: Sequence[Study], model: str) -> Finding:
    """Return what a model shows; of several experiments along noise or views, the first counts."""
    mine = [study for study in studies if study.model == model]
    of = {axis: [study for study in mine if study.axis == axis] for axis in ("features", "metric", "timestep", "view")}
    layers, noise, views = _mean(of["features"]), _first(of["timestep"]), _first(of["view"])
    best = layers.idxmax() if len(layers) else None
    return Finding(
        layers=layers,
        metrics=_mean(of["metric"]),
        noise=_mean(noise),
        order={study.dataset: bool(study.holds()[best]) for study in of["features"] if best in study.trend.index},
        noise_order=_everywhere(noise),
        identity=_everywhere(views),
    )


def _first(studies: list[Study]) -> list[Study]:
    return [study for study in studies if study.experiment == studies[0].experiment]


def _mean(studies: list[Study]) -> pd.Series:
    """By condition in order of appearance; a condition of several experiments counts once per dataset."""
    rows = [study.separations().rename(study.dataset) for study in studies]
    if not rows:
        return pd.Series(dtype=float)
    long = pd.concat(rows, keys=[study.dataset for study in studies], names=["dataset", "condition"]).dropna()
    return long.groupby(["dataset", "condition"], sort=False).first().groupby("condition", sort=False).mean()


def _everywhere(studies: list[Study]) -> pd.Series:
    if not studies:
        return pd.Series(dtype=bool)
    return pd.concat([study.holds() for study in studies], axis=1).all(axis=1)


def sentences(own: Finding, control: Finding | None) -> list[str]:
    """Return the answer in up to three sentences: layer and distance, order and noise, transformations.

    Parameters
    ----------
    control
        What the same model shows without training, told in brackets.
    """
    said = [_where(own, control), _order(own, control), _identity(own, control)]
    return [sentence for sentence in said if sentence]


def _where(own: Finding, control: Finding | None) -> str:
    parts = []
    if len(own.layers):
        best = own.layers.idxmax()
        untrained = f"; untrained, {control.layers[best]:.0%}" if control and best in control.layers else ""
        parts.append(
            f"Of {len(own.layers)} layers and sums of layers, {best} tells classes apart best: there, an object of "
            f"another class lies farther away than one of the same class in {own.layers[best]:.0%} of the comparisons "
            f"between images (chance is 50%{untrained})"
        )
    if len(own.metrics):
        best = own.metrics.idxmax()
        which = f"{best.replace('_', ' ')} distance does so best ({own.metrics[best]:.0%})"
        parts.append(f"of {len(own.metrics)} distances, {which}")
    return "; ".join(parts)[:1].upper() + "; ".join(parts)[1:] + "." if parts else ""


def _order(own: Finding, control: Finding | None) -> str:
    parts = []
    if own.order:
        parts.append(f"The order of preserved meaning (Eq. 16: {EQ_16}) {_verdict(own)} at that layer")
        if control and control.order:
            parts[-1] += f" (untrained, at {control.layers.idxmax()}, it {_verdict(control)})"
    if len(own.noise_order):
        untrained = f" (untrained, {_broken(control.noise_order)})" if control and len(control.noise_order) else ""
        parts.append(f"under noise {_broken(own.noise_order)}{untrained}")
    return "; ".join(parts)[:1].upper() + "; ".join(parts)[1:] + "." if parts else ""


def _verdict(finding: Finding) -> str:
    if all(finding.order.values()):
        return "holds"
    kept = [dataset for dataset, holds in finding.order.items() if holds]
    return f"holds on {', '.join(kept)} only" if kept else "does not hold"


def _broken(order: pd.Series) -> str:
    lost = [condition for condition, holds in order.items() if not holds]
    if not lost:
        return f"it holds up to t = {order.index[-1]}, the most that was tried"
    if lost[0] == order.index[0]:
        again = [condition for condition, holds in order.items() if holds]
        return f"it does not hold, not even at t = {lost[0]}" + (f", but at t = {', '.join(again)}" if again else "")
    return f"it breaks at t = {lost[0]}"


def _identity(own: Finding, control: Finding | None) -> str:
    if not len(own.identity):
        return ""
    lost = _names(own.identity[~own.identity])
    kept = _names(own.identity[own.identity])
    said = f"An object stays more like itself than like its neighbours (Eq. 17: {EQ_17}) under {kept or 'no view'}"
    said += f", and no longer under {lost}" if lost else ", all that were tried"
    if control and len(control.identity):
        broken = _names(control.identity[~control.identity])
        said += f" (untrained, {f'no longer under {broken}' if broken else 'under all of them'})"
    return f"{said}."


def _names(views: pd.Series) -> str:
    return ", ".join(views.index)


def pair_up(models: dict[str, str], controls: dict[str, str]) -> list[tuple[str, str | None]]:
    """Return every pretrained model with its control, or nothing.

    Parameters
    ----------
    models
        By name: ``pretrained`` or ``random``.
    controls
        By name of a control: what it controls.
    """
    of = {controlled: control for control, controlled in controls.items()}
    found = [(name, of.get(name)) for name, weights in models.items() if weights == "pretrained"]
    return found or [(name, None) for name in models]


def overview(findings: dict[str, Finding], weights: dict[str, str]) -> plt.Figure:
    """Return how well classes are told apart, layer by layer and as noise grows, a line per model."""
    figures.style()
    kinds = [(name, of) for name, of in (("layer", "layers"), ("noise: timestep", "noise")) if _asked(findings, of)]
    figure, panels = plt.subplots(
        1, max(1, len(kinds)), figsize=(4.2 + 2.8 * len(kinds), 3.4), squeeze=False, sharey=True, layout="constrained"
    )
    for panel, (label, of) in zip(panels[0], kinds, strict=False):
        for name, finding in findings.items():
            values = getattr(finding, of)
            colour, line, marker = _LOOKS[weights[name]]
            panel.plot(np.arange(len(values)), values, line, color=colour, marker=marker, label=name)
            slanted = {"rotation": 40, "ha": "right"} if of == "layers" else {}
            panel.set_xticks(np.arange(len(values)), values.index, **slanted)
        panel.axhline(0.5, color="0.3", linewidth=0.8, linestyle=":")
        panel.annotate(
            "chance", (1, 0.5), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize="small"
        )
        panel.set_xlabel(label)
    panels[0, 0].set_ylabel("another class is farther than the same\n(share of comparisons between images)")
    panels[0, 0].yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    if len(findings) > 1:
        panels[0, 0].legend(frameon=True)
    figure.suptitle("Where are classes told apart?", fontsize="large")
    return figure


def _asked(findings: dict[str, Finding], of: str) -> bool:
    return any(len(getattr(finding, of)) for finding in findings.values())


def write(said: list[dict[str, Any]], out: str | Path) -> None:
    """Write the sentences, model by model, as JSON."""
    with whole(out) as file:
        file.write_text(json.dumps(said, indent=1, ensure_ascii=False), encoding="utf-8")
    for answer in said:
        log.info("%s: %s", answer["model"], " ".join(answer["sentences"]))
