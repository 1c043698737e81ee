"""What each choice moves: its share of the variance between specifications, without what chance adds, and its spread.

A share is that of an analysis of variance with main effects. All specifications were measured on the same images. So
an error that they have in common moves none against another, and is in no share.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from semlens.statistics.intervals import LEVEL, Estimates, compute_bands

INTERACTIONS = "interactions"
_TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
_ANGLES = np.linspace(0, np.pi / 2, 46)  # the shares that are tried are the squares of their sines


class Share(NamedTuple):
    """A share of the variance with its 95 % interval; NaN where it is not known."""

    share: float
    low: float
    high: float


class Split(NamedTuple):
    """How differences between specifications fall into a part and the rest.

    Attributes
    ----------
    basis
        (specifications, rank) Orthonormal, and orthogonal to the constant.
    is_rest
        Whether the part is what the basis does not span.
    """

    basis: np.ndarray
    is_rest: bool = False


def tabulate_choices(
    design: Mapping[str, Sequence[str]], estimates: Estimates, seed: int
) -> list[dict[str, float | str | None]]:
    """Return a row of ``CHOICES_TABLE`` for each choice and for interactions, without model, dataset and outcome.

    Parameters
    ----------
    design
        By choice, the value in every specification.
    estimates
        Of the specifications. Those without a value, or without a standard error, are left out.
    """
    known = np.flatnonzero(~np.isnan(estimates.se))
    kept = {key: np.array(column, object)[known] for key, column in design.items()}
    parts = (getattr(estimates, key)[known] for key in ("values", "influence", "n_units"))
    measured = Estimates([estimates.names[place] for place in known], *parts)
    shares = measure_shares(kept, measured, seed)
    spreads = measure_spreads(kept, measured, seed) if len(known) else {}
    unknown = Share(np.nan, np.nan, np.nan)
    return [
        {"choice": key, "n_values": len(set(design.get(key, ())))}
        | shares.get(key, unknown)._asdict()
        | spreads.get(key, {})
        for key in chain(design, [INTERACTIONS])
    ]


def measure_shares(design: Mapping[str, np.ndarray], estimates: Estimates, seed: int) -> dict[str, Share]:
    """Return the shares of all choices and of interactions that are known.

    Main effects are those after all others (type II). In a balanced design, shares add up to 1. None is known where
    specifications differ by no more than 95 % of draws of chance do; that of a choice is not where its values cannot be
    told from those of others, and that of interactions where there are too few specifications.

    From a sum of squares theta' P theta, its expectation under chance is taken away: the trace of P V, where V is the
    covariance of the values, I / (I - 1) times the sum over units of psi psi'. For the interval see :func:`invert`.

    Parameters
    ----------
    design
        By choice, the value in every specification.
    estimates
        Of the specifications, all with a standard error.
    """
    n = len(estimates.values)
    if n < 2:
        return {}
    values, n_units = estimates.values - estimates.values.mean(), estimates.n_units.min()
    total = values @ values
    errors = (estimates.influence - estimates.influence.mean(axis=0)) * np.sqrt(n_units / (n_units - 1))
    splits = dict(list_splits(design, n))
    drawn_total, drawn = _draw(values, [split.basis for split in splits.values()], estimates, seed)
    rounding = np.finfo(float).eps * (estimates.values @ estimates.values)
    if total <= np.quantile(drawn_total, LEVEL) + rounding:
        return {}
    scale = total - np.sum(errors**2)  # without what chance adds
    found = {key: Share(0.0, 0.0, 0.0) for key, column in design.items() if len(set(column)) == 1}
    for (key, split), sides in zip(splits.items(), drawn, strict=True):
        inside, chance = (np.sum((split.basis.T @ x) ** 2) for x in (values, errors))
        own, of_chance = (total - inside, np.sum(errors**2) - chance) if split.is_rest else (inside, chance)
        share = float(np.clip((own - of_chance) / scale, 0, 1))
        low, high = invert(own / total, scale, *(sides[::-1] if split.is_rest else sides))
        found[key] = Share(share, min(low, share), max(high, share))
    return found


def list_splits(design: Mapping[str, np.ndarray], n: int) -> Iterator[tuple[str, Split]]:
    """Yield choices that can be told from all others, and interactions if there may be any.

    Parameters
    ----------
    n
        Number of specifications.
    """
    dummies = (pd.get_dummies(pd.Series(column)).to_numpy(float) for column in design.values())
    centred = {
        key: columns - columns.mean(axis=0)
        for key, columns in zip(design, dummies, strict=True)
        if columns.shape[1] > 1
    }
    for key, columns in centred.items():
        others = _span([other for name, other in centred.items() if name != key], n)
        basis = _span([columns - others @ (others.T @ columns)], n)
        if basis.shape[1] == columns.shape[1] - 1:
            yield key, Split(basis)
    main = _span(list(centred.values()), n)
    if main.shape[1] < n - 1:
        yield INTERACTIONS, Split(main, is_rest=True)


def invert(observed: float, scale: float, own: np.ndarray, rest: np.ndarray) -> tuple[float, float]:
    """Return the least and the largest share under which an observed one is in the middle 95 % of draws.

    A true share r of a variance of squared length s is the observed effect, scaled to the squared length r s, beside
    the observed rest, scaled to (1 - r) s. To both, draws of chance are added, and the share is taken again.

    Parameters
    ----------
    observed
        Sum of squares over the total one, with what chance adds.
    scale
        s, the total sum of squares without what chance adds.
    own, rest
        (2, draws) Of the choice, and of all else: the sum of squares of the drawn errors, and their length along what
        was observed.
    """
    quantiles = np.empty((2, len(_ANGLES)))
    for place, angle in enumerate(_ANGLES):
        lengths = np.sqrt(scale) * np.array([np.sin(angle), np.cos(angle)])
        of_own, of_rest = (
            length**2 + 2 * length * along + squares
            for length, (squares, along) in zip(lengths, (own, rest), strict=True)
        )
        quantiles[:, place] = np.quantile(of_own / (of_own + of_rest), _TAILS)
    angles = np.arcsin(np.sqrt(np.clip(np.maximum.accumulate(quantiles, axis=1), 0, 1)))
    wanted = np.arcsin(np.sqrt(np.clip(observed, 0, 1)))
    low, high = (np.sin(np.interp(wanted, angles[tail], _ANGLES)) ** 2 for tail in (1, 0))
    return float(low), float(high)


def _draw(
    values: np.ndarray, bases: Sequence[np.ndarray], estimates: Estimates, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return what draws of errors are, all in all, within bases and outside them.

    Parameters
    ----------
    values
        (specifications,), centred.

    Returns
    -------
    ndarray, ndarray
        (draws,) sums of squares; and (bases, 2, 2, draws): within a basis and outside it, the sum of squares and the
        length along the observed values.
    """
    within = [basis @ (basis.T @ values) for basis in bases]
    totals, chunks = [], []
    for drawn in estimates.draw_errors(seed, np.arange(len(values))):
        errors = drawn - drawn.mean(axis=1, keepdims=True)
        total, sides = np.sum(errors**2, axis=1), np.empty((len(bases), 2, 2, len(errors)))
        for side, basis, inside in zip(sides, bases, within, strict=True):
            squares = np.sum((errors @ basis) ** 2, axis=1)
            side[0] = squares, errors @ _normalise(inside)
            side[1] = total - squares, errors @ _normalise(values - inside)
        totals.append(total)
        chunks.append(sides)
    return np.concatenate(totals), np.concatenate(chunks, axis=-1)


