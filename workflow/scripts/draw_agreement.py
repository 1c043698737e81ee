"""Draw how alike the representations of an agreement are, and set the table of what agrees most."""

from functools import partial

import matplotlib

from semlens.draw.agreement import draw_agreement, format_agreement, tabulate_agreement
from semlens.draw.style import read_statistics, save_figure
from semlens.draw.tables import save_table
from semlens.runtime.logs import log_job

matplotlib.use("Agg")

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, outputs = snakemake.params, snakemake.output
        agreement = read_statistics(params.datasets, snakemake.input.agreement)
        figure = draw_agreement(agreement, params.representations, title=params.title)
        save_figure(figure, png=outputs.png, pdf=outputs.pdf)
        values = tabulate_agreement(agreement)
        files = {form: outputs[form] for form in ("csv", "md", "tex", "html")}
        save_table(values, partial(format_agreement, values), title=params.title, files=files)
