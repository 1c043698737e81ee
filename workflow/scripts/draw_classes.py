"""Draw the distances between classes, and their objects on two principal components."""

import matplotlib

from semlens.draw.class_maps import draw_class_distances, draw_pca
from semlens.draw.style import read_statistics, save_figure
from semlens.runtime.logs import log_job

matplotlib.use("Agg")

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
        names = [comparison["name"] for comparison in params.comparisons]
        for kind, draw in (("class_distances", draw_class_distances), ("pca", draw_pca)):
            figure = draw(read_statistics(names, inputs[kind]), title=params.title, axis=params.axis)
            save_figure(figure, png=outputs[f"{kind}_png"], pdf=outputs[f"{kind}_pdf"])
