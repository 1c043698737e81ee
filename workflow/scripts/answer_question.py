"""Answer the question from all statistics: in sentences, and in one figure."""

from semlens import answers, figures, logs

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        of, given = snakemake.params, snakemake.input
        studies = answers.read(of.studies, given.pairs, given.trends)
        findings = {model: answers.find(studies, model) for model in of.weights}
        pairs = answers.pair_up(of.weights, of.controls)
        said = [
            {"model": model, "control": control, "sentences": answers.sentences(findings[model], findings.get(control))}
            for model, control in pairs
        ]
        answers.write(said, snakemake.output.json)
        figures.save(answers.overview(findings, of.weights, pairs), png=snakemake.output.png, pdf=snakemake.output.pdf)
