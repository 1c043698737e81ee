"""From a dataset's annotations to an index of all instances, and to manifests of the selected ones (section 3.1).

A manifest is one shard of the selection. Selecting more images leaves full shards as they are.
"""

import hashlib
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
from pyarrow.dataset import field

from semlens.runtime.logs import log
from semlens.select.class_names import COCO_NAMES, VOC_CLASSES
from semlens.select.formats import load_format
from semlens.storage.instances import INSTANCES
from semlens.storage.table_reader import read_table
from semlens.storage.tables import write_parquet

_CRITERIA_COLUMNS = ["image_id", "file", "instance_id", "class_name", "area_fraction", "video"]
_ROWS_PER_PART = 50_000  # a row takes far more memory as a dictionary than in a table


def index_dataset(
    *,
    dataset: str,
    format: str,
    folder: str | Path,
    options: dict[str, Any],
    exif: str = "ignore",
    out: str | Path,
) -> None:
    """Write every annotated instance of a dataset.

    Parameters
    ----------
    dataset
        Its name in the configuration.
    format
        One of :func:`semlens.select.formats.list_formats`.
    folder
        The dataset in the format's official layout.
    options
        ``splits`` and ``sequences``, as the format's reader takes them.
    exif
        What to do about EXIF orientations where masks do not say which way they lie.

    Raises
    ------
    FileNotFoundError, ValueError
        If the folder is missing or holds no such dataset, or two images have one id.
    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"dataset folder {folder} does not exist")
    rows = load_format(format).read_instances(folder, **options, exif=exif)
    parts = []
    while part := list(islice(rows, _ROWS_PER_PART)):
        parts.append(_set_types(pd.DataFrame(part).assign(dataset=dataset)))
    if not parts:
        raise ValueError(f"dataset {dataset!r} in {folder} has no annotated instance")
    index = pd.concat(parts, ignore_index=True)
    images = index[["image_id", "file"]].drop_duplicates()
    if len(repeated := images[images.duplicated("image_id", keep=False)]):
        image = repeated["image_id"].iloc[0]
        files = repeated.loc[repeated["image_id"] == image, "file"]
        raise ValueError(
            f"dataset {dataset!r}: {' and '.join(files[:2])} are both image {image}; "
            f"splits that are joined must have different image ids"
        )
    write_parquet(index, INSTANCES, out)
    log.info("%s: %d instances in %d images", dataset, len(index), len(images))


def select_images(
    *,
    dataset: str,
    index: str | Path,
    criteria: dict[str, Any],
    image_list: str | Path | None,
    images: tuple[int, int],
    out: str | Path,
) -> None:
    """Write the instances of a range of the selected images, in the order of the selection.

    Parameters
    ----------
    dataset
        Its name in the configuration.
    index
        Written by :func:`index_dataset`.
    criteria
        Options of :func:`choose_instances`.
    image_list
        A published list of images, or None.
    images
        The first image of the range, and the one after its last.

    Raises
    ------
    ValueError
        As :func:`choose_instances`; and if the selection has too few images, or those of the range show no instance.
    """
    candidates = read_table(index, _CRITERIA_COLUMNS)
    order, chosen = choose_instances(candidates, dataset, image_list=image_list, **criteria)
    # The index does not have the frames of a video that show no object: a range may reach past its end.
    if len(order) < images[1] and not _has_videos(candidates):
        shown = f"show its classes on over {criteria['min_area']:.2%} of the image"
        limit = f"are in {image_list}" if image_list else shown
        raise ValueError(
            f"dataset {dataset!r}: the configuration asks for {images[1]} images or more, but {len(order)} {limit}; "
            f"lower 'images' or widen the choice"
        )
    positions = {image: position for position, image in enumerate(order[images[0] : images[1]])}
    class_names = chosen[chosen["image_id"].isin(positions)].set_index("instance_id")["class_name"]
    if class_names.empty:
        raise ValueError(
            f"dataset {dataset!r}: images {images[0]} to {images[1]} of the selection show no instance; "
            f"raise 'shard_size', or widen the choice"
        )
    rows = read_table(index, where=field("instance_id").isin(class_names.index.tolist()))
    rows = rows.assign(class_name=rows["instance_id"].map(class_names))
    rows = rows.sort_values("image_id", key=lambda ids: ids.map(positions), kind="stable", ignore_index=True)
    write_parquet(rows, INSTANCES, out)
    counts = rows["class_name"].value_counts()
    log.info("%s: %d instances in %d of %d images", dataset, len(rows), rows["image_id"].nunique(), len(positions))
    log.info("%s: instances by class: %s", dataset, ", ".join(f"{name} {count}" for name, count in counts.items()))


def choose_instances(
    index: pd.DataFrame,
    dataset: str,
    *,
    classes: list[str] | None,
    min_area: float,
    min_area_of: str,
    seed: int,
    image_list: str | Path | None = None,
    listed_as: str | None = None,
) -> tuple[list[str], pd.DataFrame]:
    """Return the ids of the selected images in their order, and the instances that count (section 3.1).

    An instance counts if its class is wanted and it covers more than ``min_area`` of its image. Images with an instance
    that counts are selected: frames in the order of their videos, still images in an order that depends on the seed and
    on each image's id alone, so that a longer selection begins with the shorter one.

    Parameters
    ----------
    index
        Every instance of the dataset.
    dataset
        Its name in the configuration, for errors.
    classes
        Wanted classes by VOC's names or the dataset's own; None wants all. Instances get the names given here.
    min_area
        Share of the image's area.
    min_area_of
        "instance", or "image": all wanted instances of an image count if one of them covers more than ``min_area``.
    seed
        Seed of the order.
    image_list
        A table whose first column lists files of images. They are selected in its order, whatever they show.
    listed_as
        Only rows with this value in the list's column ``dataset`` are read; None reads all.

    Raises
    ------
    ValueError
        If a class or a listed image is unknown, or no instance counts.
    """
    class_name = index["class_name"]
    if classes is not None:
        names = {_find_native_name(name, class_name, dataset): name for name in classes}
        class_name = class_name.map(names)
    counts = class_name.notna() & (index["area_fraction"] > min_area)
    if min_area_of == "image":
        counts = class_name.notna() & index["image_id"].isin(index.loc[counts, "image_id"])
    chosen = index[counts].assign(class_name=class_name[counts])
    if chosen.empty:
        raise ValueError(
            f"dataset {dataset!r}: no instance is of classes {classes} and over {min_area:.2%} of its image"
        )
    if image_list is not None:
        return _read_list(index, dataset, image_list, listed_as), chosen
    ids = list(dict.fromkeys(chosen["image_id"]))
    if _has_videos(index):
        return ids, chosen
    return sorted(ids, key=lambda image: hashlib.sha256(f"{seed}/{image}".encode()).digest()), chosen


def _has_videos(index: pd.DataFrame) -> bool:
    """Return whether all images are frames of videos."""
    return index["video"].notna().all()


def _find_native_name(name: str, class_name: pd.Series, dataset: str) -> str:
    """Return the dataset's own name of a class: the same, or COCO's. A class of VOC may have no instance."""
    known = set(class_name)
    for candidate in (name, COCO_NAMES.get(name)):
        if candidate in known:
            return candidate
    if name in VOC_CLASSES:
        return name
    raise ValueError(f"dataset {dataset!r} has no instance of class {name!r}; it has {', '.join(sorted(known))}")


def _read_list(index: pd.DataFrame, dataset: str, image_list: str | Path, listed_as: str | None) -> list[str]:
    """Return the ids of the images in a published list, each once."""
    rows = pd.read_csv(image_list, dtype=str)
    if listed_as is not None:
        rows = rows[rows["dataset"] == listed_as] if "dataset" in rows else rows[:0]
        if rows.empty:
            raise ValueError(f"dataset {dataset!r}: list {image_list} has no row with {listed_as!r} in 'dataset'")
    images = index[["file", "image_id"]].drop_duplicates()
    files = images["file"].str.rsplit("/", n=1).str[-1]
    by_file = dict(zip(files, images["image_id"], strict=True))
    repeated = set(files[files.duplicated()])
    if rows.columns[0] in by_file:
        raise ValueError(f"dataset {dataset!r}: list {image_list} has no header row: it begins with {rows.columns[0]}")
    names = rows.iloc[:, 0].str.strip()
    if ambiguous := [name for name in names if name in repeated]:
        raise ValueError(f"dataset {dataset!r}: several images are called {ambiguous[0]}, which {image_list} lists")
    if missing := [name for name in names if name not in by_file]:
        raise ValueError(
            f"dataset {dataset!r}: {len(missing)} of {len(names)} images listed in {image_list} are not annotated, "
            f"such as {', '.join(missing[:3])}"
        )
    return list(dict.fromkeys(by_file[name] for name in names))


def _set_types(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns in the contract's order, with types that do not depend on which values are null."""
    return frame[list(INSTANCES.columns)].astype({"identity": "str", "video": "str", "frame": "Int32"})
