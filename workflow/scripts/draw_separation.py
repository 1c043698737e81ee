"""Draw the separation that an experiment measured, and set its table."""

from functools import partial

import matplotlib

from semlens.draw.separation import draw_separation
from semlens.draw.style import read_statistics, save_figure
from semlens.draw.tables import format_table, save_table, tabulate_separation
from semlens.runtime.logs import log_job
from semlens.statistics.comparisons import MIN_UNITS
from semlens.statistics.studies import read_comparisons

matplotlib.use("Agg")

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
        comparisons = read_comparisons(
            params.comparisons, separation=inputs.separation, order=inputs.order, influence=inputs.influence
        )
        figure = draw_separation(comparisons, params.models, title=params.title, seed=params.seed)
        save_figure(figure, png=outputs.png, pdf=outputs.pdf)
        names = [comparison["name"] for comparison in params.comparisons]
        values = tabulate_separation(read_statistics(names, inputs.separation))
        files = {form: outputs[form] for form in ("csv", "md", "tex", "html")}
        nothing = f"No class has objects to compare in {MIN_UNITS} images (videos)."
        save_table(values, partial(format_table, values, params.axis), title=params.title, files=files, nothing=nothing)
