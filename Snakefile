"""semlens: pre-trained vision networks through a semantic lens. Datasets and models to a report."""

from snakemake.utils import min_version

min_version("9.19")


# A --configfile stands for itself; without one, the demo runs.
if not workflow.overwrite_configfiles:

    configfile: f"{workflow.current_basedir}/config/config.yaml"


report: "workflow/report/captions/workflow.rst"


pathvars:
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",


include: "workflow/rules/configuration.smk"
include: "workflow/rules/common.smk"
include: "workflow/rules/fetch.smk"
include: "workflow/rules/select.smk"
include: "workflow/rules/encode.smk"
include: "workflow/rules/extract.smk"
include: "workflow/rules/pool.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/statistics.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/propagate.smk"
include: "workflow/rules/multiverse.smk"
include: "workflow/rules/agree.smk"
include: "workflow/rules/draw.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/targets.smk"


rule all:
    """Prototypes, figures, tables, the report and the explorer."""
    default_target: True
    input:
        rules.draw.input,
        rules.statistics.input,
        rules.search.input,
        rules.pool.input,
        rules.write_report.output.html,
        rules.write_explorer.output.html,
