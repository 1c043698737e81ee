"""Draw some objects, and the objects of other images that are nearest to them."""

from pathlib import Path

import matplotlib

from semlens.draw.neighbours import choose_neighbours, draw_neighbours, load_crops
from semlens.draw.style import read_statistics, save_figure
from semlens.images.reading import find_image_folder
from semlens.runtime.logs import log_job

matplotlib.use("Agg")

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
        names = [comparison["name"] for comparison in params.comparisons]
        datasets = {comparison["name"]: comparison["dataset"] for comparison in params.comparisons}
        tables = choose_neighbours(read_statistics(names, inputs.neighbours))
        sources = {
            dataset: {
                "manifests": [path for path in inputs.manifests if Path(path).parent.name == dataset],
                "images": find_image_folder(images),
                "exif": params.exif[dataset],
            }
            for dataset, images in zip(params.exif, inputs.images, strict=True)
        }
        figure = draw_neighbours(
            tables, datasets, load_crops(tables, datasets, sources), title=params.title, axis=params.axis
        )
        save_figure(figure, png=outputs.png, pdf=outputs.pdf)
