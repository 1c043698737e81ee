"""From every annotated instance to the instances that are studied, in prefix-stable shards."""

import hashlib
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from semlens.runtime.files import quarantine_if_corrupt
from semlens.runtime.logs import log
from semlens.select.class_names import COCO_NAMES, VOC_CLASSES
from semlens.select.formats import load_format
from semlens.storage.tables import INSTANCES, write_parquet

_CHOSEN_BY = ["image_id", "file", "instance_id", "class_name", "area_fraction", "video"]


_AT_ONCE = 50_000  # rows that are dictionaries, before they become columns


def index_dataset(*, dataset: str, format: str, folder: str | Path, options: dict[str, Any], out: str | Path) -> None:
    """Write every annotated instance of ``dataset``.

    Parameters
    ----------
    format
        See :mod:`semlens.select.formats`.
    options
        ``splits`` and ``sequences``, as the format's reader takes them.

    Raises
    ------
    FileNotFoundError, ValueError
        If the folder is missing or holds no such dataset, or two images have one id.
    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"dataset folder {folder} does not exist")
    rows = load_format(format).read_instances(folder, **options)
    parts = [
        _set_types(pd.DataFrame(part).assign(dataset=dataset)) for part in iter(lambda: [*islice(rows, _AT_ONCE)], [])
    ]
    if not parts:
        raise ValueError(f"dataset {dataset!r} in {folder} has no annotated instance")
    frame = pd.concat(parts, ignore_index=True)
    images = frame[["image_id", "file"]].drop_duplicates()
    if len(several := images[images.duplicated("image_id", keep=False)]):
        image = several["image_id"].iloc[0]
        files = several.loc[several["image_id"] == image, "file"]
        raise ValueError(
            f"dataset {dataset!r}: {' and '.join(files[:2])} are both image {image}; "
            f"splits that are joined must number their images apart"
        )
    write_parquet(frame, INSTANCES, out)
    log.info("%s: %d instances in %d images", dataset, len(frame), len(images))


def select_images(
    *,
    dataset: str,
    index: str | Path,
    criteria: dict[str, Any],
    published: str | Path | None,
    images: tuple[int, int],
    out: str | Path,
) -> None:
    """Write the instances of the selected images ``images[0]`` to ``images[1]`` (section 3.1)."""
    with quarantine_if_corrupt(index):
        everything = pd.read_parquet(index, columns=_CHOSEN_BY)
    order, chosen = choose_instances(everything, dataset, published=published, **criteria)
    # Frames of a video that show no one are not annotated, and not missed.
    if len(order) < images[1] and not _in_videos(everything):
        there = (
            f"are in {published}" if published else f"show its classes on over {criteria['min_area']:.2%} of the image"
        )
        raise ValueError(
            f"dataset {dataset!r}: the configuration asks for {images[1]} images or more, but {len(order)} {there}; "
            f"lower 'images' or widen the choice"
        )
    shard = order[images[0] : images[1]]
    position = {image: place for place, image in enumerate(shard)}
    kept = chosen[chosen["image_id"].isin(position)].set_index("instance_id")["class_name"]
    if kept.empty:
        raise ValueError(
            f"dataset {dataset!r}: images {images[0]} to {images[1]} of the selection show no instance; "
            f"raise 'shard_size', or widen the choice"
        )
    with quarantine_if_corrupt(index):
        rows = pd.read_parquet(index, filters=[("instance_id", "in", kept.index)])
    rows = rows.assign(class_name=rows["instance_id"].map(kept))
    rows = rows.sort_values("image_id", key=lambda ids: ids.map(position), kind="stable", ignore_index=True)
    write_parquet(rows, INSTANCES, out)
    log.info("%s: %d instances in %d of %d images", dataset, len(rows), rows["image_id"].nunique(), len(shard))


def choose_instances(
    index: pd.DataFrame,
    dataset: str,
    *,
    classes: list[str] | None,
    min_area: float,
    min_area_of: str,
    seed: int,
    published: str | Path | None = None,
    published_as: str | None = None,
) -> tuple[list[str], pd.DataFrame]:
    """Return the selected image ids in their order, and the instances that count.

    An instance counts if it is of a wanted class and covers more than ``min_area`` of its image or, with
    ``min_area_of`` "image", if one such instance of its image does. A published list is taken as it is, whatever its
    images show. Without one, images with such an instance come in an order of their own: videos frame by frame,
    stills in an order that depends on ``seed`` and on each image's id alone, so that asking for more only adds some.

    Raises
    ------
    ValueError
        If a class or a listed image is unknown, or nothing is left.
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
    if published is not None:
        return _read_list(index, dataset, published, published_as), chosen
    ids = list(dict.fromkeys(chosen["image_id"]))
    if _in_videos(index):
        return ids, chosen
    return sorted(ids, key=lambda image: hashlib.sha256(f"{seed}/{image}".encode()).digest()), chosen


def _in_videos(index: pd.DataFrame) -> bool:
    return index["video"].notna().all()


def _find_native_name(name: str, class_name: pd.Series, dataset: str) -> str:
    """The dataset's own word for a class, COCO's where it differs from VOC's. VOC's classes may be absent."""
    known = set(class_name)
    for candidate in (name, COCO_NAMES.get(name)):
        if candidate in known:
            return candidate
    if name in VOC_CLASSES:
        return name
    raise ValueError(f"dataset {dataset!r} has no instance of class {name!r}; it has {', '.join(sorted(known))}")


def _read_list(index: pd.DataFrame, dataset: str, published: str | Path, published_as: str | None) -> list[str]:
    rows = pd.read_csv(published, dtype=str)
    if published_as is not None:
        rows = rows[rows["dataset"] == published_as] if "dataset" in rows else rows[:0]
        if rows.empty:
            raise ValueError(f"dataset {dataset!r}: list {published} has no row with {published_as!r} in 'dataset'")
    images = index[["file", "image_id"]].drop_duplicates()
    files = images["file"].str.rsplit("/", n=1).str[-1]
    by_file = dict(zip(files, images["image_id"], strict=True))
    twice = set(files[files.duplicated()])
    if rows.columns[0] in by_file:
        raise ValueError(f"dataset {dataset!r}: list {published} has no header row: it begins with {rows.columns[0]}")
    names = rows.iloc[:, 0].str.strip()
    if ambiguous := [name for name in names if name in twice]:
        raise ValueError(f"dataset {dataset!r}: several images are called {ambiguous[0]}, which {published} lists")
    if missing := [name for name in names if name not in by_file]:
        raise ValueError(
            f"dataset {dataset!r}: {len(missing)} of {len(names)} images listed in {published} are not annotated, "
            f"such as {', '.join(missing[:3])}"
        )
    return list(dict.fromkeys(by_file[name] for name in names))


def _set_types(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns in contract order; frame numbers nullable, text columns text even where all is null."""
    return frame[list(INSTANCES.columns)].astype({"identity": "str", "video": "str", "frame": "Int32"})
