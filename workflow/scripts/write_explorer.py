"""Write the explorer."""

from pathlib import Path

from semlens.images.reading import find_image_folder
from semlens.report.explorer import write_explorer
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs = snakemake.params, snakemake.input
        write_explorer(
            template=inputs.template,
            planes=[{**plane, "path": path} for plane, path in zip(params.projections, inputs.planes, strict=True)],
            datasets={
                name: {
                    "manifests": [path for path in inputs.manifests if Path(path).parent.name == name],
                    "images": find_image_folder(images),
                    "exif": params.exif[name],
                }
                for name, images in zip(params.exif, inputs.images, strict=True)
            },
            out=snakemake.output.html,
        )
