"""Pairs of instances by distance set: {set: (i, j)}."""

import numpy as np
from semlens import relations
from semlens.relations import SETS, Relations


def sorted_out(rows, i, j):
    labels = Relations(rows).of(i, j)
    return {name: (i[labels == place], j[labels == place]) for place, name in enumerate(SETS)}


def among(rows):
    return sorted_out(rows, *np.triu_indices(len(rows), k=1))


def at_offset(rows, *arguments):
    return sorted_out(rows, *relations.at_offset(rows, *arguments))
