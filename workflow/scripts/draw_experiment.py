"""Draw an experiment's figure and set its table."""

from functools import partial

from semlens import figures, logs

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        of, to = snakemake.params, snakemake.output
        sets, pairs, trend = (figures.read(of.names, snakemake.input[kind]) for kind in ("sets", "pairs", "trend"))
        title = of.title + figures.sampled(sets)
        if of.axis == "offset":
            figure = figures.curves(sets, title=title, axis=of.axis)
        else:
            figure = figures.boxes(sets, trend, title=title, axis=of.axis)
        figures.save(figure, png=to.png, pdf=to.pdf)
        for kind, values in (("sets", figures.moments(sets)), ("pairs", figures.tests(pairs, dunn=of.dunn))):
            files = {form: to[f"{kind}_{form}"] for form in ("csv", "md", "tex", "html")}
            figures.save_table(values, partial(figures.as_printed, values, of.axis), title=title, **files)
