"""Draw what each specification of a multiverse gave, and set the tables of its choices and of all together."""

from functools import partial

import matplotlib

from semlens.draw.multiverse_tables import format_choices, format_summary, tabulate_choices, tabulate_summary
from semlens.draw.specification_curve import draw_specification_curve, read_multiverse
from semlens.draw.style import save_figure
from semlens.draw.tables import save_table
from semlens.runtime.logs import log_job

matplotlib.use("Agg")

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
        multiverse = read_multiverse(
            specifications=inputs.specifications, gaps=inputs.gaps, choices=inputs.choices, summary=inputs.summary
        )
        figure = draw_specification_curve(multiverse, params.runs, params.vary, title=params.title)
        save_figure(figure, png=outputs.png, pdf=outputs.pdf)
        tables = {
            "choices": (tabulate_choices(multiverse, params.runs), format_choices),
            "summary": (tabulate_summary(multiverse, params.runs), format_summary),
        }
        for name, (values, format_text) in tables.items():
            files = {form: outputs[f"{name}_{form}"] for form in ("csv", "md", "tex", "html")}
            save_table(values, partial(format_text, values), title=params.title, files=files)
