"""Set the results beside what the paper published."""

from pathlib import Path

from semlens.report.claims.claims import read_published
from semlens.report.claims.judge import judge_claims
from semlens.report.claims.render import save_claims
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        inputs = snakemake.input
        published = read_published(Path(inputs.published[0]).parent)
        files = zip(inputs.sets, inputs.tests, inputs.unit_totals, strict=True)
        comparisons = [
            {**comparison, "sets": sets, "tests": tests, "unit_totals": unit_totals}
            for comparison, (sets, tests, unit_totals) in zip(snakemake.params.comparisons, files, strict=True)
        ]
        judged = judge_claims(published, comparisons, snakemake.params.seed)
        save_claims(judged, published, templates=Path(inputs.templates[0]).parent, **snakemake.output)
