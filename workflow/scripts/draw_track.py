"""Draw one object of a video, followed through later frames."""

from functools import partial

from semlens.draw.style import save_figure
from semlens.draw.tables import save_table
from semlens.draw.tracks import draw_track, format_track_table, load_track, tabulate_track
from semlens.images.reading import find_image_folder
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        of, to = snakemake.params, snakemake.output
        people = {
            model: load_track(distances, snakemake.input.manifests, of.reference)
            for model, distances in zip(of.models, snakemake.input.distances, strict=True)
        }
        save_figure(
            draw_track(people, find_image_folder(snakemake.input.pictures[0]), title=of.title), png=to.png, pdf=to.pdf
        )
        files = {form: to[form] for form in ("csv", "md", "tex", "html")}
        distances = tabulate_track(people)
        save_table(distances, partial(format_track_table, distances), title=of.title, **files)
