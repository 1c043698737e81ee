"""Statistics to figures and tables, as the paper draws and sets them."""

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd

from semlens.runtime.logs import log

matplotlib.use("Agg")


COLOURS = {"scsi": "#d62728", "scdi": "#1f77b4", "dcsi": "#2ca02c", "dcdi": "#f2c500", "sidi": "#9467bd"}


NAMES = {
    "scsi": "same class, same image",
    "scdi": "same class, different image",
    "dcsi": "different class, same image",
    "dcdi": "different class, different image",
    "sidi": "same instance, different image",
}


VERDICTS = {"holds": "✓ order as expected", "does not hold": "✗ order not as expected", "empty set": "a set is empty"}


Statistics = dict[str, pd.DataFrame]  # by dataset


def read_statistics(datasets: list[str], paths: list[str]) -> Statistics:
    """Return one kind of statistics by dataset; conditions are text."""
    return {dataset: pd.read_csv(path, dtype={"condition": str}) for dataset, path in zip(datasets, paths, strict=True)}


def format_heading(axis: str, condition: str) -> str:
    """Return a condition as it stands above its panel or column."""
    return {"timestep": f"t = {condition}", "offset": f"+{condition}"}.get(axis, condition.replace("_", " "))


def save_figure(figure: plt.Figure, *, png: str | Path, pdf: str | Path) -> None:
    """Write a figure for the screen and for print; nothing in the files depends on the day."""
    figure.savefig(png, dpi=160)
    figure.savefig(pdf, metadata={"CreationDate": None})
    plt.close(figure)
    log.info("figure: %s and %s", png, pdf)


def set_style() -> None:
    """Set the look that all figures share."""
    plt.style.use(["seaborn-v0_8-whitegrid", "seaborn-v0_8-paper", {"font.family": "DejaVu Sans"}])


def add_legend(figure: plt.Figure, sets: Statistics, title: str) -> None:
    pairs = pd.concat(sets.values()).groupby("set", sort=False)["n"].sum()
    handles = [
        plt.Rectangle((0, 0), 1, 1, facecolor=COLOURS[name], edgecolor="black", linewidth=0.5) for name in pairs.index
    ]
    labels = [f"{name}: {NAMES[name]}" + ("" if count else " (no pairs)") for name, count in pairs.items()]
    columns = len(labels) if figure.get_figwidth() > 9 else 2
    figure.legend(
        handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize="small", columnspacing=1
    )
    figure.suptitle(title, fontsize="large")
