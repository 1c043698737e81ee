"""Draw one object of each dataset from image to prototype, under each condition of an experiment."""

import matplotlib

from semlens.draw.example_objects import draw_example_objects, load_example_objects
from semlens.draw.style import save_figure
from semlens.runtime.logs import log_job

matplotlib.use("Agg")

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
        files = zip(params.extractions, inputs.features, inputs.manifests, inputs.images, strict=True)
        extractions = [
            {**extraction, "features": features, "manifest": manifest, "images": images}
            for extraction, features, manifest, images in files
        ]
        figure = draw_example_objects(
            load_example_objects(extractions), params.conditions, title=params.title, axis=params.axis
        )
        save_figure(figure, png=outputs.png, pdf=outputs.pdf)
