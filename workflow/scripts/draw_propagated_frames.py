"""Draw frames of a video of each dataset with the masks that models carried there, and the true ones."""

import matplotlib

from semlens.draw.propagated_frames import draw_propagated_frames, load_carried, load_frames
from semlens.draw.style import save_figure
from semlens.runtime.logs import log_job

matplotlib.use("Agg")

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs = snakemake.params, snakemake.input
        videos = {}
        for video, folder in zip(params.videos, inputs.images, strict=True):
            shown = load_frames(video["format"], folder, video["sequence"], exif=video["exif"])
            carried = [
                load_carried(run["model"], table, scores, masks, shown)
                for run, table, scores, masks in zip(
                    params.runs, inputs.tables, inputs.scores, inputs.masks, strict=True
                )
                if run["dataset"] == video["dataset"]
            ]
            videos[video["dataset"], video["sequence"]] = (shown, carried)
        figure = draw_propagated_frames(videos, title=params.title)
        save_figure(figure, png=snakemake.output.png, pdf=snakemake.output.pdf)
