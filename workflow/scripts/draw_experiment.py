"""Draw an experiment's figure and set its table."""

from semlens import figures, logs

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        of, to = snakemake.params, snakemake.output
        sets, pairs, trend = (figures.read(of.datasets, snakemake.input[kind]) for kind in ("sets", "pairs", "trend"))
        if of.axis == "offset":
            figure = figures.curves(sets, title=of.title, axis=of.axis)
        else:
            figure = figures.boxes(sets, trend, title=of.title, axis=of.axis)
        figures.save(figure, png=to.png, pdf=to.pdf)
        figures.save_table(figures.table(pairs), title=of.title, csv=to.csv, md=to.md, tex=to.tex, html=to.html)
