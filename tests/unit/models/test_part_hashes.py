"""Hashes of a model's files are those of the bytes that were read."""

import hashlib
import os

import pytest

from semlens.models.part_hashes import describe_parts, note_hashes


@pytest.fixture
def linked(tmp_path):
    """A folder that links a user's weights, and the weights."""
    weights, part = tmp_path / "weights.safetensors", tmp_path / "unet"
    weights.write_bytes(b"weights")
    part.mkdir()
    (part / weights.name).symlink_to(weights)
    (part / ".snakemake_timestamp").touch()
    return part, weights


def test_hashes_are_noted_and_read(linked):
    part, weights = linked
    expected = {weights.name: hashlib.sha256(b"weights").hexdigest()}
    assert note_hashes(part) == expected
    assert describe_parts({"unet": part}) == {"parts": {"unet": expected}, "origins": {}}


def test_the_commit_of_a_hub_is_noted(linked):
    part, _ = linked
    note_hashes(part, origin="owner/name@0123")
    assert describe_parts({"unet": part})["origins"] == {"unet": "owner/name@0123"}


def test_a_file_that_was_replaced_since_is_refused(linked):
    part, weights = linked
    note_hashes(part)
    stamp = weights.stat()
    weights.write_bytes(b"another")
    os.utime(weights, (stamp.st_atime - 1e6, stamp.st_mtime - 1e6))
    with pytest.raises(ValueError, match=r"weights\.safetensors was replaced while this run read the model"):
        describe_parts({"unet": part})


def test_a_file_that_is_gone_is_refused(linked):
    part, weights = linked
    note_hashes(part)
    weights.unlink()
    with pytest.raises(ValueError, match=r"weights\.safetensors, .* is gone; put it back, or delete"):
        describe_parts({"unet": part})


def test_a_folder_without_notes_has_no_hashes(tmp_path):
    assert describe_parts({"unet": tmp_path}) == {"parts": {"unet": {}}, "origins": {}}
