from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metarisk.errors import InputError, OutputError
from metarisk.transfer import TransferLimits, download

CONTENT = b"".join(index.to_bytes(4, "big") for index in range(100_000))  # 400 kB, no two blocks alike
SHA = hashlib.sha256(CONTENT).hexdigest()
HALF = 1 << 17  # bytes, whole blocks of the server


def names_beside(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir()) if path.parent.exists() else []


def test_a_file_arrives_whole_with_its_hash_and_origin(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    url = server.address("/file.tar.gz", server.whole(CONTENT))
    seen: list[tuple[int, int | None]] = []
    got = download(
        url, target, sha256=SHA.upper(), limits=quick, progress=lambda done, of: seen.append((done, of))
    )
    assert target.read_bytes() == CONTENT
    assert (got.sha256, got.bytes, got.version.url, got.version.etag) == (SHA, len(CONTENT), url, '"v1"')
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", got.fetched_at)
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert names_beside(target) == ["file.tar.gz", "file.tar.gz.json"]


def test_the_file_is_asked_for_as_it_is(server: Any, target: Path, quick: TransferLimits) -> None:
    download(server.address("/f", server.whole(CONTENT)), target, limits=quick)
    (request,) = server.requests
    assert request["Accept-Encoding"] == "identity"
    assert request["User-Agent"].startswith("metarisk/")


def test_a_dropped_connection_is_taken_up_where_it_broke(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    url = server.address("/f", server.dropping(CONTENT, after=HALF), server.whole(CONTENT))
    assert download(url, target, limits=quick).sha256 == SHA
    assert server.sent["/f"] == len(CONTENT)  # no byte twice
    assert server.requests[1]["Range"] == f"bytes={HALF}-"
    assert server.requests[1]["If-Range"] == '"v1"'


def test_a_stall_is_a_drop(server: Any, target: Path, quick: TransferLimits) -> None:
    url = server.address("/f", server.stalling(CONTENT, after=HALF), server.whole(CONTENT))
    started = time.perf_counter()
    assert download(url, target, limits=quick).sha256 == SHA
    assert time.perf_counter() - started < 2
    assert server.sent["/f"] == len(CONTENT)


def test_a_later_run_goes_on_where_the_first_gave_up(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    url = server.address("/f", server.dropping(CONTENT, after=HALF), server.status(503))
    with pytest.raises(
        InputError, match=rf"answers 503 .* 3 times in a row; {HALF} bytes are here\. Run the same"
    ):
        download(url, target, limits=quick)
    assert names_beside(target) == ["file.tar.gz.part", "file.tar.gz.part.json"]
    server.address("/f", server.whole(CONTENT))
    assert download(url, target, limits=quick).sha256 == SHA
    assert server.sent["/f"] == len(CONTENT)
    assert names_beside(target) == ["file.tar.gz", "file.tar.gz.json"]


def test_a_server_that_knows_no_ranges_is_read_from_the_start(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    plain = {"ranges": False}
    url = server.address("/f", server.dropping(CONTENT, after=HALF, **plain), server.whole(CONTENT, **plain))
    assert download(url, target, limits=quick).sha256 == SHA
    assert target.read_bytes() == CONTENT
    assert server.sent["/f"] == HALF + len(CONTENT)


def test_another_version_starts_anew(server: Any, target: Path, quick: TransferLimits) -> None:
    newer = CONTENT[::-1]
    url = server.address("/f", server.dropping(CONTENT, after=HALF), server.whole(newer, etag='"v2"'))
    got = download(url, target, limits=quick)
    assert target.read_bytes() == newer
    assert got.version.etag == '"v2"'


def test_the_end_of_another_version_is_not_glued_on(server: Any, target: Path, quick: TransferLimits) -> None:
    """A server that gives the range though the version it was asked for is gone."""
    newer = CONTENT[::-1]
    rest = newer[HALF:]
    careless = server.raw(
        rest,
        {
            "Content-Length": str(len(rest)),
            "Content-Range": f"bytes {HALF}-{len(newer) - 1}/{len(newer)}",
            "ETag": '"v2"',
        },
        status=206,
    )
    url = server.address(
        "/f", server.dropping(CONTENT, after=HALF), careless, server.whole(newer, etag='"v2"')
    )
    download(url, target, limits=quick)
    assert target.read_bytes() == newer


def test_without_a_mark_of_the_version_nothing_is_resumed(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    url = server.address("/f", server.dropping(CONTENT, after=HALF, etag=""), server.whole(CONTENT, etag=""))
    assert download(url, target, limits=quick).sha256 == SHA
    assert "Range" not in server.requests[1]


def test_a_weak_etag_is_no_mark_to_resume_by(server: Any, target: Path, quick: TransferLimits) -> None:
    url = server.address(
        "/f", server.dropping(CONTENT, after=HALF, etag='W/"v1"'), server.whole(CONTENT, etag='W/"v1"')
    )
    assert download(url, target, limits=quick).sha256 == SHA
    assert "Range" not in server.requests[1]


@pytest.mark.parametrize(
    "told",
    [
        f"bytes {HALF + 1}-399999/400000",
        f"bytes {HALF}-399998/400000",
        f"bytes {HALF}-499999/500000",
        "x",
        "",
    ],
)
def test_a_range_that_does_not_fit_is_not_believed(
    told: str, server: Any, target: Path, quick: TransferLimits
) -> None:
    rest = CONTENT[HALF:]
    headers = {"Content-Length": str(len(rest)), "Content-Range": told, "ETag": '"v1"'}
    url = server.address(
        "/f",
        server.dropping(CONTENT, after=HALF),
        server.raw(rest, headers, status=206),
        server.whole(CONTENT),
    )
    assert download(url, target, limits=quick).sha256 == SHA
    assert "Range" not in server.requests[2]


def test_a_range_that_is_beyond_the_end_starts_anew(server: Any, target: Path, quick: TransferLimits) -> None:
    url = server.address(
        "/f", server.dropping(CONTENT, after=HALF), server.status(416), server.whole(CONTENT)
    )
    assert download(url, target, limits=quick).sha256 == SHA


def test_a_download_killed_before_it_had_its_name_is_whole(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    url = server.address("/f", server.dropping(CONTENT, after=HALF), server.status(503))
    with pytest.raises(InputError, match="Run the same again"):
        download(url, target, limits=quick)
    target.with_name(f"{target.name}.part").write_bytes(CONTENT)
    server.address("/f", server.status(416, {"Content-Range": f"bytes */{len(CONTENT)}"}))
    assert download(url, target, limits=quick).sha256 == SHA
    assert target.read_bytes() == CONTENT
    assert server.sent["/f"] == HALF


def test_a_trouble_of_the_server_is_waited_out(server: Any, target: Path, quick: TransferLimits) -> None:
    url = server.address("/f", server.status(500), server.status(429), server.whole(CONTENT))
    assert download(url, target, limits=quick).sha256 == SHA


def test_the_pause_that_a_server_asks_for_is_kept_within_bounds(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    url = server.address("/f", server.status(503, {"Retry-After": "3600"}), server.whole(CONTENT))
    started = time.perf_counter()
    download(url, target, limits=replace(quick, longest_wait_s=0.2))
    assert 0.2 <= time.perf_counter() - started < 2


def test_patience_is_counted_by_tries_that_bring_nothing(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    """Ten drops are survived with a patience of three, since each try brings bytes."""
    url = server.address("/f", *[server.dropping(CONTENT, after=1 << 15)] * 10, server.whole(CONTENT))
    assert download(url, target, limits=quick).sha256 == SHA
    assert server.sent["/f"] == len(CONTENT)


def test_drops_without_progress_end(server: Any, target: Path, quick: TransferLimits) -> None:
    """The same first half again and again is no progress."""
    url = server.address("/f", server.dropping(CONTENT, after=HALF, ranges=False))
    with pytest.raises(InputError, match=r"3 times in a row"):
        download(url, target, limits=quick)
    assert len(server.requests) == 3
    assert not target.exists()


def test_a_file_that_is_not_there_is_said_at_once(server: Any, target: Path, quick: TransferLimits) -> None:
    with pytest.raises(InputError, match=r"answers 404 Not Found: there is no such file\. Check its name\."):
        download(f"{server.base}/nowhere", target, limits=quick)
    assert len(server.requests) == 1
    assert names_beside(target) == []


def test_a_closed_door_is_said_at_once(server: Any, target: Path, quick: TransferLimits) -> None:
    with pytest.raises(InputError, match=r"answers 403 Forbidden\. Check the address and whether"):
        download(server.address("/f", server.status(403)), target, limits=quick)
    assert len(server.requests) == 1


def test_nobody_there_is_told_after_the_patience(target: Path, quick: TransferLimits) -> None:
    with pytest.raises(InputError, match=r"did not answer \(.*refused.*\), 3 times in a row; 0 bytes"):
        download("http://127.0.0.1:9/f", target, limits=quick)
    assert names_beside(target) == []


def test_a_server_that_announces_too_much_is_asked_again_and_then_told(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    url = server.address("/f", server.raw(CONTENT, {"Content-Length": str(len(CONTENT) + 5)}))
    with pytest.raises(InputError, match=r"ended after 400000 of 400005 bytes, 3 times in a row"):
        download(url, target, limits=quick)
    assert not target.exists()


def test_a_server_that_announces_too_little_is_refused(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    """The library would stop at the announced length, and the cut file would pass for whole."""
    url = server.address("/f", server.raw(CONTENT, {"Content-Length": "1000"}))
    with pytest.raises(InputError, match=r"sends more than the 1000 bytes it announced\. Nothing was kept"):
        download(url, target, limits=quick)
    assert names_beside(target) == []


@pytest.mark.parametrize("length", ["9" * 5000, "x", "-1"])
def test_a_length_that_is_none_is_passed_over(
    length: str, server: Any, target: Path, quick: TransferLimits
) -> None:
    url = server.address("/f", server.raw(CONTENT, {"Content-Length": length}))
    assert download(url, target, limits=quick).sha256 == SHA


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"url": 1, "etag": 2, "last_modified": 3}', '{"version": 1, "bytes": 400000}'],
)
def test_a_damaged_record_is_no_record(text: str, server: Any, target: Path, quick: TransferLimits) -> None:
    url = server.address("/f", server.dropping(CONTENT, after=HALF), server.status(503))
    with pytest.raises(InputError, match="Run the same again"):
        download(url, target, limits=quick)
    target.with_name(f"{target.name}.part.json").write_text(text)
    server.address("/f", server.whole(CONTENT))
    download(url, target, limits=quick)
    target.with_name(f"{target.name}.json").write_text(text)
    assert download(url, target, limits=quick).sha256 == SHA
    assert server.sent["/f"] == HALF + 2 * len(CONTENT)


def test_a_connection_left_open_after_the_last_byte_is_an_end(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    url = server.address("/f", server.stalling(CONTENT, after=len(CONTENT)))
    assert download(url, target, limits=quick).sha256 == SHA
    assert len(server.requests) == 1


def test_a_file_over_the_limit_is_refused_by_its_header(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    url = server.address("/f", server.whole(CONTENT))
    with pytest.raises(InputError, match=r"has more than 399999 bytes\. Nothing was kept"):
        download(url, target, limits=replace(quick, size_bytes=399_999))
    assert download(url, target, limits=replace(quick, size_bytes=400_000)).bytes == 400_000


def test_endless_data_ends_at_the_limit(server: Any, target: Path, quick: TransferLimits) -> None:
    with pytest.raises(InputError, match=r"has more than 1000000 bytes"):
        download(server.address("/f", server.endless), target, limits=replace(quick, size_bytes=1_000_000))
    assert names_beside(target) == []


def test_a_body_in_chunks_is_read_and_its_missing_end_seen(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    chunk = b"%x\r\n%s\r\n" % (len(CONTENT), CONTENT)
    headers = {"Transfer-Encoding": "chunked", "ETag": '"v1"'}
    url = server.address("/f", server.raw(chunk, headers), server.raw(chunk + b"0\r\n\r\n", headers))
    assert download(url, target, limits=quick).sha256 == SHA
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        (b"\n <!DOCTYPE html><html>Sign in</html>", "is a web page, not the file. Open the address"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "is a git-lfs pointer"),
        (b"", "f.tar.gz came empty"),
        (b" \n", "f.tar.gz came empty"),
    ],
)
def test_what_servers_send_in_place_of_a_file_is_refused(
    page: bytes, sentence: str, server: Any, target: Path, quick: TransferLimits
) -> None:
    with pytest.raises(InputError, match=re.escape(sentence)):
        download(server.address("/f.tar.gz", server.whole(page)), target, limits=quick)
    assert names_beside(target) == []


def test_a_file_with_another_hash_is_not_kept(server: Any, target: Path, quick: TransferLimits) -> None:
    url = server.address("/f.gz", server.whole(CONTENT))
    with pytest.raises(InputError, match=rf"f.gz has the SHA-256 {SHA}; expected {'0' * 64}\. Nothing was"):
        download(url, target, sha256="0" * 64, limits=quick)
    assert names_beside(target) == []


def test_a_part_that_does_not_fit_is_thrown_away_and_the_file_read_anew(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    """Bytes that were damaged on disk between two runs."""
    url = server.address("/f", server.dropping(CONTENT, after=HALF), server.status(503))
    with pytest.raises(InputError, match="Run the same again"):
        download(url, target, sha256=SHA, limits=quick)
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(b"X" + part.read_bytes()[1:])
    server.address("/f", server.whole(CONTENT))
    assert download(url, target, sha256=SHA, limits=quick).sha256 == SHA
    assert target.read_bytes() == CONTENT


def test_a_hash_that_is_none_is_refused_before_anything_is_asked(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    url = server.address("/f", server.whole(CONTENT))
    with pytest.raises(InputError, match="'abc' is no SHA-256; expected 64 hexadecimal digits"):
        download(url, target, sha256="abc", limits=quick)
    assert server.requests == []


def test_a_file_that_is_here_and_has_not_changed_is_not_sent_again(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    url = server.address("/f", server.whole(CONTENT))
    first = download(url, target, limits=quick)
    assert download(url, target, sha256=SHA, limits=quick) == first
    assert server.sent["/f"] == len(CONTENT)
    server.address("/f", server.whole(CONTENT[::-1], etag='"v2"'))
    download(url, target, limits=quick)
    assert target.read_bytes() == CONTENT[::-1]


def test_a_file_that_was_altered_here_is_sent_again(server: Any, target: Path, quick: TransferLimits) -> None:
    url = server.address("/f", server.whole(CONTENT))
    download(url, target, limits=quick)
    target.write_bytes(b"X" + CONTENT[1:])
    download(url, target, limits=quick)
    assert target.read_bytes() == CONTENT


def test_an_archive_that_is_labelled_as_packed_is_kept_as_it_is(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    reply = server.whole(CONTENT, headers={"Content-Encoding": "gzip"})
    download(server.address("/f.tar.gz", reply), target, limits=quick)
    assert target.read_bytes() == CONTENT


def test_another_file_that_was_packed_on_the_way_is_refused(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    reply = server.whole(CONTENT, headers={"Content-Encoding": "gzip"})
    with pytest.raises(InputError, match=r"f.txt comes packed as gzip, though it was asked for as it is"):
        download(server.address("/f.txt", reply), target, limits=quick)


def test_a_second_process_on_the_same_file_is_refused(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    from metarisk.transfer.part import open_part

    url = server.address("/f", server.whole(CONTENT))
    with (
        open_part(target),
        pytest.raises(OutputError, match=r"file.tar.gz.part is being written by another process"),
    ):
        download(url, target, limits=quick)
    download(url, target, limits=quick)


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind the superuser")
def test_a_folder_that_cannot_be_written_is_told(server: Any, tmp_path: Path, quick: TransferLimits) -> None:
    tmp_path.chmod(0o500)
    url = server.address("/f", server.whole(CONTENT))
    with pytest.raises(OutputError, match=r"cannot be written \(Permission denied\)"):
        download(url, tmp_path / "f", limits=quick)


def test_a_file_where_a_folder_should_be_is_told(server: Any, tmp_path: Path, quick: TransferLimits) -> None:
    (tmp_path / "taken").write_text("")
    url = server.address("/f", server.whole(CONTENT))
    with pytest.raises(OutputError, match=r"cannot be written \(File exists\)\. Check free space"):
        download(url, tmp_path / "taken" / "f", limits=quick)


def test_a_full_disk_is_told_and_leaves_nothing_under_the_name(
    server: Any, quick: TransferLimits, tmp_path: Path
) -> None:
    """A real bound of the system on a file's size, in a process of its own."""
    url = server.address("/f", server.whole(CONTENT))
    code = (
        "import resource, signal, sys\nfrom pathlib import Path\nfrom metarisk.transfer import download\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "download(sys.argv[1], Path(sys.argv[2]))\n"
    )
    target = tmp_path / "f"
    ended = subprocess.run(
        [sys.executable, "-c", code, url, str(target)], capture_output=True, text=True, check=False
    )
    assert re.search(
        r"OutputError: .*/f cannot be written \(File too large\)\. Check free space", ended.stderr
    )
    assert not target.exists()
    assert download(url, target, limits=quick).sha256 == SHA


def test_a_download_killed_in_the_middle_goes_on_to_the_same_hash(
    server: Any, target: Path, quick: TransferLimits
) -> None:
    url = server.address("/f", server.stalling(CONTENT, after=HALF))
    code = (
        "import sys\nfrom pathlib import Path\nfrom metarisk.transfer import download\n"
        "download(sys.argv[1], Path(sys.argv[2]), progress=lambda done, of: print(done, flush=True))\n"
    )
    part = target.with_name(f"{target.name}.part")
    with subprocess.Popen(
        [sys.executable, "-c", code, url, str(target)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        while int(process.stdout.readline()) < HALF:
            pass
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not target.exists()
    kept = part.stat().st_size
    assert HALF // 2 < kept <= HALF
    server.address("/f", server.whole(CONTENT))
    assert download(url, target, limits=quick).sha256 == SHA
    assert server.requests[-1]["Range"] == f"bytes={kept}-"
    assert server.sent["/f"] == HALF + len(CONTENT) - kept
    assert names_beside(target) == ["file.tar.gz", "file.tar.gz.json"]
