"""Draw separation, and what features are good for, of each layer at each timestep."""

import matplotlib

from semlens.draw.grids import list_maps
from semlens.draw.heat_maps import draw_heat_maps
from semlens.draw.style import read_statistics, save_figure
from semlens.runtime.logs import log_job

matplotlib.use("Agg")

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
        names = [comparison["name"] for comparison in params.comparisons]
        separation = read_statistics(names, inputs.separation)
        tasks = read_statistics(names, inputs.tasks) if inputs.tasks else {}
        figure = draw_heat_maps(list_maps(separation, tasks), title=params.title)
        save_figure(figure, png=outputs.png, pdf=outputs.pdf)
