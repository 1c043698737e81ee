"""Labels that cells take from the most similar cells of earlier frames."""

from collections import deque

import torch
import torch.nn.functional as F

MAX_SIMILARITIES = 2**22  # held at a time
TIE = 1e-6  # cosines that differ by less are equal: so much is float32's own


class LabelPropagator:
    """Carries the labels of a video's first frame from frame to frame (Caron et al. 2021, DINO; Jabri et al. 2020).

    A frame takes its labels from the first frame and from the ``context`` frames before it, as they were propagated to
    these. Nothing else is kept, so that memory does not grow with the video.

    Parameters
    ----------
    labels
        (labels, height, width) Of the first frame, float32.
    context
        How many frames before a frame.
    radius, neighbours, temperature
        See :func:`mix_labels`.
    """

    def __init__(self, labels: torch.Tensor, *, context: int, radius: int, neighbours: int, temperature: float) -> None:
        self._labels, self._first = labels, None
        self._mixing = {"radius": radius, "neighbours": neighbours, "temperature": temperature}
        self._previous: deque[tuple[torch.Tensor, torch.Tensor]] = deque(maxlen=context)

    def propagate(self, features: torch.Tensor) -> torch.Tensor:  # (labels, height, width)
        """Return the labels of the next frame; of the first, those that it has.

        Parameters
        ----------
        features
            (channels, height, width).
        """
        directions = F.normalize(features.float(), dim=0)
        if self._first is None:
            self._first = (directions, self._labels)
            return self._labels
        sources = [self._first, *self._previous]
        labels = mix_labels(
            directions,
            torch.stack([source for source, _ in sources]),
            torch.stack([known for _, known in sources]),
            **self._mixing,
        )
        self._previous.append((directions, labels))
        return labels


def mix_labels(
    directions: torch.Tensor,
    sources: torch.Tensor,
    labels: torch.Tensor,
    *,
    radius: int,
    neighbours: int,
    temperature: float,
) -> torch.Tensor:  # (labels, height, width)
    """Return the labels of each cell of a frame: a mean of those of similar cells of other frames.

    A cell of a source counts exp(cosine / temperature), if it lies at most ``radius`` rows and as many columns away,
    and is one of the ``neighbours`` most similar ones of all sources; those as similar as the last of them count too.

    Cells are taken a few rows at a time, with the rows of the sources that they can reach.

    Parameters
    ----------
    directions
        (channels, height, width) Features of unit length.
    sources
        (sources, channels, height, width) The same of other frames.
    labels
        (sources, labels, height, width) Theirs.
    """
    n_sources, n_labels, height, width = labels.shape
    mixed = torch.empty_like(labels[0])
    columns = torch.arange(width, device=directions.device)
    reach = min(height, 2 * radius + 1)
    n_rows = max(1, MAX_SIMILARITIES // (n_sources * width**2 * reach))
    for top in range(0, height, n_rows):
        bottom = min(top + n_rows, height)
        first, last = max(0, top - radius), min(height, bottom + radius)
        cells = directions[:, top:bottom].flatten(1)
        cosines = torch.einsum("ct,ncs->tns", cells, sources[:, :, first:last].flatten(2))
        rows = torch.arange(first, last, device=directions.device)
        near_rows = (rows[top - first : bottom - first, None] - rows).abs() <= radius
        near_columns = (columns[:, None] - columns).abs() <= radius
        near = (near_rows[:, None, :, None] & near_columns[None, :, None, :]).flatten(2).flatten(0, 1)
        cosines = cosines.masked_fill_(~near[:, None], -torch.inf).flatten(1)
        last_kept = cosines.topk(min(neighbours, cosines.shape[1])).values[:, -1:]
        weights = (cosines / temperature).masked_fill_(cosines < last_kept - TIE, -torch.inf).softmax(dim=1)
        known = labels[:, :, first:last].flatten(2).transpose(1, 2).flatten(0, 1)  # (sources x cells, labels)
        mixed[:, top:bottom] = (weights @ known).T.reshape(n_labels, bottom - top, width)
    return mixed
