"""The answer of a run: where meaning lives, which distance shows it, what breaks it; in sentences and in one figure."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from semlens.runtime.files import write_atomically
from semlens.runtime.logs import log

EQ_16 = "scsi < scdi < dcsi < dcdi"


EQ_17 = "sidi < scsi < dcsi"


AXES = ("layers", "metric", "timestep", "view")


class Comparison(NamedTuple):
    """What an experiment found with a model on a dataset: ``pairs`` and ``trend``, indexed by condition.

    ``features`` is the feature set that was compared, unless these vary; ``settings`` are metric, timestep and view.
    """

    experiment: str
    model: str
    dataset: str
    axis: str
    features: str | None
    settings: tuple[Any, ...]
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
        """By condition, whether the sets stand in the order of Eq. 16; where that was asked and no set is empty."""
        told = self._told(EQ_16)
        return told["observed"] == told["expected"]

    def keeps_identity(self) -> pd.Series:
        """By condition, whether ``sidi`` is the lowest set, as in Eq. 17; where that was asked and no set is empty.

        The order of the other two does not depend on the view: they are those of the originals.
        """
        return self._told(EQ_17)["observed"].str.startswith("sidi ")

    def _told(self, order: str) -> pd.DataFrame:
        return self.trend[(self.trend["expected"] == order) & (self.trend["verdict"] != "empty set")]


def read_comparisons(
    described: Iterable[dict[str, Any]], pairs: Iterable[str | Path], trends: Iterable[str | Path]
) -> list[Comparison]:
    """Return studies from their statistics; each is described by all that a :class:`Study` has but these."""
    return [
        Comparison(**about, pairs=_by_condition(of_pairs), trend=_by_condition(trend))
        for about, of_pairs, trend in zip(described, pairs, trends, strict=True)
    ]


def _by_condition(path: str | Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"condition": str}).set_index("condition")


class Finding(NamedTuple):
    """What one model shows, and where (``at``: features, datasets) it was asked; nothing where no experiment asked."""

    layers: pd.Series  # separation by layer or sum of layers, mean over datasets
    layers_at: str
    order: pd.Series  # whether Eq. 16 holds at the best layer, by dataset
    metrics: pd.Series  # separation by metric
    metrics_at: str
    noise: pd.Series  # separation by timestep
    noise_order: pd.Series  # whether Eq. 16 holds on every dataset, by timestep
    noise_at: str
    identity: pd.Series  # whether sidi is lowest on every dataset, by view
    identity_at: str


def find_answers(studies: Sequence[Comparison], model: str) -> Finding:
    """Return what a model shows.

    Of experiments along features, those count that share metric, timestep and view with the first; of several along
    metrics, noise or views, the first.
    """
    of = {axis: [study for study in studies if (study.model, study.axis) == (model, axis)] for axis in AXES}
    layers = [study for study in of["layers"] if study.settings == of["layers"][0].settings]
    metrics, noise, views = (
        [study for study in of[axis] if study.experiment == of[axis][0].experiment]
        for axis in ("metric", "timestep", "view")
    )
    by_layer, in_order = _mean(layers), _by_dataset(layers, Comparison.holds)
    best = by_layer.idxmax() if len(by_layer) else None
    return Finding(
        layers=by_layer,
        layers_at=_at(layers),
        order=in_order.loc[best].dropna() if best in in_order.index else pd.Series(dtype=bool),
        metrics=_mean(metrics),
        metrics_at=_at(metrics),
        noise=_by_level(_mean(noise)),
        noise_order=_by_level(_everywhere(noise, Comparison.holds)),
        noise_at=_at(noise),
        identity=_everywhere(views, Comparison.keeps_identity),
        identity_at=_at(views),
    )


def _at(studies: Sequence[Comparison]) -> str:
    features = {study.features: None for study in studies if study.features}
    datasets = {study.dataset: None for study in studies}
    return f"{'at ' if features else ''}{', '.join(features)}{' ' if features else ''}on {' and '.join(datasets)}"


def _by_dataset(studies: Sequence[Comparison], what: Callable[[Comparison], pd.Series]) -> pd.DataFrame:
    """Conditions, in order of appearance, by datasets; of a condition of several experiments the first counts."""
    columns: dict[str, pd.Series] = {}
    for study in studies:
        found = what(study).dropna()
        columns[study.dataset] = columns[study.dataset].combine_first(found) if study.dataset in columns else found
    order = dict.fromkeys(condition for study in studies for condition in what(study).index)
    return pd.DataFrame(columns).reindex([name for name in order if any(name in known for known in columns.values())])


def _mean(studies: Sequence[Comparison]) -> pd.Series:
    """Separations, mean over datasets; only of conditions that all datasets have, if there are any."""
    found = _by_dataset(studies, Comparison.separations)
    complete = found.dropna()
    return (complete if len(complete) else found).mean(axis=1).astype(float)


def _everywhere(studies: Sequence[Comparison], what: Callable[[Comparison], pd.Series]) -> pd.Series:
    return _by_dataset(studies, what).dropna().all(axis=1).astype(bool)


def _by_level(values: pd.Series) -> pd.Series:
    return values.sort_index(key=lambda levels: levels.astype(int))


def write_sentences(own: Finding, control: Finding | None) -> list[str]:
    """Return the answer in up to three sentences: layer and distance, order and noise, transformations.

    Parameters
    ----------
    control
        What the same model shows without training, told in brackets.
    """
    said = [_where(own, control), _order(own, control), _identity(own, control)]
    return ["; ".join(parts)[:1].upper() + "; ".join(parts)[1:] + "." for parts in said if parts]


def _where(own: Finding, control: Finding | None) -> list[str]:
    parts = []
    if len(own.layers):
        best, number = own.layers.idxmax(), len(own.layers)
        untrained = f"; untrained, {control.layers[best]:.0%}" if control and best in control.layers else ""
        told = f"of {number} layers and sums of layers, {best} tells classes apart best {own.layers_at}: there"
        parts.append(
            f"{told if number > 1 else f'at {best} {own.layers_at}'}, an object of another class lies farther away "
            f"than one of the same class in {own.layers[best]:.0%} of the comparisons between images (chance is "
            f"50%{untrained})"
        )
    if len(own.metrics) > 1:
        best = own.metrics.idxmax()
        which = f"{best.replace('_', ' ')} distance tells them apart best {own.metrics_at} ({own.metrics[best]:.0%})"
        parts.append(f"of {len(own.metrics)} distances, {which}")
    return parts


def _order(own: Finding, control: Finding | None) -> list[str]:
    parts = []
    name = f"the order of preserved meaning (Eq. 16: {EQ_16})"
    if len(own.layers):
        parts.append(f"{name} {_verdict(own.order)} there")
        if control and len(control.layers):
            parts[0] += f" (untrained, at {control.layers.idxmax()}, it {_verdict(control.order)})"
    if len(own.noise_order):
        untrained = f" (untrained, it {_broken(control.noise_order)})" if control and len(control.noise_order) else ""
        parts.append(f"with noise, {own.noise_at}, {'it' if parts else name} {_broken(own.noise_order)}{untrained}")
    return parts


def _verdict(order: pd.Series) -> str:
    if not len(order):
        return "cannot be told"
    if order.all():
        return "holds"
    kept = [dataset for dataset, holds in order.items() if holds]
    return f"holds on {', '.join(kept)} only" if kept else "does not hold"


def _broken(order: pd.Series) -> str:
    lost = [condition for condition, holds in order.items() if not holds]
    if not lost:
        return f"holds up to t = {order.index[-1]}, the most that was tried"
    again = [condition for condition, holds in order.loc[lost[0] :].items() if holds]
    but = f", but holds at t = {', '.join(again)}" if again else ""
    if lost[0] == order.index[0]:
        return f"does not hold, not even at t = {lost[0]}{but}"
    return f"breaks at t = {lost[0]}{but}"


def _identity(own: Finding, control: Finding | None) -> list[str]:
    if not len(own.identity):
        return []
    kept, lost = _names(own.identity), _names(~own.identity)
    said = (
        f"{own.identity_at}, an object stays nearer to itself than objects are to each other (sidi is lowest, Eq. 17)"
    )
    said += f" under {kept or 'no view'}" + (f", and no longer under {lost}" if lost else ", all that were tried")
    if control and len(control.identity):
        broken = _names(~control.identity)
        said += f" (untrained, {f'no longer under {broken}' if broken else 'under all of them'})"
    return [said]


def _names(views: pd.Series) -> str:
    return ", ".join(views.index[views])


def pair_models(models: dict[str, str], controls: dict[str, str]) -> list[tuple[str, str | None]]:
    """Return every pretrained model with its control, if it has one; then what is neither.

    Parameters
    ----------
    models
        By name: ``pretrained`` or ``random``.
    controls
        By name of a control: what it controls.
    """
    of = {controlled: control for control, controlled in controls.items()}
    pairs = [(name, of.get(name)) for name, weights in models.items() if weights == "pretrained"]
    paired = {name for pair in pairs for name in pair}
    return pairs + [(name, None) for name in models if name not in paired]


def write_findings(said: list[dict[str, Any]], out: str | Path) -> None:
    """Write the sentences, model by model, as JSON."""
    with write_atomically(out) as file:
        file.write_text(json.dumps(said, indent=1, ensure_ascii=False), encoding="utf-8")
    for answer in said:
        log.info("%s: %s", answer["model"], " ".join(answer["sentences"]))
