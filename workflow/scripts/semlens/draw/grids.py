"""What an experiment along a grid of layers and timesteps measured, as heat maps."""

import pandas as pd

from semlens.draw.heat_maps import HeatMap, arrange_grid
from semlens.draw.separation import COMPARISON_TITLES
from semlens.draw.style import Statistics
from semlens.draw.tasks import KEYS, ROWS


def list_maps(separation: Statistics, tasks: Statistics) -> dict[str, dict[str, HeatMap]]:
    """Return what :func:`draw_heat_maps` draws of an experiment along a grid: separation, and the tasks' main measures.

    What has no value under any condition is left out.

    Parameters
    ----------
    tasks
        Empty where the experiment asks none.
    """
    found: dict[str, dict[str, HeatMap]] = {}
    for name, table in separation.items():
        by_comparison = split_conditions(table).groupby("comparison", sort=False)
        found[name] = {
            f"separation of {COMPARISON_TITLES[comparison]}": arrange_grid(rows, "separation")
            for comparison, rows in by_comparison
            if rows["separation"].notna().any()
        }
    for name, table in tasks.items():
        by_measure = dict(list(split_conditions(table).groupby(KEYS)))
        found[name] |= {
            title.replace("\n", " "): arrange_grid(by_measure[key], "value")
            for key, title in ROWS.items()
            if key in by_measure and by_measure[key]["value"].notna().any()
        }
    return found


def split_conditions(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of an experiment along a grid with ``layers`` and ``timestep`` of its conditions."""
    parts = table["condition"].str.extract(r"^(?P<layers>.+)@t(?P<timestep>\d+)$")
    return table.assign(layers=parts["layers"], timestep=parts["timestep"].astype(int))
