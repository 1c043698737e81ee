"""Write docs/gallery.md and its images, from a finished demo: make gallery.

The page alone, from captions as they are now, is part of make docs.
"""

import argparse
import textwrap
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from semlens.compare.metrics import list_metrics
from semlens.config.load import load_configuration
from semlens.draw.kinds import list_report_parts

ROOT = Path(__file__).parents[1]
PAGE, IMAGES = ROOT / "docs" / "gallery.md", ROOT / "docs" / "gallery"
# By kind of figure: the experiment or other study that shows it, and a heading where the report has none.
SHOWN = {
    "separation": ("layers", ""),
    "artefacts": ("layers", ""),
    "heat_maps": ("layers-and-noise", "Layers and timesteps at once"),
    "tasks": ("layers", ""),
    "specification_curve": ("choices", "One question under all choices"),
    "boxes": ("distance-measures", "Distance sets"),
    "class_distances": ("encoder-decoder", ""),
    "pca": ("encoder-decoder", ""),
    "neighbours": ("single-layer", ""),
    "pairs": ("single-layer", ""),
    "tokens": ("layers", ""),
    "best_subsets": ("together", "Layers together"),
    "objects": ("resolution", ""),
    "agreement_maps": ("unet-vit", "Agreement of representations"),
    "curves": ("video", "Distances in later frames"),
    "track": ("video-example", "One object in later frames"),
    "propagation_scores": ("masks", "Masks carried through a video"),
    "propagation_frames": ("masks", ""),
}
INTRODUCTION = """\
# Gallery

Figures of the demo, with their captions in the report. The demo's images are drawn, and its model is small: the
figures show what semlens draws, and say nothing about Stable Diffusion. A run writes each as PNG and PDF into
`results/figures/`. A notebook draws those of experiments again: `open_run("results").plot(experiment, kind)`.

This page is generated from captions and a finished demo (`make gallery`).
"""
SIZE, QUALITY = (1300, 1800), 56
LINE = 132


def list_figures() -> list[dict[str, Any]]:
    """Return the figures that are shown: records as of the report, with the question of their experiment."""
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    load_configuration(config, ROOT, list_metrics())
    parts = {(part["kind"], part["name"]): part for part in list_report_parts(config)}
    figures = []
    for kind, (name, heading) in SHOWN.items():
        part = parts[kind, name]
        figures.append({**part, "title": heading or part["title"]})
    return figures


def render_page() -> str:
    """Return the page."""
    sections = [INTRODUCTION]
    for figure in list_figures():
        alt = f"{figure['title']}: {figure['question']}"
        sections.append(
            f"## {figure['title']}\n\n{figure['question']} (`{figure['name']}`, kind `{figure['kind']}`)\n\n"
            f"![{alt}](gallery/{figure['kind']}.webp)\n\n"
            f"{textwrap.fill(figure['caption'], LINE, break_on_hyphens=False, break_long_words=False)}\n"
        )
    return "\n".join(sections)


def write_images(results: Path) -> None:
    """Write the images of the page, smaller than a run makes them."""
    IMAGES.mkdir(exist_ok=True)
    for figure in list_figures():
        with Image.open(results / figure["file"]) as image:
            pixels = image.convert("RGB")
        pixels.thumbnail(SIZE)
        pixels.save(IMAGES / f"{figure['kind']}.webp", quality=QUALITY, method=6)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, help="of a finished demo; without it, only the page is written")
    arguments = parser.parse_args()
    if arguments.results:
        write_images(arguments.results)
    PAGE.write_text(render_page(), encoding="utf-8")
