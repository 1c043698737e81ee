"""Set the results beside what the paper published."""

from pathlib import Path

from semlens.report.claims.all import explain_incomparability, judge_claims, read_published, save_claims
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs = snakemake.params, snakemake.input
        folder = Path(inputs.published[0]).parent
        sizes, statistics, reasons = read_published(folder).images, {}, {}
        for record, sets, tests in zip(params.comparisons, inputs.sets, inputs.tests, strict=True):
            key = (record["experiment"], record["model"], record["dataset"])
            statistics[key] = {"sets": sets, "tests": tests}
            paper = {name: record[name] for name in ("settings", "layers", "denoised", "demo", "images")}
            reasons[key] = explain_incomparability(
                experiment=record["experiment"], dataset=record["dataset"], **paper, sizes=sizes
            )
        save_claims(judge_claims(folder, statistics, reasons), folder, **snakemake.output)
