"""Draw one object of a video, tracked through later frames."""

from functools import partial

import matplotlib

from semlens.draw.style import save_figure
from semlens.draw.tables import save_table
from semlens.draw.tracks import draw_track, format_track_table, load_track, tabulate_track
from semlens.images.reading import find_image_folder
from semlens.runtime.logs import log_job

matplotlib.use("Agg")

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
        tracks = {
            comparison["model"]: load_track(distances, inputs.manifests, params.reference)
            for comparison, distances in zip(params.comparisons, inputs.distances, strict=True)
        }
        figure = draw_track(tracks, find_image_folder(inputs.images[0]), title=params.title, exif=params.exif)
        save_figure(figure, png=outputs.png, pdf=outputs.pdf)
        distances = tabulate_track(tracks)
        files = {form: outputs[form] for form in ("csv", "md", "tex", "html")}
        save_table(distances, partial(format_track_table, distances), title=params.title, files=files)
