"""Draw how far the features of models carry masks, and set its table."""

from functools import partial

import matplotlib

from semlens.draw.propagation import draw_propagation, format_propagation, read_propagated, tabulate_propagation
from semlens.draw.style import save_figure
from semlens.draw.tables import save_table
from semlens.runtime.logs import log_job

matplotlib.use("Agg")

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, outputs = snakemake.params, snakemake.output
        runs = read_propagated(params.runs, snakemake.input.tables)
        figure = draw_propagation(runs, params.models, title=params.title)
        save_figure(figure, png=outputs.png, pdf=outputs.pdf)
        values = tabulate_propagation(runs)
        files = {form: outputs[form] for form in ("csv", "md", "tex", "html")}
        save_table(values, partial(format_propagation, values), title=params.title, files=files)
