"""Which pairs of instances are compared, and which distance set each pair belongs to (section 4.2)."""

import numpy as np
import pandas as pd

SETS = ("scsi", "scdi", "dcsi", "dcdi", "sidi")
NO_SET = len(SETS)
WHY_EMPTY = {  # what the studied objects lack where a set has no pairs
    "scsi": "no image shows two objects of one class",
    "scdi": "no class has objects in two images that are compared",
    "dcsi": "no image shows objects of two classes",
    "dcdi": "no two images that are compared show objects of different classes",
    "sidi": "no object is seen twice",
}

# The set of a pair by what its instances share, as a sum: 1 for the class, 2 for the image, 4 for the identity.
_SET_BY_SUM = ("dcdi", "scdi", "dcsi", "scsi", "dcdi", "sidi", "dcsi", "scsi")
_LABEL_BY_SUM = np.array([SETS.index(name) for name in _SET_BY_SUM], dtype=np.uint8)


class DistanceSets:
    """The distance sets of the pairs of some instances (Eqs. 11 to 15).

    A pair of one identity in two images belongs to ``sidi`` and to no other set.

    Parameters
    ----------
    rows
        With columns ``image_id``, ``class_name`` and ``identity`` (null for an object that appears once).
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        self._codes = pd.DataFrame(
            {name: pd.factorize(rows[name])[0].astype(np.int32) for name in ("image_id", "class_name", "identity")}
        )

    def label(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Return the set of each pair of rows ``i`` and ``j`` as its position in ``SETS``, uint8.

        ``i`` and ``j`` broadcast to the shape of the result.
        """
        image, class_name, identity = (self._codes[name].to_numpy() for name in self._codes)
        shared = (class_name[i] == class_name[j]).view(np.uint8)
        shared = shared | (image[i] == image[j]).view(np.uint8) << 1
        if (identity >= 0).any():  # a null identity is -1
            shared |= ((identity[i] == identity[j]) & (identity[i] >= 0)).view(np.uint8) << 2
        return _LABEL_BY_SUM[shared]

    def count(self) -> np.ndarray:
        """Return how many unordered pairs of distinct rows each of ``SETS`` has, without visiting the pairs."""
        rows, identified = self._codes, self._codes[self._codes["identity"] >= 0]
        n = len(rows)
        image, class_name = _count_pairs(rows, "image_id"), _count_pairs(rows, "class_name")
        scsi = _count_pairs(rows, "image_id", "class_name")
        sidi = _count_pairs(identified, "identity", "class_name")
        sidi -= _count_pairs(identified, "identity", "class_name", "image_id")
        dcsi = image - scsi
        return np.array([scsi, class_name - scsi - sidi, dcsi, n * (n - 1) // 2 - class_name - dcsi, sidi])


def get_units(rows: pd.DataFrame) -> pd.Series:
    """Return the sampling unit of each row: its video, or its image where it is in no video.

    Units are what a study has independent ones of: objects of one image, and frames of one video, are not.

    Parameters
    ----------
    rows
        With columns ``video`` and ``image_id``.
    """
    return rows["video"].fillna(rows["image_id"]).astype(str).rename("unit")


def pair_at_offset(rows: pd.DataFrame, offset: int, reference: str = "all") -> tuple[np.ndarray, np.ndarray]:
    """Return pairs between each reference frame and the frame ``offset`` later in its video (section 5.5).

    ``sidi``, ``scdi`` and ``dcdi`` hold (reference, later). ``scsi`` and ``dcsi`` hold unordered pairs within the
    reference frames. Pairs are positions ``i`` and ``j`` of rows.

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
        If an instance belongs to no video, or no instance has the reference's id.
    """
    if rows["video"].isna().any():
        raise ValueError(
            f"offsets need videos; instance {rows.loc[rows['video'].isna(), 'instance_id'].iloc[0]!r} is in none"
        )
    frames = pd.DataFrame({"video": rows["video"], "frame": rows["frame"].astype(int), "row": np.arange(len(rows))})
    later = frames.assign(frame=frames["frame"] - offset)
    if reference == "first":
        frames = frames[frames["frame"] == frames.groupby("video")["frame"].transform("min")]
    across = frames.merge(later, on=["video", "frame"], suffixes=("", "_later"))
    references = frames.merge(across[["video", "frame"]].drop_duplicates(), on=["video", "frame"])
    within = references.merge(references, on=["video", "frame"], suffixes=("", "_later"))
    within = within[within["row"] < within["row_later"]]
    if reference not in ("all", "first"):
        is_reference = rows["instance_id"].to_numpy() == reference
        if not is_reference.any():
            raise ValueError(f"no instance is called {reference!r}; the first is {rows['instance_id'].iloc[0]!r}")
        across = across[is_reference[across["row"]]]
        within = within[is_reference[within["row"]] | is_reference[within["row_later"]]]
    pairs = pd.concat([across, within])
    return pairs["row"].to_numpy(), pairs["row_later"].to_numpy()


def pair_across_views(originals: pd.DataFrame, transformed: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of each instance with itself under a view, all of which are ``sidi`` (section 5.4).

    Pairs are positions in ``originals`` and in ``transformed``, which may lack instances.
    """
    position = pd.Series(np.arange(len(originals)), index=originals["instance_id"])
    return position.loc[transformed["instance_id"]].to_numpy(), np.arange(len(transformed))


def pair_others_across_views(originals: pd.DataFrame, transformed: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of each instance with the others of its image under a view, ``scsi`` or ``dcsi`` (section 5.4).

    Either of two instances that the view shows is compared, as it is, with the other one as the view shows it: they are
    two pairs. Pairs are positions, see :func:`pair_across_views`.
    """
    first, second = (
        rows[["image_id", "instance_id"]].assign(row=np.arange(len(rows))) for rows in (originals, transformed)
    )
    pairs = first.merge(second, on="image_id", suffixes=("", "_shown"))
    pairs = pairs[pairs["instance_id"] != pairs["instance_id_shown"]]
    return pairs["row"].to_numpy(), pairs["row_shown"].to_numpy()


def _count_pairs(codes: pd.DataFrame, *columns: str) -> int:
    """Return how many unordered pairs of distinct rows agree in all of these columns."""
    sizes = codes.groupby(list(columns)).size().to_numpy(np.int64)
    return int((sizes * (sizes - 1) // 2).sum())
