"""Prototypes in the plane of their principal components."""

import numpy as np
import pandas as pd
from scipy.sparse.linalg import svds

from semlens.compare.metrics import load_metric


def project_pca(rows: pd.DataFrame, vectors: np.ndarray, metric: str) -> pd.DataFrame:
    """Return the coordinates of every object on the first two principal components of the normalized vectors.

    Normalized as the metric does: for cosine x / |x|, for correlation (x - mean(x)) / |x - mean(x)|. The sign of a
    component makes its largest weight positive. ``explained`` is the share of the variance that both components have.

    Returns
    -------
    DataFrame
        With ``instance_id``, ``class_name``, ``x``, ``y`` and ``explained``.
    """
    x = load_metric(metric).normalize(vectors)
    x -= x.mean(axis=0)
    coordinates, variance = np.zeros((len(rows), 2)), np.vdot(x, x)
    components = min(2, min(x.shape) - 1)
    if components and variance:
        left, singular, weights = svds(x, k=components, rng=np.random.default_rng(0))
        signs = np.sign(np.take_along_axis(weights, np.abs(weights).argmax(axis=1)[:, None], axis=1))[:, 0]
        coordinates[:, :components] = (left * singular * signs)[:, ::-1]  # largest first
    return pd.DataFrame(
        {
            "instance_id": rows["instance_id"].to_numpy(),
            "class_name": rows["class_name"].to_numpy(),
            "x": coordinates[:, 0],
            "y": coordinates[:, 1],
            "explained": np.vdot(coordinates, coordinates) / variance if variance else 0.0,
        }
    )
