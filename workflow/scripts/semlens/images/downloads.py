"""Images that are got from the network one by one: many, small, without published hashes."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from semlens.images.paths import find_image
from semlens.images.reading import read_image
from semlens.runtime.downloads import (
    RETRY_POLICY,
    RetryPolicy,
    apply_mirrors,
    describe_error,
    open_session,
    receive,
)
from semlens.runtime.logs import show_progress
from semlens.runtime.partial_files import PartialFile

_ENOUGH = 20  # failures after which the others would fail as well


_NAMED = 3


_HEADERS = 2**20  # bytes that an image may have beyond its pixels


def download_images(
    rows: Iterable[Mapping[str, Any]],
    urls: Sequence[str],
    folder: str | Path,
    *,
    workers: int,
    mirrors: Mapping[str, str],
    patience: RetryPolicy = RETRY_POLICY,
) -> None:
    """Write the images of ``rows`` below ``folder``, but for those that are there and good.

    Parameters
    ----------
    rows
        With ``file`` (``{split}/{name}``), ``width`` and ``height``; the same image may come again.
    urls
        Address templates with ``{split}`` and ``{file}``, mirrors in the order in which they are tried.
    workers
        Images that are on their way at once.
    mirrors
        Replacements of address prefixes, as from :func:`semlens.downloads.parse_redirects`.

    Raises
    ------
    ConnectionError
        Saying how many failed and why the first did, once the others are there or too many have failed.
    """
    wanted = {row["file"]: {"width": row["width"], "height": row["height"]} for row in rows}
    failures = []
    with open_session(patience, workers) as http:
        pool = ThreadPoolExecutor(workers)
        try:
            jobs = [
                pool.submit(_get, http, _addresses(file, urls, mirrors), find_image(folder, file), size, patience)
                for file, size in wanted.items()
            ]
            for job in show_progress(as_completed(jobs), total=len(jobs), what="images", unit="image"):
                try:
                    job.result()
                except (OSError, ValueError) as error:
                    failures.append(str(error))
                if len(failures) == _ENOUGH:
                    break
        finally:
            pool.shutdown(cancel_futures=True)
    if failures:
        given_up = ", then the others were given up" if len(failures) == _ENOUGH else ""
        raise ConnectionError(
            f"{len(failures)} of {len(wanted)} images cannot be had{given_up}: {'; '.join(failures[:_NAMED])}. Those "
            f"that came are kept in {folder}. To go on offline, set SEMLENS_MIRRORS=PREFIX=REPLACEMENT, "
            f"such as http://images.cocodataset.org/=file:///mirror/"
        )


def _addresses(file: str, urls: Sequence[str], mirrors: Mapping[str, str]) -> list[str]:
    split, _, name = file.partition("/")
    return apply_mirrors([url.format(split=quote(split), file=quote(name)) for url in urls], mirrors)


def _get(http: requests.Session, urls: Sequence[str], path: Path, size: dict[str, int], patience: RetryPolicy) -> None:
    most = 4 * size["width"] * size["height"] + _HEADERS
    failures = []
    with PartialFile(path) as partial:
        partial.restart()  # without a hash, what another run left could not be told from a part of this image
        if _is_good(path, size):
            return
        for url in urls:
            try:
                receive(http, url, partial, least=0, most=most, hashed=False, patience=patience)
                read_image(partial.path, **size)
            except (OSError, ValueError) as error:
                failures.append(f"{url}: {describe_error(error)}")
                partial.restart()
            else:
                partial.become(path)
                return
    raise ConnectionError("; ".join(failures))


def _is_good(path: Path, size: dict[str, int]) -> bool:
    try:
        read_image(path, **size)
    except (OSError, ValueError):
        return False
    return True
