"""Draw some objects and their nearest ones of other images, and pairs that lie where none should."""

import matplotlib

from semlens.draw.neighbours import choose_neighbours, draw_neighbours
from semlens.draw.object_crops import load_crops
from semlens.draw.pairs import choose_pairs, draw_pairs
from semlens.draw.style import read_statistics, save_figure
from semlens.images.crops import list_sources
from semlens.runtime.logs import log_job

matplotlib.use("Agg")

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
        names = [comparison["name"] for comparison in params.comparisons]
        datasets = {comparison["name"]: comparison["dataset"] for comparison in params.comparisons}
        sources = list_sources(inputs.manifests, inputs.images, params.exif)
        for kind, choose, draw in (
            ("neighbours", choose_neighbours, draw_neighbours),
            ("pairs", choose_pairs, draw_pairs),
        ):
            tables = choose(read_statistics(names, inputs[kind]))
            crops = load_crops(tables, datasets, sources)
            figure = draw(tables, datasets, crops, title=params.title, axis=params.axis)
            save_figure(figure, png=outputs[f"{kind}_png"], pdf=outputs[f"{kind}_pdf"])
