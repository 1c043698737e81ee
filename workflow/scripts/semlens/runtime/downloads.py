"""Files from the network: resumed, retried, from the first mirror that has them, and checked before they appear."""

import hashlib
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse
from urllib3.util import Retry

from semlens.runtime.logs import log, open_progress
from semlens.runtime.partial_files import PartialFile

_CHUNK = 2**14  # what a broken connection costs at most


_MAX_OVERRUN = 2**20  # a wrong answer is read on so far, because its hash helps to judge it


_LONGEST_WAIT = 120  # seconds, whatever a server asks for


_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


@dataclass(frozen=True)
class RetryPolicy:
    """How long to try.

    Parameters
    ----------
    timeout
        Seconds without a byte before a connection is given up.
    retries
        Attempts after the first, counted anew whenever a broken download has got further by 16 KiB.
    backoff
        Seconds before the second retry, doubled each time.
    slowest
        Bytes per second, on average over ``timeout``, below which an address is given up.
    """

    timeout: float = 60
    retries: int = 5
    backoff: float = 1
    slowest: float = 1000


RETRY_POLICY = RetryPolicy()


def parse_mirrors(text: str) -> dict[str, str]:
    """Return the replacement of each address prefix from ``http://host/=file:///mirror/,https://other/=…``.

    Raises
    ------
    ValueError
        Naming the part that is no such pair.
    """
    mirrors = {}
    for part in filter(None, map(str.strip, text.split(","))):
        prefix, _, target = part.partition("=")
        if "://" not in prefix or "://" not in target or prefix.endswith("/") != target.endswith("/"):
            raise ValueError(
                f"redirect {part!r} is not PREFIX=REPLACEMENT, two addresses that both end with / or both do not, "
                f"such as http://images.cocodataset.org/=file:///mirror/coco/"
            )
        mirrors[prefix] = target
    return mirrors


def apply_mirrors(urls: Sequence[str], mirrors: Mapping[str, str]) -> list[str]:
    """Return the addresses with the longest prefix that ``mirrors`` knows replaced; those with one come first."""
    addresses = []
    for url in urls:
        prefix = max((known for known in mirrors if url.startswith(known)), key=len, default="")
        addresses.append((not prefix, mirrors.get(prefix, "") + url.removeprefix(prefix)))
    return [address for _, address in sorted(addresses, key=lambda address: address[0])]


def download(
    urls: Sequence[str],
    out: str | Path,
    *,
    bytes: int,
    sha256: str,
    mirrors: Mapping[str, str],
    patience: RetryPolicy = RETRY_POLICY,
) -> None:
    """Write the file of ``bytes`` and ``sha256`` to ``out``, unless it is there.

    What came before a failure stays beside ``out`` and is gone on with next time, by one process at a time. Only a
    download of wrong content is removed.

    Parameters
    ----------
    urls
        Mirrors in the order in which they are tried; http, https or file.
    mirrors
        Replacements of address prefixes, as from :func:`parse_redirects`.

    Raises
    ------
    FileExistsError
        If another file is at ``out``; it is left alone.
    ConnectionError, ValueError
        If no address has it, with the reason of each; ValueError if one of them has something else.
    """
    out = Path(out)
    failures, wrong = [], False
    with PartialFile(out) as partial:
        if out.exists():
            _refuse_other(out, bytes, sha256)
            partial.restart()
            return
        with open_session(patience) as http, open_progress(total=bytes, what=out.name, unit="B") as partial.count:
            partial.count(partial.size)
            for url in apply_mirrors(urls, mirrors):
                try:
                    _fetch(http, url, partial, bytes=bytes, sha256=sha256, patience=patience)
                except (OSError, ValueError) as error:
                    wrong |= isinstance(error, _WrongContent)
                    failures.append(f"{url}: {describe_error(error)}")
                    log.info("%s", failures[-1])
                else:
                    partial.become(out)
                    log.info("%s: %d bytes from %s", out, bytes, url)
                    return
    accept = "; to accept other content, change its bytes and sha256 in resources/registry.yaml" if wrong else ""
    raise (ValueError if wrong else ConnectionError)(
        f"{out} cannot be had: {'; '.join(failures)}. To go on offline, set "
        f"SEMLENS_MIRRORS=PREFIX=REPLACEMENT, such as {_host(urls[0])}=file:///mirror/{accept}"
    )


class Response(NamedTuple):
    start: int  # 0 unless the server goes on where it was asked to
    chunks: Iterator[bytes]
    sized: bool  # an early end raises
    version: str  # an entity tag or a date that is another where the content is; empty if the server gives none


class _WrongContent(ValueError):
    pass


class _Retry(Retry):
    """Says why nothing seems to happen."""

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        failed = self.history[-1]
        log.info("%s: %s; trying again", failed.url, f"status {failed.status}" if failed.status else failed.error)
        super().sleep(response)


@contextmanager
def open_session(patience: RetryPolicy, connections: int = 1) -> Iterator[requests.Session]:
    """Give a session that tries again until an answer begins, and waits as a server asks, within reason."""
    retry = _Retry(
        patience.retries,
        backoff_factor=patience.backoff,
        backoff_max=_LONGEST_WAIT,
        retry_after_max=_LONGEST_WAIT,
        status_forcelist={429, *range(500, 600)},
        raise_on_status=False,
    )
    with requests.Session() as http:
        for scheme in ("http://", "https://"):
            http.mount(scheme, HTTPAdapter(pool_maxsize=connections, max_retries=retry))
        http.headers["Accept-Encoding"] = "identity"  # ranges and hashes are those of the file
        yield http


