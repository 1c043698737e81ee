"""Pairs of instances by distance set: {set: (i, j)}."""

import numpy as np

from semlens.compare.pairs import SETS, DistanceSets, pair_at_offset


def sorted_out(rows, i, j):
    labels = DistanceSets(rows).label(i, j)
    return {name: (i[labels == place], j[labels == place]) for place, name in enumerate(SETS)}


def among(rows):
    return sorted_out(rows, *np.triu_indices(len(rows), k=1))


def at_offset(rows, *arguments):
    return sorted_out(rows, *pair_at_offset(rows, *arguments))
