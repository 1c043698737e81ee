"""What figures and tables share: colours, words, the look, and how statistics are read and figures saved."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd

from semlens.config.axes import AXES
from semlens.runtime.files import write_atomically
from semlens.runtime.logs import log
from semlens.storage.csv_tables import read_csv

# Of each set. The first are of Okabe and Ito (2008), which colour-blind readers tell apart.
PALETTES = {
    "okabe_ito": {"scsi": "#d55e00", "scdi": "#56b4e9", "dcsi": "#009e73", "dcdi": "#f0e442", "sidi": "#cc79a7"},
    "paper": {"scsi": "#d62728", "scdi": "#1f77b4", "dcsi": "#2ca02c", "dcdi": "#f2c500", "sidi": "#9467bd"},
}
PALETTE = "okabe_ito"  # of a configuration that names none
SET_NAMES = {
    "scsi": "same class, same image",
    "scdi": "same class, different image",
    "dcsi": "different class, same image",
    "dcdi": "different class, different image",
    "sidi": "same instance, different image",
}
Statistics = dict[str, pd.DataFrame]  # one table per comparison, by the name that figures give it

_LETTER, _HANDLE = 0.058, 0.45  # widths in inches of a letter of the legend, and of what stands before a label

_STYLE = ["seaborn-v0_8-whitegrid", "seaborn-v0_8-paper", {"font.family": "DejaVu Sans", "text.parse_math": False}]


@contextmanager
def apply_style() -> Iterator[None]:
    """Decorate a function that draws, or saves: the number of ticks depends on the style when a figure is rendered.

    Elsewhere, such as in a notebook, matplotlib's settings stay as they are. A notebook's first figure makes figures
    show themselves; that stays too, if it is one of ours.
    """
    with plt.style.context(_STYLE):
        yield
        interactive = plt.isinteractive()
    matplotlib.interactive(interactive)


def read_statistics(names: list[str], paths: list[str]) -> Statistics:
    """Return one kind of statistics by the name of the comparison; conditions are text."""
    return {name: read_csv(path) for name, path in zip(names, paths, strict=True)}


def format_condition(axis: str, condition: str) -> str:
    """Return a condition as it stands above its panel or column."""
    return AXES[axis].format_heading(condition)


def format_distance(metric: str) -> str:
    """Return what an axis of distances shows; metrics that differ from panel to panel have no name there."""
    return f"{metric} distance".strip()


@apply_style()
def save_figure(figure: plt.Figure, *, png: str | Path, pdf: str | Path) -> None:
    """Write a figure for the screen and for print, and close it; nothing in the files depends on the day."""
    with write_atomically(png) as file:
        figure.savefig(file, format="png", dpi=160)
    with write_atomically(pdf) as file:
        figure.savefig(file, format="pdf", metadata={"CreationDate": None})
    plt.close(figure)
    log.info("figure: %s and %s", png, pdf)


def add_legend(figure: plt.Figure, sets: Statistics, title: str, palette: str) -> None:
    """Add the figure's title, and a legend of the distance sets below, which names sets without pairs."""
    counts = pd.concat(sets.values()).groupby("set", sort=False)["n"].sum()
    handles = [
        plt.Rectangle((0, 0), 1, 1, facecolor=PALETTES[palette][name], edgecolor="black", linewidth=0.5)
        for name in counts.index
    ]
    labels = [f"{name}: {SET_NAMES[name]}" + ("" if count else " (no pairs)") for name, count in counts.items()]
    column = max(map(len, labels)) * _LETTER + _HANDLE
    columns = min(len(labels), max(1, int(figure.get_figwidth() / column)))
    figure.legend(
        handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize="small", columnspacing=1
    )
    figure.suptitle(title, fontsize="large")
