"""Draw the separation of each layer at each timestep."""

import matplotlib

from semlens.draw.heat_maps import draw_heat_maps, list_maps
from semlens.draw.style import read_statistics, save_figure
from semlens.runtime.logs import log_job

matplotlib.use("Agg")

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
        names = [comparison["name"] for comparison in params.comparisons]
        figure = draw_heat_maps(list_maps(read_statistics(names, inputs.separation)), title=params.title)
        save_figure(figure, png=outputs.png, pdf=outputs.pdf)
