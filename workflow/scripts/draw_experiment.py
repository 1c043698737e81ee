"""Draw an experiment's figure and set its tables."""

from functools import partial

import matplotlib

from semlens.draw.boxes import draw_boxes
from semlens.draw.curves import draw_curves
from semlens.draw.style import read_statistics, save_figure
from semlens.draw.tables import describe_sampling, format_table, save_table, tabulate_means, tabulate_tests
from semlens.runtime.logs import log_job

matplotlib.use("Agg")

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
        names = [comparison["name"] for comparison in params.comparisons]
        sets, tests, order = (read_statistics(names, inputs[kind]) for kind in ("sets", "tests", "order"))
        title = params.title + describe_sampling(sets)
        look = {"title": title, "axis": params.axis, "metric": params.metric, "palette": params.palette}
        figure = draw_curves(sets, **look) if params.kind == "curves" else draw_boxes(sets, order, **look)
        save_figure(figure, png=outputs.png, pdf=outputs.pdf)
        for kind, values in (("sets", tabulate_means(sets)), ("tests", tabulate_tests(tests, dunn=params.dunn))):
            files = {form: outputs[f"{kind}_{form}"] for form in ("csv", "md", "tex", "html")}
            save_table(values, partial(format_table, values, params.axis), title=title, files=files)
