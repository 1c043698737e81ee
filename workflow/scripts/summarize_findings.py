"""Summarize the statistics of all experiments: as a table, and in one figure."""

import matplotlib

from semlens.config.axes import SINGLE_AXES
from semlens.draw.separation import draw_studies
from semlens.draw.style import save_figure
from semlens.runtime.logs import log_job
from semlens.statistics.findings import tabulate_findings, write_findings
from semlens.statistics.models import MODELS_TABLE, rank_models, read_levels
from semlens.statistics.studies import collect_studies, read_comparisons
from semlens.storage.csv_tables import read_csv
from semlens.storage.tables import write_csv

matplotlib.use("Agg")

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
        comparisons = read_comparisons(
            params.comparisons, separation=inputs.separation, order=inputs.order, influence=inputs.influence
        )
        multiverses = [
            tuple(map(read_csv, files)) for files in zip(inputs.multiverses, inputs.specifications, strict=True)
        ]
        findings = tabulate_findings(comparisons, params.models, multiverses, params.seed)
        write_findings(findings, csv=outputs.csv, json=outputs.json)
        studies, depths = collect_studies(comparisons), read_levels(params.models, inputs.layers, "name", "depth")
        ranked = rank_models(studies, params.models, depths, params.seed)
        write_csv(ranked, MODELS_TABLE, outputs.models)
        noise = read_levels(params.noised, inputs.noise, "timestep", "snr")
        title = "How well are classes and objects separated?"
        drawn = [study for study in studies if study.axis in SINGLE_AXES]
        figure = draw_studies(drawn, params.models, title=title, seed=params.seed, depths=depths, noise=noise)
        save_figure(figure, png=outputs.png, pdf=outputs.pdf)
