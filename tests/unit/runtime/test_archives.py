"""Archives: what is wanted is unpacked whole or not at all, and what would do harm is refused."""

import io
import re
import stat
import tarfile
import zipfile

import numpy as np
import pytest

from semlens.runtime import archives
from semlens.runtime.archives import compile_wanted, unpack

NOISE = np.random.default_rng(0).bytes(5_000)
CONTENT = {
    "DAVIS/README.md": b"read me",
    "DAVIS/ImageSets/2017/train.txt": b"judo\n",
    "DAVIS/JPEGImages/480p/judo/00000.jpg": NOISE,
    "DAVIS/JPEGImages/480p/judo/00001.jpg": NOISE[::-1],
    "DAVIS/JPEGImages/480p/judo-two/00000.jpg": NOISE[1:],
    "DAVIS/JPEGImages/480p/walking/00000.jpg": NOISE[2:],
}
KEEP = ["DAVIS/ImageSets/2017", "DAVIS/JPEGImages/480p/judo"]
KEPT = [name for name in CONTENT if "/2017/" in name or "/judo/" in name]
LINK = object()
DEVICE = object()


def pack_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            kind = {LINK: stat.S_IFLNK, DEVICE: stat.S_IFCHR}.get(content, stat.S_IFREG)
            info.external_attr = (kind | 0o644) << 16
            archive.writestr(info, content if isinstance(content, bytes) else b"/etc/passwd")
    return path


def pack_tar(path, members):
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                info.type = {LINK: tarfile.SYMTYPE, DEVICE: tarfile.CHRTYPE}[content]
                info.linkname = "/etc/passwd"
                archive.addfile(info)
    return path


@pytest.fixture(params=[pack_zip, pack_tar], ids=["zip", "tar"])
def pack(request, tmp_path):
    return lambda members: request.param(tmp_path / "davis.archive", members)


@pytest.fixture
def archive(pack):
    return pack(CONTENT.items())


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "datasets" / "davis"


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def is_as_before(folder):
    beside = {path.name for path in folder.parents[1].iterdir()}
    return list(folder.parent.iterdir()) == [] and beside == {"davis.archive", "datasets"}


def test_what_is_wanted_is_unpacked_and_nothing_else(archive, folder):
    unpack(archive, folder, KEEP)
    assert files(folder) == {name: CONTENT[name] for name in KEPT}
    assert list(folder.parent.iterdir()) == [folder]


def test_single_files_are_unpacked(archive, folder):
    unpack(archive, folder, ["DAVIS/README.md"])
    assert files(folder) == {"DAVIS/README.md": b"read me"}


def test_names_that_begin_with_a_dot_and_folders_of_their_own(tmp_path, folder):
    (tmp_path / "source" / "DAVIS" / "ImageSets" / "2017").mkdir(parents=True)
    (tmp_path / "source" / "DAVIS" / "ImageSets" / "2017" / "train.txt").write_text("judo")
    with tarfile.open(tmp_path / "davis.tar", "w") as archive:
        archive.add(tmp_path / "source", arcname=".")
    unpack(tmp_path / "davis.tar", folder, KEEP[:1])
    assert files(folder) == {"DAVIS/ImageSets/2017/train.txt": b"judo"}


def test_other_things_in_the_folder_stay(archive, folder):
    (folder / "train2017").mkdir(parents=True)
    (folder / "train2017" / "image.jpg").write_bytes(NOISE)
    (folder / "DAVIS").mkdir()  # as whoever declares it may have made it
    unpack(archive, folder, KEEP)
    assert files(folder) == {"train2017/image.jpg": NOISE, **{name: CONTENT[name] for name in KEPT}}


def test_what_is_there_is_not_overwritten(archive, folder):
    (folder / "DAVIS").mkdir(parents=True)
    (folder / "DAVIS" / "mine.txt").write_text("precious")
    with pytest.raises(FileExistsError, match=re.escape(f"{folder / 'DAVIS'} is there already; remove it")):
        unpack(archive, folder, KEEP)
    assert files(folder) == {"DAVIS/mine.txt": b"precious"}


