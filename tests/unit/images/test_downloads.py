"""Images from a server that misbehaves: what arrives is good, what was good is kept, errors come at the end."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from semlens.images.downloads import download_images
from semlens.runtime.downloads import RetryPolicy

WIDTH, HEIGHT = 64, 48
HASTY = RetryPolicy(timeout=0.3, retries=1, backoff=0.01)


def image(seed=0, width=WIDTH, height=HEIGHT):
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(noise).save(content, format="jpeg")
    return content.getvalue()


def names(count):
    return [f"train2017/{number:012}.jpg" for number in range(count)]


@pytest.fixture
def folder(tmp_path, server):
    server.files = {f"/{name}": image(seed) for seed, name in enumerate(names(12))}
    return tmp_path / "coco"


def get(server, folder, files, *, urls=None, workers=3, patience=HASTY):
    rows = [{"file": file, "width": WIDTH, "height": HEIGHT} for file in files]
    urls = urls or [server.address + "/{split}/{file}"]
    download_images(rows, urls, folder, workers=workers, mirrors={}, patience=patience)


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_arrive_and_nothing_else(server, folder):
    get(server, folder, names(12))
    assert {f"/{name}": content for name, content in files(folder).items()} == server.files


def test_a_image_with_several_instances_is_got_once(server, folder):
    get(server, folder, names(3) * 2)
    assert len(server.requests) == 3


def test_no_more_than_the_workers_are_on_their_way(server, folder):
    for name in names(12):
        server.tricks[f"/{name}"] = ["pause"]
    get(server, folder, names(12), workers=4)
    assert 2 <= server.most_pausing <= 4


def test_good_images_are_kept(server, folder):
    get(server, folder, names(2))
    get(server, folder, names(3))
    assert len(server.requests) == 3


@pytest.mark.parametrize("content", [b"", image()[:900], image(width=WIDTH + 1)], ids=["empty", "cut", "wider"])
def test_bad_images_that_are_there_are_replaced(server, folder, content):
    (folder / "train2017").mkdir(parents=True)
    (folder / names(1)[0]).write_bytes(content)
    get(server, folder, names(1))
    assert files(folder) == {names(1)[0]: image()}


def test_what_another_run_left_halfway_is_begun_anew(server, folder):
    (folder / "train2017").mkdir(parents=True)
    (folder / "train2017" / ".000000000000.jpg.partial").write_bytes(b"something else")
    get(server, folder, names(1))
    assert files(folder) == {names(1)[0]: image()}


@pytest.mark.parametrize("trick", ["cut", "stall", 503, "silent"])
def test_trouble_on_the_way_is_overcome(server, folder, trick):
    server.tricks[f"/{names(1)[0]}"] = [trick]
    get(server, folder, names(1))
    assert files(folder) == {names(1)[0]: image()}
    assert len(server.requests) == 2


BAD = {
    "missing": (None, "404 Not Found"),
    "cut": (image()[:900], "cannot be read"),
    "page": (b"<html>", "cannot be read"),
    "narrower": (image(width=WIDTH - 1), f"is {WIDTH - 1}x{HEIGHT} pixels, its annotation says {WIDTH}x{HEIGHT}"),
    "endless": (bytes(4_000_000), "cannot be read"),
}


@pytest.mark.parametrize(("content", "why"), BAD.values(), ids=BAD)
def test_bad_images_are_named_at_the_end_and_not_left_behind(server, folder, content, why):
    address = f"/{names(2)[1]}"
    server.files[address] = content
    with pytest.raises(
        ConnectionError, match=re.escape(f"1 of 4 images cannot be had: {server.address}{address}: ")
    ) as caught:
        get(server, folder, names(4))
    assert why in str(caught.value)
    assert str(folder) in str(caught.value)
    assert files(folder).keys() == {*names(1), *names(4)[2:]}


@pytest.mark.parametrize("content", [None, image()[:900]], ids=["missing", "cut"])
def test_another_mirror_is_asked(server, folder, content):
    server.files["/bad/000000000000.jpg"] = content
    get(server, folder, names(1), urls=[server.address + "/bad/{file}", server.address + "/{split}/{file}"])
    assert files(folder) == {names(1)[0]: image()}


def test_the_first_few_failures_are_told(server, folder):
    server.files = {}
    with pytest.raises(ConnectionError, match="12 of 12 images cannot be had: ") as caught:
        get(server, folder, names(12))
    assert str(caught.value).count("404 Not Found") == 3


def test_many_failures_end_it(server, folder):
    server.files = {}
    with pytest.raises(ConnectionError, match="20 of 500 images cannot be had, then the others were given up: "):
        get(server, folder, names(500))
    assert 20 <= len(server.requests) < 100


def test_a_redirected_host(server, folder, tmp_path):
    (tmp_path / "mirror" / "train2017").mkdir(parents=True)
    (tmp_path / "mirror" / names(1)[0]).write_bytes(image())
    download_images(
        [{"file": names(1)[0], "width": WIDTH, "height": HEIGHT}],
        ["http://127.0.0.1:1/{split}/{file}"],
        folder,
        workers=1,
        mirrors={"http://127.0.0.1:1/": f"file://{tmp_path}/mirror/"},
        patience=HASTY,
    )
    assert files(folder) == {names(1)[0]: image()}


@pytest.mark.parametrize("file", ["../evil.jpg", "train2017/../../evil.jpg", "/evil.jpg"])
def test_a_image_that_would_lie_elsewhere_is_refused(server, folder, file):
    with pytest.raises(ValueError, match="points out of the dataset folder"):
        get(server, folder, [file])
    assert server.requests == []


# An image has no hash: parts of two versions must never be joined.


def test_a_broken_image_is_gone_on_with_where_the_server_says_that_it_is_the_same(server, folder):
    server.files[f"/{names(1)[0]}"] = image(width=WIDTH, height=HEIGHT)
    server.tricks[f"/{names(1)[0]}"] = ["cut"]
    get(server, folder, names(1))
    assert files(folder) == {names(1)[0]: image()}
    assert server.requests[1].start > 0


@pytest.mark.parametrize("says", ["a version", "no version", "no version, no ranges"])
def test_an_image_that_is_replaced_on_the_way_is_begun_anew(server, folder, says):
    server.knows_versions, server.knows_ranges = says == "a version", "no ranges" not in says
    server.tricks[f"/{names(1)[0]}"] = ["cut"]
    server.next[f"/{names(1)[0]}"] = image(seed=77)
    get(server, folder, names(1))
    assert files(folder) == {names(1)[0]: image(seed=77)}


def test_a_server_that_heeds_no_condition_is_seen_through(server, folder):
    """It goes on with another version, and says so."""
    server.heeds_conditions = False
    server.tricks[f"/{names(1)[0]}"] = ["cut"]
    server.next[f"/{names(1)[0]}"] = image(seed=77)
    get(server, folder, names(1), patience=RetryPolicy(timeout=0.3, retries=2, backoff=0.01))
    assert files(folder) == {names(1)[0]: image(seed=77)}


def test_a_drip_is_given_up_for_the_next_mirror(server, folder):
    server.files["/bad/000000000000.jpg"] = image()
    server.tricks["/bad/000000000000.jpg"] = ["drip"]
    get(server, folder, names(1), urls=[server.address + "/bad/{file}", server.address + "/{split}/{file}"])
    assert files(folder) == {names(1)[0]: image()}
