"""Distance metrics, one file per metric, found by its name."""