def _span(columns: list[np.ndarray], n: int) -> np.ndarray:
    """Return an orthonormal basis of what some columns span, (n, rank)."""
    left, singular, _ = np.linalg.svd(np.hstack([np.zeros((n, 1)), *columns]), full_matrices=False)
    return left[:, singular > 1e-8 * np.sqrt(n)]


def _normalise(x: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(x)
    return x / length if length > 0 else x


def measure_spreads(
    design: Mapping[str, np.ndarray], estimates: Estimates, seed: int
) -> dict[str, dict[str, float | str]]:
    """Return the largest less the smallest mean over the specifications of one value, for every choice.

    Means are paired by unit. Which is largest is not known beforehand, so that intervals are those that hold for all
    pairs of a choice's values at once. Parameters are those of :func:`measure_shares`.
    """
    means = {key: _average(column, estimates) for key, column in design.items()}
    rows, differences = {}, []
    for key, one in means.items():
        order = np.argsort(-one.values, kind="stable")
        differences.append(one.subtract(list(dict.fromkeys([(order[0], order[-1]), *combinations(order, 2)]))))
        rows[key] = {"highest": one.names[order[0]], "lowest": one.names[order[-1]]}
    for row, one, band in zip(rows.values(), differences, compute_bands(differences, seed), strict=True):
        row |= {"spread": one.values[0], "spread_low": band[0, 0], "spread_high": band[1, 0]}
    return rows


def _average(column: np.ndarray, estimates: Estimates) -> Estimates:
    """Return the mean over the specifications of each value of a choice."""
    chosen = {name: column == name for name in column}
    return Estimates(
        list(chosen),
        np.array([estimates.values[one].mean() for one in chosen.values()]),
        np.stack([estimates.influence[one].mean(axis=0) for one in chosen.values()]),
        np.array([estimates.n_units[one].min() for one in chosen.values()]),
    )
