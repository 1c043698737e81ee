"""Answer the question from all statistics: in sentences, and in one figure."""

from semlens.draw.overview import draw_overview
from semlens.draw.style import save_figure
from semlens.runtime.logs import log_job
from semlens.statistics.findings import find_answers, pair_models, read_comparisons, write_findings, write_sentences

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        of, given = snakemake.params, snakemake.input
        studies = read_comparisons(of.studies, given.pairs, given.trends)
        findings = {model: find_answers(studies, model) for model in of.weights}
        pairs = pair_models(of.weights, of.controls)
        said = [
            {"model": model, "control": control, "sentences": write_sentences(findings[model], findings.get(control))}
            for model, control in pairs
        ]
        write_findings(said, snakemake.output.json)
        save_figure(draw_overview(findings, of.weights, pairs), png=snakemake.output.png, pdf=snakemake.output.pdf)
