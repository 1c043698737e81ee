"""From prototypes to distances: pairs, distance sets, metrics."""
