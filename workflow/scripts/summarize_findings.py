"""Summarize the statistics of all experiments: as a table, and in one figure."""

import matplotlib

from semlens.draw.overview import draw_overview
from semlens.draw.style import save_figure
from semlens.runtime.logs import log_job
from semlens.statistics.findings import collect_findings, read_comparisons, tabulate_findings, write_findings

matplotlib.use("Agg")

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
        comparisons = read_comparisons(params.comparisons, inputs.tests, inputs.order)
        findings = {model["name"]: collect_findings(comparisons, model["name"]) for model in params.models}
        write_findings(tabulate_findings(findings, params.models), csv=outputs.csv, json=outputs.json)
        save_figure(draw_overview(findings, params.models), png=outputs.png, pdf=outputs.pdf)
