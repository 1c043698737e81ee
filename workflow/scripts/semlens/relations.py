"""Which pairs of instances are compared: the distance sets of section 4.2."""

import numpy as np
import pandas as pd

SETS = ("scsi", "scdi", "dcsi", "dcdi", "sidi")
Pairs = dict[str, tuple[np.ndarray, np.ndarray]]  # set -> (i, j), row positions, int32


def among(rows: pd.DataFrame) -> Pairs:
    """Return all unordered pairs of distinct instances, by set (Eqs. 11 to 15).

    A pair of one identity in two images belongs to ``sidi`` and to no other set.

    Parameters
    ----------
    rows
        With columns ``image_id``, ``category`` and ``identity`` (null where an object is seen once).
    """
    i, j = (side.astype(np.int32) for side in np.triu_indices(len(rows), k=1))
    return _sorted_out(rows, i, j)


def at_offset(rows: pd.DataFrame, offset: int, reference: str = "all") -> Pairs:
    """Return pairs between each reference frame and the frame ``offset`` later in its video (section 5.5).

    ``sidi`` and ``scdi`` (and ``dcdi``) hold (reference, later); ``scsi`` and ``dcsi`` hold unordered pairs within the
    reference frames.

    Parameters
    ----------
    rows
        With columns ``instance_id``, ``video``, ``frame``, ``image_id``, ``category`` and ``identity``.
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
    return _sorted_out(rows, pairs["row"].to_numpy(np.int32), pairs["row_later"].to_numpy(np.int32))


def across_views(originals: pd.DataFrame, transformed: pd.DataFrame) -> Pairs:
    """Return pairs between instances and themselves under a view, and among the originals (section 5.4).

    ``sidi`` holds (original, transformed) of one instance; the other sets are those of the originals. Positions
    count the originals first, then the transformed.

    Parameters
    ----------
    originals, transformed
        With columns ``instance_id``, ``image_id``, ``category`` and ``identity``; a view may show fewer instances.
    """
    place = pd.Series(np.arange(len(originals)), index=originals["instance_id"])
    i = place.loc[transformed["instance_id"]].to_numpy(np.int32)
    j = np.arange(len(originals), len(originals) + len(transformed), dtype=np.int32)
    return {**among(originals), "sidi": (i, j)}


def _sorted_out(rows: pd.DataFrame, i: np.ndarray, j: np.ndarray) -> Pairs:
    image, category, identity = (pd.factorize(rows[name])[0] for name in ("image_id", "category", "identity"))
    same_image = image[i] == image[j]
    same_class = category[i] == category[j]
    same_identity = (identity[i] == identity[j]) & (identity[i] >= 0)  # a null identity is -1
    chosen = {
        "scsi": same_class & same_image,
        "scdi": same_class & ~same_image & ~same_identity,
        "dcsi": ~same_class & same_image,
        "dcdi": ~same_class & ~same_image,
        "sidi": same_class & ~same_image & same_identity,
    }
    return {name: (i[pick], j[pick]) for name, pick in chosen.items()}
