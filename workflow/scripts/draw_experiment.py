"""Draw an experiment's figure and set its table."""

from functools import partial

from semlens.draw.boxes import draw_boxes
from semlens.draw.curves import draw_curves
from semlens.draw.style import read_statistics, save_figure
from semlens.draw.tables import describe_sampling, format_table, save_table, tabulate_means, tabulate_tests
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        of, to = snakemake.params, snakemake.output
        sets, pairs, trend = (read_statistics(of.names, snakemake.input[kind]) for kind in ("sets", "tests", "order"))
        title = of.title + describe_sampling(sets)
        if of.axis == "offset":
            figure = draw_curves(sets, title=title, axis=of.axis)
        else:
            figure = draw_boxes(sets, trend, title=title, axis=of.axis)
        save_figure(figure, png=to.png, pdf=to.pdf)
        for kind, values in (("sets", tabulate_means(sets)), ("tests", tabulate_tests(pairs, dunn=of.dunn))):
            files = {form: to[f"{kind}_{form}"] for form in ("csv", "md", "tex", "html")}
            save_table(values, partial(format_table, values, of.axis), title=title, **files)
