"""Draw which layers together separate classes best, and set the table of the best subsets."""

from functools import partial

import matplotlib

from semlens.draw.search import draw_search, read_searches
from semlens.draw.search_table import format_searches, tabulate_searches
from semlens.draw.style import save_figure
from semlens.draw.tables import save_table
from semlens.runtime.logs import log_job
from semlens.statistics.comparisons import MIN_UNITS

matplotlib.use("Agg")

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
        found = read_searches(params.runs, inputs.tables, inputs.summaries)
        figure = draw_search(found, params.models, title=params.title)
        save_figure(figure, png=outputs.png, pdf=outputs.pdf)
        values = tabulate_searches(found, [run["name"] for run in params.runs])
        files = {form: outputs[form] for form in ("csv", "md", "tex", "html")}
        nothing = f"No class has objects to compare in {MIN_UNITS} images (videos), or the metric is undefined."
        save_table(values, partial(format_searches, values), title=params.title, files=files, nothing=nothing)
