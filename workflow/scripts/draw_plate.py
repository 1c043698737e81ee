"""Draw what the model sees of one object and what its layers say, under each condition of an experiment."""

from semlens import figures, images, logs, plates

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        of, to, sources = snakemake.params, snakemake.output, {}
        seen = dict(
            zip(of.datasets, zip(snakemake.input.pictures, snakemake.input.manifests, strict=True), strict=True)
        )
        for name, (model, dataset) in zip(of.names, of.studies, strict=True):
            captures = zip(snakemake.input.captures, of.how, of.reads, strict=True)
            how = {path: how for path, how, read in captures if read == (model, dataset)}
            pictures, manifest = seen[dataset]
            sources[name] = plates.Source(images.folder(pictures), manifest, how)
        figures.save(plates.plate(sources, of.conditions, title=of.title, axis=of.axis), png=to.png, pdf=to.pdf)
