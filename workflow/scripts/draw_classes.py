"""Draw how far apart classes lie, and where their objects do."""

from semlens.draw.class_maps import draw_class_distances, draw_pca
from semlens.draw.style import read_statistics, save_figure
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        of, to = snakemake.params, snakemake.output
        means, planes = (read_statistics(of.names, snakemake.input[kind]) for kind in ("maps", "planes"))
        save_figure(draw_class_distances(means, title=of.title, axis=of.axis), png=to.map_png, pdf=to.map_pdf)
        save_figure(draw_pca(planes, title=of.title, axis=of.axis), png=to.plane_png, pdf=to.plane_pdf)
