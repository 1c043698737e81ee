"""Draw what the layers that an experiment compares hold beside objects."""

import matplotlib

from semlens.draw.style import save_figure
from semlens.draw.tokens import draw_tokens, read_tokens
from semlens.runtime.logs import log_job

matplotlib.use("Agg")

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, outputs = snakemake.params, snakemake.output
        tokens = read_tokens(snakemake.input.tokens, params.sources, params.conditions)
        figure = draw_tokens(tokens, params.models, title=params.title, axis=params.axis)
        save_figure(figure, png=outputs.png, pdf=outputs.pdf)