def test_what_the_archive_lacks_is_named(archive, folder):
    with pytest.raises(ValueError, match=re.escape(f"{archive} has no DAVIS/Annotations, DAVIS/JPEGImages/480p/jud;")):
        unpack(archive, folder, [*KEEP, "DAVIS/Annotations", "DAVIS/JPEGImages/480p/jud"])
    assert is_as_before(folder)


@pytest.mark.parametrize("share", [0, 0.0001, 0.02, 0.1, 0.26, 0.3, 0.5, 0.6, 0.8])
def test_a_truncated_archive(archive, folder, share):
    content = archive.read_bytes()
    archive.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=re.escape(f"archive {archive} is truncated or corrupt")):
        unpack(archive, folder, KEEP)
    assert is_as_before(folder)


@pytest.mark.parametrize("behind", [0, 1, 511])
def test_a_tar_that_is_cut_at_or_in_a_header(tmp_path, folder, behind):
    archive = pack_tar(tmp_path / "davis.archive", list(CONTENT.items()))
    with tarfile.open(archive) as opened:
        end = opened.getmembers()[-1].offset
    archive.write_bytes(archive.read_bytes()[: end + behind])
    with pytest.raises(ValueError, match=re.escape(f"archive {archive} is truncated or corrupt (its end is missing)")):
        unpack(archive, folder, KEEP)
    assert is_as_before(folder)


def test_a_zip_with_a_changed_byte(tmp_path, folder):
    archive = pack_zip(tmp_path / "davis.archive", CONTENT.items())
    content = bytearray(archive.read_bytes())
    content[content.index(NOISE[1000:1020])] ^= 1  # noise is stored as it is
    archive.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(f"archive {archive} is truncated or corrupt")):
        unpack(archive, folder, KEEP)
    assert is_as_before(folder)


def test_what_is_no_archive(tmp_path, folder):
    archive = tmp_path / "davis.archive"
    archive.write_text("<html>Please sign in</html>" * 1000)
    with pytest.raises(ValueError, match=re.escape(f"archive {archive} is truncated or corrupt")):
        unpack(archive, folder, KEEP)


@pytest.mark.parametrize(
    "name", ["../evil", "DAVIS/ImageSets/2017/../../../../evil", "/evil", "/DAVIS/ImageSets/2017/x"]
)
def test_members_that_would_lie_elsewhere(pack, folder, name):
    archive = pack([*CONTENT.items(), (name, b"evil")])
    with pytest.raises(ValueError, match=re.escape(f"archive {archive} is refused: its member {name!r} would be")):
        unpack(archive, folder, KEEP)
    assert is_as_before(folder)


@pytest.mark.parametrize("kind", [LINK, DEVICE], ids=["link", "device"])
def test_members_that_are_no_files(pack, folder, kind):
    archive = pack([*CONTENT.items(), ("DAVIS/ImageSets/2017/val.txt", kind)])
    with pytest.raises(ValueError, match=r"refused: its member 'DAVIS/ImageSets/2017/val\.txt' is a link or device"):
        unpack(archive, folder, KEEP)
    assert is_as_before(folder)


def test_links_that_nobody_wants_do_no_harm(pack, folder):
    unpack(pack([*CONTENT.items(), ("DAVIS/passwd", LINK)]), folder, KEEP)
    assert files(folder) == {name: CONTENT[name] for name in KEPT}


def test_a_hard_link_in_a_tar(tmp_path, folder):
    archive = pack_tar(tmp_path / "davis.archive", CONTENT.items())
    with tarfile.open(archive, "a") as opened:
        info = tarfile.TarInfo("DAVIS/ImageSets/2017/val.txt")
        info.type, info.linkname = tarfile.LNKTYPE, "/etc/passwd"
        opened.addfile(info)
    with pytest.raises(ValueError, match="is a link or device"):
        unpack(archive, folder, KEEP)


def test_a_bomb(tmp_path, folder):
    archive = pack_zip(tmp_path / "davis.archive", [("DAVIS/ImageSets/2017/train.txt", bytes(20_000_000))])
    with pytest.raises(ValueError, match="is refused: it would unpack to 20000000 bytes, over 100 times its size"):
        unpack(archive, folder, KEEP[:1])
    assert is_as_before(folder)


