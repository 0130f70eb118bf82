from __future__ import annotations

import os
from pathlib import Path

import pytest

from kimera.desk.output import JOURNAL, MARK, REPORT, SUMMARY, prepare_folder, write_file
from kimera.errors import InputError


def test_prepare_folder_that_is_absent_is_made_and_marked(tmp_path: Path) -> None:
    prepare_folder(tmp_path / "out").close()
    assert [p.name for p in (tmp_path / "out").iterdir()] == [MARK]


def test_prepare_folder_of_an_earlier_run_removes_only_what_a_run_writes(tmp_path: Path) -> None:
    prepare_folder(tmp_path).close()
    (tmp_path / JOURNAL).mkdir()
    for name in (REPORT, SUMMARY, f"{JOURNAL}/0001", "notes.txt"):
        (tmp_path / name).write_text("x")
    prepare_folder(tmp_path).close()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([MARK, "notes.txt"])


def test_prepare_folder_of_a_stranger_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / REPORT).write_text("mine")
    with pytest.raises(InputError, match="not empty and not made by an earlier run"):
        prepare_folder(tmp_path)
    assert (tmp_path / REPORT).read_text() == "mine"


def test_prepare_folder_never_follows_a_link_out_of_it(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "kept").write_text("x")
    out = tmp_path / "out"
    prepare_folder(out).close()
    (out / JOURNAL).symlink_to(other)
    prepare_folder(out).close()
    assert (other / "kept").read_text() == "x"
    assert not (out / JOURNAL).is_symlink()
    link = tmp_path / "link"
    link.symlink_to(out)
    with pytest.raises(InputError, match="must be a folder"):
        prepare_folder(link)


def test_prepare_folder_where_a_file_stands_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(InputError, match="must be a folder"):
        prepare_folder(tmp_path / "out")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_prepare_folder_that_is_read_only_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir(mode=0o500)
    with pytest.raises(InputError, match="not writable"):
        prepare_folder(tmp_path / "out")


def test_prepare_folder_while_a_run_writes_there_is_refused_and_touches_nothing(
    tmp_path: Path,
) -> None:
    with prepare_folder(tmp_path):
        (tmp_path / REPORT).write_text("of the first")
        with pytest.raises(InputError, match="another run is writing here"):
            prepare_folder(tmp_path)
        assert (tmp_path / REPORT).read_text() == "of the first"
    prepare_folder(tmp_path).close()
    assert not (tmp_path / REPORT).exists()


def test_write_file_on_a_full_disk_is_one_line_and_on_a_device_goes_through(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="/dev/full: cannot be written: No space left on device"):
        write_file(Path("/dev/full"), "x" * 100_000)
    write_file(Path(os.devnull), "x")
    assert not Path(os.devnull).is_file()
    (tmp_path / "link").symlink_to(tmp_path / "r.html")
    write_file(tmp_path / "link", "one")
    write_file(tmp_path / "r.html", "two")
    assert (tmp_path / "link").read_text() == "two"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["link", "r.html"]
