"""The table of instances: an index has every annotated one of a dataset, a manifest those of one shard."""

import pandera.pandas as pa

INSTANCES = pa.DataFrameSchema(
    {
        "dataset": pa.Column(str, description="Name of the dataset in the configuration."),
        "image_id": pa.Column(str, description="Id of the image, unique in the dataset."),
        "file": pa.Column(str, description="Path of the image in the dataset's folder."),
        "width": pa.Column("int32", pa.Check.gt(0), description="Width of the image in pixels."),
        "height": pa.Column("int32", pa.Check.gt(0), description="Height of the image in pixels."),
        "instance_id": pa.Column(str, description="Id of the instance, unique in the dataset."),
        "class_name": pa.Column(
            str,
            description="Class of the instance: as annotated in an index, as the configuration names it in a manifest.",
        ),
        "identity": pa.Column(
            str,
            nullable=True,
            description="What instances of one object in several images share; empty in still images.",
        ),
        "video": pa.Column(str, nullable=True, description="Name of the video; empty in still images."),
        "frame": pa.Column(
            "Int32",
            pa.Check.ge(0),
            nullable=True,
            description="Number of the frame in its video; empty in still images.",
        ),
        "area_fraction": pa.Column(
            "float64",
            pa.Check.in_range(0, 1, include_min=False),
            description="Visible pixels of the instance as a share of the image's.",
        ),
        "bbox_x": pa.Column("float64", pa.Check.ge(0), description="Left edge of the bounding box in pixels."),
        "bbox_y": pa.Column("float64", pa.Check.ge(0), description="Top edge of the bounding box in pixels."),
        "bbox_w": pa.Column("float64", pa.Check.gt(0), description="Width of the bounding box in pixels."),
        "bbox_h": pa.Column("float64", pa.Check.gt(0), description="Height of the bounding box in pixels."),
        "rle": pa.Column(
            str,
            pa.Check.str_length(min_value=1),
            description="Mask of the visible pixels as compressed COCO run lengths.",
        ),
    },
    unique=["instance_id"],
    strict=True,
    coerce=True,
    ordered=True,
)