@pytest.mark.parametrize("declared", [1_000, 30_000_000])
def test_a_bomb_that_lies_about_its_size(tmp_path, folder, declared):
    members = [
        ("DAVIS/ImageSets/2017/train.txt", bytes(20_000_000)),
        ("DAVIS/noise", np.random.default_rng(1).bytes(500_000)),
    ]
    archive = pack_zip(tmp_path / "davis.archive", members)
    size = (20_000_000).to_bytes(4, "little")
    archive.write_bytes(archive.read_bytes().replace(size, declared.to_bytes(4, "little")))
    with pytest.raises(ValueError, match="truncated or corrupt"):
        unpack(archive, folder, KEEP[:1])
    assert is_as_before(folder)


def test_an_encrypted_archive_says_so(tmp_path, folder):
    archive = pack_zip(tmp_path / "davis.archive", CONTENT.items())
    content = bytearray(archive.read_bytes())
    for signature, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = -1
        while (at := content.find(signature, at + 1)) >= 0:
            content[at + place] |= 1
    archive.write_bytes(content)
    with pytest.raises(ValueError, match=r"davis\.archive is encrypted; unpack it yourself"):
        unpack(archive, folder, KEEP)
    assert is_as_before(folder)


@pytest.mark.parametrize("name", ["x" * 300, "/".join(["x" * 200] * 30), "train.txt/x"])
def test_names_that_no_file_can_have(pack, folder, name):
    archive = pack([*CONTENT.items(), (f"DAVIS/ImageSets/2017/{name}", b"evil")])
    with pytest.raises(ValueError, match="is refused: no file can have the name of its member 'DAVIS/ImageSets/2017/"):
        unpack(archive, folder, KEEP)
    assert is_as_before(folder)


@pytest.mark.parametrize("name", ["", ".", "./"])
def test_members_without_a_name_are_passed_over(tmp_path, folder, name):
    archive = pack_tar(tmp_path / "davis.archive", [*CONTENT.items(), (name, b"nameless")])
    unpack(archive, folder, KEEP)
    assert files(folder) == {name: CONTENT[name] for name in KEPT}


def test_more_members_than_a_dataset_has(pack, folder, monkeypatch):
    monkeypatch.setattr(archives, "_MOST_MEMBERS", len(CONTENT) - 1)
    with pytest.raises(ValueError, match=f"is refused: it has over {len(CONTENT) - 1} members"):
        unpack(pack(CONTENT.items()), folder, KEEP)
    assert is_as_before(folder)


@pytest.mark.parametrize("long", [False, True], ids=["zip", "zip64"])
def test_a_list_of_members_that_is_too_long_is_not_read(tmp_path, folder, monkeypatch, long):
    archive = pack_zip(tmp_path / "davis.archive", CONTENT.items())
    if long:
        monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)  # more members than this have a long list
        archive = pack_zip(tmp_path / "davis.archive", CONTENT.items())
        content = bytearray(archive.read_bytes())
        end = content.rindex(b"PK\5\6")
        content[end + 12 : end + 16] = b"\xff" * 4
        archive.write_bytes(content)
        assert b"PK\6\7" in content
    listed = len(archive.read_bytes()) - archive.read_bytes().index(b"PK\1\2")
    monkeypatch.setattr(archives, "_MOST_LISTED", listed)
    unpack(archive, folder / "whole", KEEP)
    monkeypatch.setattr(archives, "_MOST_LISTED", listed // 2)
    monkeypatch.setattr(archives.zipfile, "ZipFile", None)
    with pytest.raises(ValueError, match="is refused: it has over"):
        unpack(archive, folder, KEEP)


def test_a_sequence_stands_for_every_one_asked_for():
    keep = ["DAVIS/ImageSets/2017", "DAVIS/JPEGImages/480p/{sequence}"]
    assert compile_wanted(keep, ["judo", "walking"]) == [
        "DAVIS/ImageSets/2017",
        "DAVIS/JPEGImages/480p/judo",
        "DAVIS/JPEGImages/480p/walking",
    ]
    assert compile_wanted(keep[:1], []) == keep[:1]
