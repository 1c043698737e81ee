"""Draw how far apart classes lie, and where their objects do."""

from semlens import figures, logs, maps

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        of, to = snakemake.params, snakemake.output
        means, planes = (figures.read(of.names, snakemake.input[kind]) for kind in ("maps", "planes"))
        figures.save(maps.heat_maps(means, title=of.title, axis=of.axis), png=to.map_png, pdf=to.map_pdf)
        figures.save(maps.planes(planes, title=of.title, axis=of.axis), png=to.plane_png, pdf=to.plane_pdf)
