"""Files are written whole or not at all."""

import pytest
from semlens.files import whole


def test_block_that_ends_well_leaves_the_file_alone_in_its_folder(tmp_path):
    path = tmp_path / "t.txt"
    with whole(path) as file:
        file.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_block_that_fails_leaves_no_file(tmp_path):
    path = tmp_path / "t.txt"
    with pytest.raises(RuntimeError, match="halfway"), whole(path) as file:
        file.write_text("ne")
        raise RuntimeError("halfway")
    assert not path.exists()


def test_block_that_fails_keeps_the_former_file(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="halfway"), whole(path) as file:
        file.write_text("ne")
        raise RuntimeError("halfway")
    assert path.read_text() == "old"


def test_block_that_ends_well_replaces_the_former_file(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("old")
    with whole(path) as file:
        file.write_text("new")
    assert path.read_text() == "new"
