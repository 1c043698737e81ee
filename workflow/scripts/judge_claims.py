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
        files = zip(snakemake.params.comparisons, inputs.sets, inputs.tests, strict=True)
        comparisons = [{**comparison, "sets": sets, "tests": tests} for comparison, sets, tests in files]
        judged = judge_claims(published, comparisons)
        save_claims(judged, published, templates=Path(inputs.templates[0]).parent, **snakemake.output)
