"""What a YAML file hides or breaks is refused by file and line."""

import pytest

from semlens.config.yaml_files import read_yaml


def write(tmp_path, text):
    path = tmp_path / "my.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_mappings_are_read_with_anchors_and_merges(tmp_path):
    path = write(tmp_path, "a: &x {size: 1}\nb: {<<: *x, size: 2}\nc: {<<: *x}\nd: {a: ü}\n")
    assert read_yaml(path) == {"a": {"size": 1}, "b": {"size": 2}, "c": {"size": 1}, "d": {"a": "ü"}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed: 1\nmodels: {}\nseed: 2\n", r"'seed' stands in line 1 and again in line 3"),
        ("models:\n  m: {a: 1}\n  m: {a: 2}\n", r"'m' stands in line 2 and again in line 3"),
        ("1: a\n0x1: b\n", r"key 1 stands in line 1 and again in line 2"),
        ("a: [1\nb: 2\n", r"line 2"),
        ("{[a, b]: 1}\n", r"unhashable"),
    ],
)
def test_what_is_wrong_is_named_by_file_and_line(tmp_path, text, said):
    with pytest.raises(ValueError, match=rf"(?s)my\.yaml.*{said}"):
        read_yaml(write(tmp_path, text))
