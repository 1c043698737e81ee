"""Draw what the model sees of one object and what its layers say, under each condition of an experiment."""

from semlens.draw.example_objects import ExampleObject, draw_example_objects
from semlens.draw.style import save_figure
from semlens.images.reading import find_image_folder
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        of, to, sources = snakemake.params, snakemake.output, {}
        seen = dict(
            zip(of.datasets, zip(snakemake.input.pictures, snakemake.input.manifests, strict=True), strict=True)
        )
        for name, (model, dataset) in zip(of.names, of.studies, strict=True):
            extractions = zip(snakemake.input.extractions, of.how, of.reads, strict=True)
            how = {path: how for path, how, read in extractions if read == (model, dataset)}
            pictures, manifest = seen[dataset]
            sources[name] = ExampleObject(find_image_folder(pictures), manifest, how)
        save_figure(draw_example_objects(sources, of.conditions, title=of.title, axis=of.axis), png=to.png, pdf=to.pdf)
