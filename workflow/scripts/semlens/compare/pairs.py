"""Which pairs of instances are compared, and which distance set each is in (section 4.2)."""

import numpy as np
import pandas as pd

SETS = ("scsi", "scdi", "dcsi", "dcdi", "sidi")


NO_SET = len(SETS)


_BY_BITS = ("dcdi", "scdi", "dcsi", "scsi", "dcdi", "sidi", "dcsi", "scsi")  # 1: class, 2: image, 4: identity alike


_LABELS = np.array([SETS.index(name) for name in _BY_BITS], dtype=np.uint8)


class DistanceSets:
    """The set of every pair of some instances (Eqs. 11 to 15).

    A pair of one identity in two images belongs to ``sidi`` and to no other set.

    Parameters
    ----------
    rows
        With columns ``image_id``, ``class_name`` and ``identity`` (null where an object is seen once).
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        self._codes = pd.DataFrame(
            {name: pd.factorize(rows[name])[0].astype(np.int32) for name in ("image_id", "class_name", "identity")}
        )

    def of(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Return the set of each pair of rows ``i`` and ``j``, of their common shape, as places in ``SETS`` (uint8)."""
        image, class_name, identity = (self._codes[name].to_numpy() for name in self._codes)
        same = (class_name[i] == class_name[j]).view(np.uint8)
        same = same | (image[i] == image[j]).view(np.uint8) << 1
        if (identity >= 0).any():  # a null identity is -1
            same |= ((identity[i] == identity[j]) & (identity[i] >= 0)).view(np.uint8) << 2
        return _LABELS[same]

    def sizes(self) -> np.ndarray:
        """Return how many unordered pairs of distinct rows each of ``SETS`` has."""
        everyone, known = self._codes, self._codes[self._codes["identity"] >= 0]
        n = len(everyone)
        image, class_name = _count_pairs(everyone, "image_id"), _count_pairs(everyone, "class_name")
        scsi = _count_pairs(everyone, "image_id", "class_name")
        sidi = _count_pairs(known, "identity", "class_name") - _count_pairs(known, "identity", "class_name", "image_id")
        dcsi = image - scsi
        return np.array([scsi, class_name - scsi - sidi, dcsi, n * (n - 1) // 2 - class_name - dcsi, sidi])


def pair_at_offset(rows: pd.DataFrame, offset: int, reference: str = "all") -> tuple[np.ndarray, np.ndarray]:
    """Return pairs between each reference frame and the frame ``offset`` later in its video (section 5.5).

    ``sidi`` and ``scdi`` (and ``dcdi``) hold (reference, later); ``scsi`` and ``dcsi`` hold unordered pairs within the
    reference frames. Pairs are row positions ``i`` and ``j``.

    Parameters
    ----------
    rows
        With columns ``instance_id``, ``video`` and ``frame``.
    reference
        ``all``: every frame that has a later frame is a reference. ``first``: the first frame of each video. An
        instance's id: its frame, and of the pairs only those that it is part of.

    Raises
    ------
    ValueError
        If an instance belongs to no video, or the reference is none of them.
    """
    if rows["video"].isna().any():
        raise ValueError(
            f"offsets need videos; instance {rows.loc[rows['video'].isna(), 'instance_id'].iloc[0]!r} is in none"
        )
    place = pd.DataFrame({"video": rows["video"], "frame": rows["frame"].astype(int), "row": np.arange(len(rows))})
    later = place.assign(frame=place["frame"] - offset)
    if reference == "first":
        place = place[place["frame"] == place.groupby("video")["frame"].transform("min")]
    across = place.merge(later, on=["video", "frame"], suffixes=("", "_later"))
    references = place.merge(across[["video", "frame"]].drop_duplicates(), on=["video", "frame"])
    within = references.merge(references, on=["video", "frame"], suffixes=("", "_later"))
    within = within[within["row"] < within["row_later"]]
    if reference not in ("all", "first"):
        followed = rows["instance_id"].to_numpy() == reference
        if not followed.any():
            raise ValueError(f"no instance is called {reference!r}; the first is {rows['instance_id'].iloc[0]!r}")
        across = across[followed[across["row"]]]
        within = within[followed[within["row"]] | followed[within["row_later"]]]
    pairs = pd.concat([across, within])
    return pairs["row"].to_numpy(), pairs["row_later"].to_numpy()


def pair_across_views(originals: pd.DataFrame, transformed: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of instances and themselves under a view, which are all ``sidi`` (section 5.4).

    Pairs are positions in ``originals`` and in ``transformed``, which may show fewer instances.
    """
    place = pd.Series(np.arange(len(originals)), index=originals["instance_id"])
    return place.loc[transformed["instance_id"]].to_numpy(), np.arange(len(transformed))


def _count_pairs(codes: pd.DataFrame, *columns: str) -> int:
    """How many unordered pairs of distinct rows agree in all of these columns."""
    sizes = codes.groupby(list(columns)).size().to_numpy(np.int64)
    return int((sizes * (sizes - 1) // 2).sum())
