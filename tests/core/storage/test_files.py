"""Files that are whole or not there, and private from the first byte."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from fallback_chat.core.storage.files import make_private_dir, write_private


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_and_its_new_folders_are_private_whatever_the_umask(folder: Path) -> None:
    before = os.umask(0)
    try:
        make_private_dir(folder / "a" / "b")
        write_private(folder / "a" / "b" / "file", b"x")
    finally:
        os.umask(before)

    assert [mode(folder / "a"), mode(folder / "a" / "b"), mode(folder / "a" / "b" / "file")] == [
        0o700,
        0o700,
        0o600,
    ]


def test_a_file_that_others_could_read_is_replaced_by_a_private_one(folder: Path) -> None:
    file = folder / "file"
    file.write_bytes(b"old")
    file.chmod(0o644)

    write_private(file, b"new")

    assert (file.read_bytes(), mode(file), list(folder.iterdir())) == (b"new", 0o600, [file])


def test_a_folder_that_is_missing_is_said_and_not_made(folder: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        write_private(folder / "a" / "file", b"x")

    assert (caught.value.filename, list(folder.iterdir())) == (str(folder / "a" / "file"), [])


def test_a_link_stays_a_link(folder: Path) -> None:
    target = folder / "dotfiles" / "file"
    target.parent.mkdir()
    target.write_bytes(b"old")
    link = folder / "link"
    link.symlink_to(target)

    write_private(link, b"new")

    assert (link.is_symlink(), target.read_bytes()) == (True, b"new")


def test_a_file_that_is_there_can_be_protected(folder: Path) -> None:
    file = folder / "file"
    write_private(file, b"first", overwrite=False)

    with pytest.raises(FileExistsError):
        write_private(file, b"second", overwrite=False)

    assert (file.read_bytes(), list(folder.iterdir())) == (b"first", [file])


@pytest.mark.parametrize(
    "said",
    [errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EACCES, errno.EMLINK, errno.EXDEV, errno.EINVAL],
    ids=errno.errorcode.get,
)
def test_a_file_system_without_hard_links_protects_a_file_as_well(
    folder: Path, monkeypatch: pytest.MonkeyPatch, said: int
) -> None:
    def link(*_: object, **__: object) -> None:
        raise OSError(said, os.strerror(said))

    monkeypatch.setattr(os, "link", link)
    file = folder / "file"
    write_private(file, b"first", overwrite=False)

    with pytest.raises(FileExistsError):
        write_private(file, b"second", overwrite=False)

    assert (file.read_bytes(), mode(file), list(folder.iterdir())) == (b"first", 0o600, [file])


def test_a_file_that_cannot_be_named_for_another_reason_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "link", fail)
    monkeypatch.setattr(Path, "replace", fail)

    with pytest.raises(OSError, match="Input/output error"):
        write_private(folder / "file", b"x", overwrite=False)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    file = folder / "file"
    file.write_bytes(b"old")

    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*{"fsync": (os, "fsync", disk_full), "replace": (Path, "replace", disk_full)}[call])
    with pytest.raises(OSError, match="No space left") as caught:
        write_private(file, b"new")

    assert caught.value.filename == str(file)
    assert (file.read_bytes(), list(folder.iterdir())) == (b"old", [file])


def test_a_folder_that_exists_is_left_as_it_is(folder: Path) -> None:
    folder.chmod(0o755)

    make_private_dir(folder)

    assert mode(folder) == 0o755