def receive(
    http: requests.Session,
    url: str,
    partial: PartialFile,
    *,
    least: int,
    most: int,
    hashed: bool,
    patience: RetryPolicy,
) -> None:
    """Add what ``url`` has to ``partial``, going on after every break, until it ends or there is more than ``most``.

    An answer that does not say how long it is has ended when there are ``least`` bytes.

    Parameters
    ----------
    hashed
        Whether a hash will tell if parts of two files were joined. If not, a break is gone on with only where the
        server says that the content is still the same (``If-Range``, RFC 9110, section 13.1.5).

    Raises
    ------
    OSError
        If the address has no answer, answers with another part than was asked for, is too slow, or breaks off
        ``patience.retries`` times more without getting further.
    """
    farthest, breaks, version = partial.size, 0, ""
    while True:
        if not hashed and not version:
            partial.restart()
        with _opened(http, url, patience.timeout, partial.size, version) as answer:
            if answer.start < partial.size or (version and answer.version != version):
                partial.restart()
            if answer.start == partial.size:
                why = _add(answer, partial, most, patience)
                if why is None:
                    if answer.sized or partial.size >= least:
                        return
                    why = "it ended early"
                version = "" if hashed else answer.version
            else:
                why, version = "its content was changed on the way", ""
        breaks = 1 if partial.size >= farthest + _CHUNK else breaks + 1
        farthest = max(farthest, partial.size)
        if breaks > patience.retries:
            raise ConnectionError(f"broke off after {partial.size} bytes: {why}")
        wait = min(patience.backoff * 2 ** (breaks - 1), _LONGEST_WAIT)
        log.info("%s broke off after %d bytes (%s); going on in %g s", url, partial.size, why or "it ended early", wait)
        time.sleep(wait)


def _add(answer: Response, partial: PartialFile, most: int, patience: RetryPolicy) -> str | None:
    """Add an answer to a partial file; return why it broke off, or None where it ended, or is more than wanted.

    Raises
    ------
    ConnectionError
        If it is too slow.
    """
    since, before = time.monotonic(), partial.size
    try:
        for chunk in answer.chunks:
            partial.add(chunk)
            if partial.size > most:
                return None
            if (passed := time.monotonic() - since) >= patience.timeout:
                if partial.size - before < patience.slowest * passed:
                    raise ConnectionError(f"gave {(partial.size - before) / passed:.0f} bytes per second")
                since, before = time.monotonic(), partial.size
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        return describe_error(error)
    return None


def describe_error(error: Exception) -> str:
    """Return what went wrong, without what requests and urllib3 wrap around it."""
    while error.args and isinstance(inner := getattr(error.args[0], "reason", error.args[0]), Exception):
        error = inner
    return str(error.args[0] if error.args and isinstance(error.args[0], str) else error) or type(error).__name__


def _fetch(
    http: requests.Session, url: str, partial: PartialFile, *, bytes: int, sha256: str, patience: RetryPolicy
) -> None:
    """Complete ``partial`` from one address; from nothing, if what was there does not fit."""
    partial.foreign = partial.size > 0  # from another run or mirror, which may have had another file
    while True:
        if partial.size < bytes:
            receive(http, url, partial, least=bytes, most=2 * bytes + _MAX_OVERRUN, hashed=True, patience=patience)
        if (partial.size, partial.sha256) == (bytes, sha256):
            return
        found, foreign = _facts(partial.size, partial.sha256), partial.foreign
        partial.restart()
        if not foreign:
            raise _WrongContent(f"has {found}, not {_facts(bytes, sha256)}")


@contextmanager
def _opened(http: requests.Session, url: str, timeout: float, start: int, version: str) -> Iterator[Response]:
    """Ask for what ``url`` has from ``start`` on, or for all of it where its version is no longer the given one."""
    if url.startswith("file:"):
        with Path(url2pathname(urlsplit(url).path)).open("rb") as file:
            file.seek(start)
            yield Response(start, iter(lambda: file.read(_CHUNK), b""), sized=True, version="file")
        return
    asked = ({"Range": f"bytes={start}-"} if start else {}) | ({"If-Range": version} if start and version else {})
    with http.get(url, headers=asked, stream=True, timeout=timeout) as response:
        if not (response.status_code == 416 and start):
            if not response.ok:
                raise ConnectionError(f"{response.status_code} {response.reason}")
            yield Response(
                start=_find_start(response, start),
                chunks=_read(response.raw),
                sized=not {"Content-Length", "Transfer-Encoding"}.isdisjoint(response.headers),
                version=_find_version(response),
            )
            return
    with _opened(http, url, timeout, 0, "") as answer:  # the file there ends before ``start``
        yield answer


def _find_start(response: requests.Response, asked: int) -> int:
    """Return where an answer begins: at what was asked for, or at 0."""
    if response.status_code != 206:
        return 0
    told = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if told is None or int(told[1]) != asked:
        raise ConnectionError(f"answered with another part than was asked for: {told and told[0]}, not from {asked}")
    return asked


def _find_version(response: requests.Response) -> str:
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")


def _read(raw: urllib3.HTTPResponse) -> Iterator[bytes]:
    """Yield bytes as they come: what is slow is not waited for until a chunk is full."""
    if raw.chunked:
        yield from raw.stream(_CHUNK, decode_content=False)
    else:
        yield from iter(lambda: raw.read1(_CHUNK, decode_content=False), b"")


def _refuse_other(out: Path, bytes: int, sha256: str) -> None:
    with out.open("rb") as file:
        found = (out.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
    if found != (bytes, sha256):
        raise FileExistsError(
            f"{out} has {_facts(*found)}, not {_facts(bytes, sha256)}; move it away to download it, or, to accept it, "
            f"change its bytes and sha256 in resources/registry.yaml"
        )


def _facts(bytes: int, sha256: str) -> str:
    return f"{bytes} bytes with sha256 {sha256}"


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"
