"""Draw what the features of an experiment are good for, and set its table."""

from functools import partial

import matplotlib

from semlens.draw.style import read_statistics, save_figure
from semlens.draw.tables import format_table, save_table, tabulate_tasks
from semlens.draw.tasks import Measurement, draw_tasks
from semlens.runtime.logs import log_job

matplotlib.use("Agg")

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
        tables = read_statistics([comparison["name"] for comparison in params.comparisons], inputs.tasks)
        measurements = [
            Measurement(comparison["model"], comparison["dataset"], tables[comparison["name"]])
            for comparison in params.comparisons
        ]
        figure = draw_tasks(measurements, params.models, title=params.title, axis=params.axis)
        save_figure(figure, png=outputs.png, pdf=outputs.pdf)
        values = tabulate_tasks(tables)
        files = {form: outputs[form] for form in ("csv", "md", "tex", "html")}
        save_table(values, partial(format_table, values, params.axis), title=params.title, files=files)
