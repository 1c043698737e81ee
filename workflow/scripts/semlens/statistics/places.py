"""How large objects are and where they lie in their images, and prototypes from which that was taken away."""

from collections.abc import Iterable, Sequence
from itertools import combinations_with_replacement
from math import comb
from pathlib import Path

import numpy as np
import pandas as pd

from semlens.storage.table_reader import read_table

COVARIATES = {"area": ["log_area"], "position": ["x", "y"]}  # by what separation may be given
UNITS_PER_TERM = 5  # images (videos) that a polynomial needs for each of its terms
_MAX_DEGREE = 3
_COLUMNS = ["instance_id", "width", "height", "area_fraction", "bbox_x", "bbox_y", "bbox_w", "bbox_h"]


def read_places(manifests: Iterable[str | Path]) -> pd.DataFrame:
    """Return ``x`` and ``y`` of the middle of each object's box, as shares of its image, and ``log_area``, by its id.

    ``log_area`` is the logarithm of the visible pixels as a share of the image's.
    """
    table = pd.concat([read_table(path, _COLUMNS) for path in manifests]).set_index("instance_id")
    return pd.DataFrame(
        {
            "x": (table["bbox_x"] + table["bbox_w"] / 2) / table["width"],
            "y": (table["bbox_y"] + table["bbox_h"] / 2) / table["height"],
            "log_area": np.log(table["area_fraction"]),
        }
    )


def take_away(vectors: np.ndarray, covariates: np.ndarray, n_units: int) -> np.ndarray:
    """Return prototypes less what covariates predict of them: of their values, and of how widely these spread.

    Each channel is less its regression on polynomials of the covariates, plus its mean. What is left of a prototype is
    divided by its expected length, from the regression of the logarithm of its square on the same polynomials: else
    the noise of small objects would still tell them from large ones. Classes have no part in it, so that permuting
    them stays fair; what a class shares with its usual size and place is taken away too.

    Parameters
    ----------
    vectors
        (n, dimensions).
    covariates
        (n, covariates).
    n_units
        How many images (videos) the objects are in. Polynomials are of degree 3 at most, and have no more than one term
        for ``UNITS_PER_TERM`` of them.

    Raises
    ------
    ValueError
        If there are too few for a polynomial of degree 1.
    """
    basis = span_polynomials(covariates, choose_degree(covariates.shape[1], n_units))
    values = vectors.astype(np.float64)
    left = values - _predict(basis, values)
    squares = np.sum(left**2, axis=1)
    logs = np.log(np.maximum(squares, 1e-12 * max(squares.mean(), 1e-300)))
    expected = _predict(basis, logs)
    return (left * np.exp((expected.mean() - expected) / 2)[:, None] + values.mean(axis=0)).astype(np.float32)


def choose_degree(n_covariates: int, n_units: int) -> int:
    """Return the degree of the polynomials; errors are those of :func:`take_away`."""
    for degree in range(_MAX_DEGREE, 0, -1):
        if n_units >= UNITS_PER_TERM * comb(n_covariates + degree, degree):
            return degree
    raise ValueError(
        f"'given' needs objects in at least {UNITS_PER_TERM * (n_covariates + 1)} images (videos); there are {n_units}"
    )


def span_polynomials(covariates: np.ndarray, degree: int) -> np.ndarray:
    """Return an orthonormal basis of the polynomials of some covariates, (n, terms that differ)."""
    spread = covariates.std(axis=0)
    scaled = (covariates - covariates.mean(axis=0)) / np.where(spread > 0, spread, 1)
    terms = [
        np.prod(scaled[:, list(chosen)], axis=1)
        for order in range(degree + 1)
        for chosen in combinations_with_replacement(range(scaled.shape[1]), order)
    ]
    left, sizes, _ = np.linalg.svd(np.stack(terms, axis=1), full_matrices=False)
    return left[:, sizes > 1e-10 * sizes[0]]


def gather_covariates(places: pd.DataFrame, instances: Iterable[str], given: Sequence[str]) -> np.ndarray:
    """Return what separation is given, of some instances, (instances, covariates).

    Parameters
    ----------
    places
        See :func:`read_places`.
    given
        Keys of ``COVARIATES``.
    """
    return places.loc[list(instances), [name for key in given for name in COVARIATES[key]]].to_numpy()


def _predict(basis: np.ndarray, values: np.ndarray) -> np.ndarray:
    return basis @ (basis.T @ values)
