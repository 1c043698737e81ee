"""A model's parts from the Hugging Face hub, kept in its cache: only the files that are read, at one commit."""

from collections.abc import Callable, Iterable, Mapping
from glob import escape
from pathlib import Path, PurePosixPath

from semlens.models.part_files import check_complete, is_weights, select_files
from semlens.models.parts import NETWORKS, find_part_folder, locate_part
from semlens.runtime.logs import log

Files = dict[str, Path]  # by the plain names under which they are read


def fetch_part(
    repository: str,
    part: str,
    *,
    revision: str | None,
    variant: str | None,
    with_weights: bool,
    is_required: bool,
    check: Callable[[Mapping[str, Path]], None],
) -> tuple[str, Files]:
    """Return the commit of a model and the files of one part in the hub's cache; no files if it has no such part.

    What the cache lacks is downloaded. ``HF_HOME``, ``HF_TOKEN``, ``HF_ENDPOINT`` and ``HF_HUB_OFFLINE`` are minded.
    Where the hub cannot be reached, or must not be, the cache alone is asked.

    Parameters
    ----------
    repository
        ``owner/name``, in diffusers layout.
    revision
        Commit, tag or branch; the main branch if None.
    variant
        See :func:`semlens.models.part_files.select_files`.
    with_weights
        Whether the part's weights are read, if it has any.
    is_required
        Whether a model without this part is refused.
    check
        Is given the configurations, and raises ValueError for a model that is not to be downloaded.

    Raises
    ------
    ValueError
        If the repository, revision or a file is not there, access is not granted, weights are pickles, or the check
        refuses.
    ConnectionError
        If the hub cannot be reached, and the cache has not all of it.
    """
    import httpx2
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        OfflineModeIsEnabled,
        RemoteEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    where = f"{repository} at {revision or 'main'}"

    def download(names: Iterable[str]) -> Path:
        wanted = [escape(str(PurePosixPath(locate_part(part), name))) for name in names]
        return Path(snapshot_download(repository, revision=revision, allow_patterns=wanted))

    try:
        paths = [PurePosixPath(file.rfilename) for file in HfApi().model_info(repository, revision=revision).siblings]
        names = [path.name for path in paths if path.parent == PurePosixPath(locate_part(part))]
        return _collect(names, variant, download, check, part, where, with_weights, is_required)
    except GatedRepoError as error:
        raise ValueError(
            f"{where} is given to those who accept its licence: accept it on its page, and set HF_TOKEN"
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError, RemoteEntryNotFoundError, HFValidationError) as error:
        raise ValueError(
            f"the hub has no {where}, or does not show it to you ({_first_line(error)}); check 'hub' and 'revision' of "
            f"the model's source, or set HF_TOKEN"
        ) from error
    except (OfflineModeIsEnabled, httpx2.HTTPError, OSError) as error:
        log.info("the hub cannot be asked for %s (%s); looking into its cache", where, _first_line(error))
        snapshot = _find_snapshot(repository, revision, error)
        where = f"{where} in the cache (the hub cannot be asked: {_first_line(error)})"
    names = [path.name for path in find_part_folder(snapshot, part).glob("*") if path.is_file()]
    return _collect(names, variant, lambda _: snapshot, check, part, where, with_weights, is_required)


def _collect(
    names: list[str],
    variant: str | None,
    download: Callable[[Iterable[str]], Path],
    check: Callable[[Mapping[str, Path]], None],
    part: str,
    where: str,
    with_weights: bool,
    is_required: bool,
) -> tuple[str, Files]:
    """Return the commit, and the files of a part that are read: weights last, after the check."""
    if not names and not is_required:
        return "", {}
    if not names and part in NETWORKS:
        raise ValueError(
            f"the {part} of {where} is not there; if another kind of network is, say so by 'family' of the model, such "
            f"as dinov2 or pixart"
        )
    try:
        chosen = select_files(names, variant, part)
        check_complete(part, chosen, with_weights=with_weights)
        small = {plain: name for plain, name in chosen.items() if not is_weights(plain)}
        weights = {plain: name for plain, name in chosen.items() if is_weights(plain) and with_weights}
        snapshot = download(small.values())
        check({plain: find_part_folder(snapshot, part) / name for plain, name in small.items()})
    except ValueError as error:
        raise ValueError(f"the {part} of {where} cannot be read: {error}") from None
    if weights and download(weights.values()) != snapshot:
        raise ConnectionError(f"{where} was changed while it was downloaded; run again")
    folder = find_part_folder(snapshot, part)
    return snapshot.name, {plain: folder / name for plain, name in (small | weights).items()}


def _find_snapshot(repository: str, revision: str | None, reason: Exception) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repository, revision=revision, local_files_only=True, allow_patterns=[]))
    except LocalEntryNotFoundError:
        raise ConnectionError(
            f"the hub cannot be reached ({_first_line(reason)}), and its cache has no {repository} at "
            f"{revision or 'main'}; run snakemake --cores 1 fetch where there is a network, with the same HF_HOME"
        ) from None


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
