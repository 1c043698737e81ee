"""Draw one object of a video, followed through later frames."""

from functools import partial

from semlens import figures, frames, images, logs

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        of, to = snakemake.params, snakemake.output
        people = {
            model: frames.followed(distances, snakemake.input.manifests, of.reference)
            for model, distances in zip(of.models, snakemake.input.distances, strict=True)
        }
        figures.save(
            frames.strip(people, images.folder(snakemake.input.pictures[0]), title=of.title), png=to.png, pdf=to.pdf
        )
        files = {form: to[form] for form in ("csv", "md", "tex", "html")}
        distances = frames.distances_of(people)
        figures.save_table(distances, partial(frames.as_printed, distances), title=of.title, **files)
