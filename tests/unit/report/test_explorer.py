"""The explorer's page: what it knows of planes and objects, and that names stay text."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from manifests import make_instance, write_manifest
from PIL import Image

from semlens.report.explorer import pack_plane, write_explorer
from semlens.storage.planes import MAX_OBJECTS, NEIGHBOURS, PLANES
from semlens.storage.tables import write_parquet

TEMPLATE = Path(__file__).parents[3] / "workflow" / "report" / "explorer.html.j2"
NAMES = ["a/1", "b/1", "c/1"]


def make_plane(**columns):
    plane = {"layers": "enc16.1", "timestep": 50, "metric": "distance_correlation", "explained": 0.5}
    places = {"x": [-1.0, 0.0, 3.0], "y": [0.0, 1.0, 0.5]}
    neighbours = {name: [None] * 3 for name in NEIGHBOURS} | {NEIGHBOURS[0]: ["c/1", "a/1", None]}
    return pd.DataFrame({**plane, **places, **neighbours, "instance_id": NAMES, **columns})


def unpack(text):
    return np.frombuffer(base64.b64decode(text), "<u2").tolist()


def test_positions_and_neighbours_come_back():
    instances = pd.Series(["c/1", "b/1", "a/1"])
    packed = pack_plane(make_plane(), instances)
    assert unpack(packed["objects"]) == [2, 1, 0]
    assert unpack(packed["x"]) == pytest.approx([0, 65535 / 4, 65535], abs=1)  # one scale on both axes
    assert unpack(packed["y"]) == pytest.approx([0, 65535 / 4, 65535 / 8], abs=1)
    nearest = np.reshape(unpack(packed["neighbours"]), (3, -1))
    assert nearest[:, 0].tolist() == [0, 2, 65535]
    assert (nearest[:, 1:] == 65535).all()
    assert (packed["layers"], packed["timestep"], packed["metric"]) == ("enc16.1", 50, "distance correlation")


def test_objects_in_one_place_have_a_plane():
    packed = pack_plane(make_plane(x=0.0, y=0.0), pd.Series(NAMES))
    assert unpack(packed["x"]) == unpack(packed["y"]) == [0, 0, 0]


def test_more_objects_than_numbers_are_refused():
    with pytest.raises(ValueError, match="70,000 objects"):
        pack_plane(make_plane(), pd.Series([f"o{number}" for number in range(70_000)]))


@pytest.fixture
def page(tmp_path):
    mask = np.zeros((40, 60), bool)
    mask[10:30, 20:50] = True
    rows = [make_instance(name, mask, file="a.png", class_name="</script><b>") for name in [*NAMES, "d/1"]]
    Image.new("RGB", (60, 40), "blue").save(tmp_path / "a.png")
    manifest = write_manifest(rows, tmp_path / "0.parquet")
    write_parquet(make_plane(), PLANES, tmp_path / "planes.parquet")
    write_explorer(
        template=TEMPLATE,
        planes=[{"extraction": "plain", "model": "m", "dataset": "d", "path": tmp_path / "planes.parquet"}],
        datasets={"d": {"manifests": [manifest], "images": tmp_path, "exif": "ignore"}},
        out=tmp_path / "explorer.html",
    )
    return (tmp_path / "explorer.html").read_text()


def read_content(page):
    return json.loads(re.search(r'id="content">(.*?)</script>', page, re.DOTALL)[1])


def test_it_holds_the_objects_that_lie_in_a_plane(page):
    content = read_content(page)
    assert [entry[0] for entry in content["datasets"]["d"]["objects"]] == NAMES  # and not d/1
    assert [plane["model"] for plane in content["planes"]] == ["m"]


def test_a_name_cannot_end_the_script(page):
    assert read_content(page)["datasets"]["d"]["classes"] == ["</script><b>"]


def test_a_picture_shows_the_object_outlined(page):
    picture = read_content(page)["datasets"]["d"]["objects"][0][-1]
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        colours = np.asarray(image.convert("RGB"), int)
    assert max(image.size) <= 96
    top, middle = colours[4, 8:-8, 0], colours[8:-8, 10:-10, 0]  # of 30 x 20 pixels, and a fifth of them on each side
    assert top.mean() > 100 > 20 > middle.mean()


def test_it_says_how_many_objects_represent_a_dataset(page):
    assert f"more than {MAX_OBJECTS:,} objects" in page


def test_without_planes_there_is_a_page(tmp_path):
    write_explorer(template=TEMPLATE, planes=[], datasets={}, out=tmp_path / "explorer.html")
    assert read_content((tmp_path / "explorer.html").read_text()) == {"datasets": {}, "planes": []}
