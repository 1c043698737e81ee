"""Draw what prototypes hold beside classes, below the separation of an experiment."""

import matplotlib

from semlens.draw.artefacts import Measurement, draw_artefacts
from semlens.draw.style import save_figure
from semlens.runtime.logs import log_job
from semlens.storage.csv_tables import read_csv

matplotlib.use("Agg")

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs = snakemake.params, snakemake.input
        measurements = [
            Measurement(comparison["model"], comparison["dataset"], read_csv(separation), read_csv(artefacts))
            for comparison, separation, artefacts in zip(
                params.comparisons, inputs.separation, inputs.artefacts, strict=True
            )
        ]
        figure = draw_artefacts(measurements, params.models, title=params.title, axis=params.axis)
        save_figure(figure, png=snakemake.output.png, pdf=snakemake.output.pdf)
