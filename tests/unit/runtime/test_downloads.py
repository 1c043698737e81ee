"""Downloads from a server that misbehaves: what arrives is the whole right file, or nothing and a clear error."""

import copy
import errno
import hashlib
import json
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import yaml

from semlens.runtime import partial_files
from semlens.runtime.downloads import RetryPolicy, apply_mirrors, download, parse_mirrors

REPOSITORY = Path(__file__).parents[3]
CONTENT = np.random.default_rng(0).bytes(1_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
CHUNK = 2**14  # what a break may cost
HASTY = RetryPolicy(timeout=0.3, retries=2, backoff=0.01)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "resources" / "archive.zip"


@pytest.fixture
def url(server):
    server.files["/archive.zip"] = CONTENT
    return f"{server.address}/archive.zip"


def get(urls, out, **changed):
    facts = {"bytes": len(CONTENT), "sha256": SHA256, "mirrors": {}, "patience": HASTY}
    download([urls] if isinstance(urls, str) else urls, out, **{**facts, **changed})


def partial(out):
    return out.with_name(f".{out.name}.partial")


def is_whole(out):
    return out.read_bytes() == CONTENT and list(out.parent.iterdir()) == [out]


def in_another_process(url, out, *, limit=None, timeout=20):
    code = f"""
import resource
from semlens.runtime import partial_files
from semlens.runtime.downloads import RetryPolicy, download
if {limit}:
    resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
facts = dict(bytes={len(CONTENT)}, sha256={SHA256!r})
download([{url!r}], {str(out)!r}, **facts, mirrors={{}}, patience=RetryPolicy({timeout}))
"""
    scripts = str(REPOSITORY / "workflow" / "scripts")
    return subprocess.Popen(
        [sys.executable, "-c", code], env={"PYTHONPATH": scripts}, stderr=subprocess.PIPE, text=True
    )


def wait_until(condition):
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise TimeoutError


def test_the_file_arrives_and_nothing_else(server, url, out):
    get(url, out)
    assert is_whole(out)
    assert [(request.start, request.sent) for request in server.requests] == [(0, len(CONTENT))]


@pytest.mark.parametrize("trick", ["cut", "stall", "unsized cut"])
def test_what_breaks_off_is_resumed(server, url, out, trick):
    server.tricks["/archive.zip"] = [trick]
    get(url, out)
    assert is_whole(out)
    first, second = server.requests
    assert first.start == 0
    assert 750_000 - CHUNK <= second.start <= 750_000
    assert second.sent == len(CONTENT) - second.start


def test_a_server_that_does_not_say_how_much_there_is(server, url, out):
    server.tricks["/archive.zip"] = ["unsized"]
    get(url, out)
    assert is_whole(out)
    assert len(server.requests) == 1


def test_getting_further_renews_the_patience(server, url, out):
    server.tricks["/archive.zip"] = ["cut"] * 3
    get(url, out, patience=RetryPolicy(0.3, retries=1, backoff=0.01))
    assert is_whole(out)
    assert sum(request.sent for request in server.requests) <= len(CONTENT) + 3 * CHUNK


def test_what_never_gets_further_is_given_up_and_kept(server, url, out):
    server.tricks["/archive.zip"] = ["cut"] * 50
    with pytest.raises(
        ConnectionError, match=r"archive\.zip cannot be had: .*/archive\.zip: broke off after \d+ bytes: "
    ):
        get(url, out)
    assert not out.exists()
    kept = partial(out).read_bytes()
    assert kept == CONTENT[: len(kept)]
    assert len(kept) > 900_000
    server.tricks.clear()
    get(url, out)
    assert server.requests[-1].start == len(kept)
    assert is_whole(out)


@pytest.mark.parametrize("trick", ["cut", "stall"])
def test_a_server_without_ranges_is_asked_for_all_again(server, url, out, trick):
    server.knows_ranges = False
    server.tricks["/archive.zip"] = [trick]
    get(url, out)
    assert is_whole(out)
    assert server.requests[1].start > 0
    assert server.requests[1].sent == len(CONTENT)


@pytest.mark.parametrize("tricks", [["cut"], ["cut", "early cut"]], ids=" and ".join)
def test_a_server_without_ranges_that_always_cuts_is_given_up(server, url, out, tricks):
    server.knows_ranges = False
    server.tricks["/archive.zip"] = tricks * 50
    with pytest.raises(ConnectionError, match=r"broke off after 7\d{5} bytes"):
        get(url, out)
    assert len(server.requests) == 1 + HASTY.retries


@pytest.mark.parametrize("left", [CONTENT[:600_000], CONTENT], ids=["half", "all"])
def test_what_a_former_run_left_is_gone_on_with(server, url, out, left):
    out.parent.mkdir()
    partial(out).write_bytes(left)
    get(url, out)
    assert is_whole(out)
    assert sum(request.sent for request in server.requests) == len(CONTENT) - len(left)


@pytest.mark.parametrize("size", [10, 600_000, 1_000_000, 2_000_000])
def test_what_is_left_of_something_else_is_replaced(server, url, out, size):
    out.parent.mkdir()
    partial(out).write_bytes(b"\0" * size)
    get(url, out)
    assert is_whole(out)
    assert server.requests[-1].start == 0


def test_a_file_that_ends_before_what_a_former_run_left_is_wrong(server, url, out):
    server.files["/archive.zip"] = CONTENT[:500_000]
    out.parent.mkdir()
    partial(out).write_bytes(CONTENT[:600_000])
    with pytest.raises(ValueError, match="has 500000 bytes with sha256"):
        get(url, out)


def test_a_killed_download_is_gone_on_with(server, url, out):
    server.tricks["/archive.zip"] = ["stall"]
    process = in_another_process(url, out)
    wait_until(lambda: partial(out).exists() and partial(out).stat().st_size > 600_000)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    get(url, out)
    assert is_whole(out)
    assert server.requests[-1].start > 600_000


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(server, url, out, status):
    server.tricks["/archive.zip"] = [status, status]
    get(url, out)
    assert is_whole(out)
    assert len(server.requests) == 3


def test_a_server_that_stays_busy_is_given_up(server, url, out):
    server.tricks["/archive.zip"] = [503] * 50
    with pytest.raises(ConnectionError, match=re.escape(f"{url}: 503 Service Unavailable")):
        get(url, out)
    assert len(server.requests) == 1 + HASTY.retries
    assert list(out.parent.iterdir()) == []


def test_the_wait_that_a_server_asks_for_is_kept(server, url, out):
    server.tricks["/archive.zip"] = [(429, {"Retry-After": "1"})]
    started = time.monotonic()
    get(url, out)
    assert time.monotonic() - started >= 1
    assert is_whole(out)


def test_a_server_that_does_not_answer_is_asked_again(server, url, out):
    server.tricks["/archive.zip"] = ["silent"]
    get(url, out)
    assert is_whole(out)


@pytest.mark.parametrize("status", [403, 404])
def test_a_mirror_without_the_file_is_passed_over_at_once(server, url, out, status):
    server.tricks["/gone.zip"] = [status] * 50
    get([f"{server.address}/gone.zip", url], out)
    assert is_whole(out)
    assert [request.path for request in server.requests] == ["/gone.zip", "/archive.zip"]


def test_a_dead_mirror_is_passed_over(url, out):
    get(["http://127.0.0.1:1/archive.zip", url], out)
    assert is_whole(out)


def test_one_mirror_goes_on_where_another_ended(server, url, out):
    server.files["/first.zip"] = CONTENT
    server.tricks["/first.zip"] = ["cut", 404]
    get([f"{server.address}/first.zip", url], out)
    assert is_whole(out)
    assert server.requests[-1].start > 600_000


def test_one_mirror_does_not_go_on_with_the_wrong_file_of_another(server, url, out):
    server.files["/first.zip"] = bytes(len(CONTENT))
    server.tricks["/first.zip"] = ["cut", 404]
    get([f"{server.address}/first.zip", url], out)
    assert is_whole(out)
    assert server.requests[-1].start == 0


WRONG = {
    "other": b"x" * len(CONTENT),
    "shorter": CONTENT[:-1],
    "longer": CONTENT + b"x",
    "page": b"<html>Please sign in",
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_wrong_content_is_refused_with_all_that_helps_to_judge_it(server, url, out, content):
    server.files["/archive.zip"] = content
    out.parent.mkdir()
    neighbour = out.with_name("annotations.json")
    neighbour.write_text("{}")
    with pytest.raises(ValueError, match=r"change its bytes and sha256 in resources/registry\.yaml") as caught:
        get(url, out)
    for fact in (url, str(out), len(CONTENT), SHA256, len(content), hashlib.sha256(content).hexdigest()):
        assert str(fact) in str(caught.value)
    assert list(out.parent.iterdir()) == [neighbour]
    assert len(server.requests) == 1


def test_wrong_content_without_end_is_not_read_to_the_end(server, url, out):
    server.files["/archive.zip"] = bytes(20 * len(CONTENT))
    with pytest.raises(ValueError, match="not 1000000 bytes"):
        get(url, out)
    assert server.requests[0].sent < 10 * len(CONTENT)


def test_wrong_content_of_one_mirror_leads_to_the_next(server, url, out):
    server.files["/first.zip"] = b"x" * len(CONTENT)
    get([f"{server.address}/first.zip", url], out)
    assert is_whole(out)


def test_the_error_names_every_address_and_the_way_out(server, out):
    urls = [f"{server.address}/a.zip", "http://127.0.0.1:1/b.zip", f"file://{out.parent}/c.zip"]
    with pytest.raises(ConnectionError) as caught:
        get(urls, out)
    message = str(caught.value)
    assert f"{urls[0]}: 404 Not Found" in message
    assert re.search(rf"{urls[1]}: [^;]*Connection refused", message)
    assert re.search(rf"{urls[2]}: [^;]*No such file or directory", message)
    assert f"SEMLENS_MIRRORS=PREFIX=REPLACEMENT, such as {server.address}/=file:///mirror/" in message
    assert "registry" not in message
    assert "\n" not in message


def test_two_threads_make_one_download(server, url, out):
    server.tricks["/archive.zip"] = ["pause"]
    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(get, url, out, patience=RetryPolicy(5)) for _ in range(2)]:
            job.result()
    assert is_whole(out)
    assert len(server.requests) == 1


def test_two_processes_make_one_download(server, url, out):
    server.tricks["/archive.zip"] = ["stall"]
    processes = [in_another_process(url, out) for _ in range(2)]
    wait_until(lambda: partial(out).exists() and partial(out).stat().st_size > 600_000)
    time.sleep(0.5)  # for the other to come
    server.over.set()
    for process in processes:
        _, err = process.communicate()
        assert process.returncode == 0, err
    assert is_whole(out)
    assert len(server.requests) == 1


def test_who_waited_for_a_failed_download_goes_on_with_it(server, url, out):
    server.tricks["/archive.zip"] = ["pause", "pause", 404]
    server.files["/other.zip"] = CONTENT
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(get, url, out, patience=RetryPolicy(0.2, retries=1, backoff=0.01))
        wait_until(lambda: server.requests)
        second = pool.submit(get, f"{server.address}/other.zip", out)
        assert isinstance(first.exception(), ConnectionError)
        second.result()
    assert is_whole(out)
    assert server.requests[-1].start > 600_000


def test_a_full_disk_leaves_what_can_be_gone_on_with(server, url, out):
    _, err = in_another_process(url, out, limit=100_000).communicate()
    assert "File too large" in err
    assert partial(out).read_bytes() == CONTENT[: 100_000 // CHUNK * CHUNK]
    get(url, out)
    assert is_whole(out)
    assert server.requests[-1].start == 100_000 // CHUNK * CHUNK


def test_what_is_there_is_kept(server, url, out):
    out.parent.mkdir()
    out.write_bytes(CONTENT)
    get(url, out)
    assert is_whole(out)
    assert server.requests == []


def test_something_else_that_is_there_is_left_alone(server, url, out):
    out.parent.mkdir()
    out.write_text("precious")
    with pytest.raises(FileExistsError, match=re.escape(f"{out} has 8 bytes with sha256")):
        get(url, out)
    assert out.read_text() == "precious"
    assert list(out.parent.iterdir()) == [out]
    assert server.requests == []


def test_a_file_address(tmp_path, out):
    (tmp_path / "a mirror").mkdir()
    (tmp_path / "a mirror" / "archive.zip").write_bytes(CONTENT)
    get((tmp_path / "a mirror" / "archive.zip").as_uri(), out)
    assert is_whole(out)


def test_a_host_is_redirected_to_a_folder(tmp_path, server, url, out):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "archive.zip").write_bytes(CONTENT)
    get(url, out, mirrors=parse_mirrors(f"{server.address}/=file://{tmp_path}/mirror/"))
    assert is_whole(out)
    assert server.requests == []


def test_a_part_that_was_not_asked_for_is_refused(server, url, out):
    server.tricks["/archive.zip"] = ["cut", "elsewhere"]
    with pytest.raises(
        ConnectionError, match=r"answered with another part than was asked for: bytes \d+-999999/1000000"
    ):
        get(url, out)
    assert partial(out).read_bytes() == CONTENT[: partial(out).stat().st_size]


def test_a_server_that_never_has_the_range_is_given_up(server, url, out):
    server.tricks["/archive.zip"] = ["cut", *[(416, {})] * 50]
    with pytest.raises(ConnectionError, match="416"):
        get(url, out)
    assert len(server.requests) == 3


def test_a_slow_mirror_is_given_up_and_the_next_goes_on(server, url, out):
    server.files["/slow.zip"] = CONTENT
    server.tricks["/slow.zip"] = ["cut", "drip"]
    started = time.monotonic()
    get([f"{server.address}/slow.zip", url], out)
    assert is_whole(out)
    assert server.requests[-1].start > 700_000
    assert time.monotonic() - started < 10


def test_a_slow_server_alone_is_named_with_its_speed(server, url, out):
    server.tricks["/archive.zip"] = ["drip"] * 50
    with pytest.raises(ConnectionError, match=r"gave \d\d bytes per second"):
        get(url, out)


def test_a_server_that_gives_a_byte_per_answer_is_given_up(server, url, out):
    server.tricks["/archive.zip"] = ["byte"] * 50
    with pytest.raises(ConnectionError, match="broke off after"):
        get(url, out)
    assert len(server.requests) == 1 + HASTY.retries


def test_without_locks_each_process_downloads_for_itself(server, url, out, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(partial_files.fcntl, "flock", refuse)
    get(url, out)
    assert out.read_bytes() == CONTENT
    assert not partial(out).exists() or partial(out).stat().st_size == 0


def test_the_longest_prefix_is_replaced():
    mirrors = parse_mirrors("http://a/=http://b/, http://a/deep/=file:///mirror/ ,")
    assert apply_mirrors(["http://a/x", "http://a/deep/x", "http://c/http://a/"], mirrors) == [
        "http://b/x",
        "file:///mirror/x",
        "http://c/http://a/",
    ]
    assert apply_mirrors(["https://c/x", "http://a/x"], mirrors) == ["http://b/x", "https://c/x"]  # the user's first
    assert parse_mirrors("") == {}


@pytest.mark.parametrize("part", ["http://a/", "a=http://b", "http://a=/mirror", "http://a/=file:///mirror"])
def test_what_is_no_redirect(part):
    with pytest.raises(ValueError, match=re.escape(f"redirect {part!r} is not PREFIX=REPLACEMENT")):
        parse_mirrors(f"http://c/=http://d/,{part}")


@pytest.fixture(scope="module")
def registry():
    return yaml.safe_load((REPOSITORY / "resources" / "registry.yaml").read_text())


@pytest.fixture(scope="module")
def schema():
    return yaml.safe_load((REPOSITORY / "workflow" / "schemas" / "registry.schema.yaml").read_text())


def test_the_registry_is_as_its_schema_says(registry, schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(registry, schema)
    assert all(set(entry["archives"]) <= registry["files"].keys() for entry in registry["datasets"].values())


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("files/voc-2012-trainval/sha256", SHA256[:-1]),
        ("files/voc-2012-trainval/bytes", "1999639040"),
        ("files/voc-2012-trainval/urls", []),
        ("files/voc-2012-trainval/file", "../VOCtrainval.tar"),
        ("files/voc-2012-trainval/md5", "6cd6e144f989b92b3379bac3b3de84fd"),
        ("datasets/voc-2012/keep", ["VOCdevkit/../../etc"]),
        ("datasets/voc-2012/keep", ["/VOCdevkit"]),
        ("datasets/coco-2017/images", ["http://images.cocodataset.org/{file}"]),
        ("models/stable-diffusion-v1-5/revision", "main"),
        ("models/stable-diffusion-v1-5/urls", ["https://huggingface.co/model.safetensors"]),
        ("more", {}),
    ],
)
def test_the_schema_of_the_registry_refuses(registry, schema, place, value):
    changed = copy.deepcopy(registry)
    *parents, key = place.split("/")
    entry = changed
    for parent in parents:
        entry = entry[parent]
    entry[key] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(json.dumps(changed)), schema)
