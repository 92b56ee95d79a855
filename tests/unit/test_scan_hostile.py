"""Archives made to do harm: bounded time and memory, no file written, a clear word, and never a traceback."""

from __future__ import annotations

import io
import json
import os
import random
import resource
import struct
import tarfile
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import images
from images import Image, Layer
from strongroom.scan.model import Place
from strongroom.scan.targets import find
from strongroom.scan.targets.archives import stream_pieces
from strongroom.scan.targets.base import Target
from strongroom.scan.targets.image.target import ImageArchive
from strongroom.scan.targets.reading import MAX_DEPTH, Reading

MEGABYTE = 1 << 20
CORPUS = Path(__file__).parent.parent / "corpus"


@contextmanager
def bounded(seconds: float = 20, megabytes: int = 24) -> Iterator[None]:
    """Allow so much time and memory: generous ones, since what this keeps out would take hours and gigabytes."""
    tracemalloc.start()
    start = time.process_time()
    try:
        yield
        assert time.process_time() - start < seconds
        assert tracemalloc.get_traced_memory()[1] < megabytes * MEGABYTE
    finally:
        tracemalloc.stop()


def read(data: bytes, name: str = "file", allowance: int = 8 * MEGABYTE) -> tuple[dict[str, int], Reading]:
    """Return how much is found at each path."""
    reading = Reading(allowance)
    reading.read(len(data))
    sizes: dict[str, int] = {}
    for piece in stream_pieces(Place(name), iter((data,)), reading):
        sizes[piece.place.path] = sizes.get(piece.place.path, 0) + sum(map(len, piece.chunks))
    return sizes, reading


def drained(target: Target) -> list[str]:
    """Return the paths of all that a target yields."""
    paths = []
    for piece in target.pieces():
        for _ in piece.chunks:
            pass
        paths.append(piece.place.path)
    return paths


def words(reading: Reading) -> str:
    return "\n".join(f"{notice.path}: {notice.message}" for notice in reading.notices)


def image(path: Path, *entries: tuple[tarfile.TarInfo, bytes]) -> Path:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for info, data in entries:
            info.size = len(data) or info.size
            archive.addfile(info, io.BytesIO(data) if data else None)
    return images.write(path / "a.tar", images.new(Image([Layer(out.getvalue())])))


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_names_and_links_that_lead_out_touch_nothing(tmp_path: Path) -> None:
    os.chdir(tmp_path)
    before = sorted(Path("/etc").stat().st_mtime_ns for _ in (0,))
    path = image(
        tmp_path,
        (entry("../../../etc/escaped"), b"token-1"), (entry("/etc/absolute"), b"token-2"),
        (entry("link", tarfile.SYMTYPE, "/etc/shadow"), b""), (entry("link/below"), b"token-3"),
        (entry("hard", tarfile.LNKTYPE, "../../etc/shadow"), b""), (entry("null", tarfile.CHRTYPE), b""),
        (entry("disk", tarfile.BLKTYPE), b""), (entry("pipe", tarfile.FIFOTYPE), b""),
    )  # fmt: skip
    target = find(f"archive:{path}")
    assert drained(target) == ["history 0", "../../../etc/escaped", "etc/absolute", "link/below"]
    assert "leads out of the image" in target.notices[0].message
    assert sorted(Path("/etc").stat().st_mtime_ns for _ in (0,)) == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


def test_an_archive_that_is_a_link_out_is_no_way_to_other_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(images.tar({"x": b"outside"}))
    files = images.old(Image([Layer(images.tar({"a": b"b"}))]))
    layer = next(name for name in files if name.endswith("layer.tar"))
    data = images.tar({n: d for n, d in files.items() if n != layer}, links={layer: str(secret)})
    (tmp_path / "a.tar").write_bytes(data)
    target = find(f"archive:{tmp_path / 'a.tar'}")
    assert drained(target) == ["history 0"]
    assert "not in the archive" in target.notices[0].message


def test_an_oci_directory_does_not_follow_links(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(images.tar({"x": b"outside"}))
    files = images.oci([Image([Layer(images.tar({"a": b"b"}))])])
    path = images.unpack(tmp_path / "oci", files)
    blob = next(path / name for name, data in files.items() if b"ustar" in data)
    blob.unlink()
    blob.symlink_to(tmp_path / "secret")
    target = find(f"oci:{path}")
    assert drained(target) == ["history 0"]
    index = json.loads(files["index.json"])
    index["manifests"][0]["digest"] = "sha256:../../../secret"
    (path / "index.json").write_text(json.dumps(index))
    again = find(f"oci:{path}")
    drained(again)
    assert "names no image" in again.notices[0].message


def test_an_oci_directorys_manifest_does_not_lead_out(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(images.tar({"x": b"outside"}))
    manifest = b'[{"Config": "../secret", "Layers": ["../secret", "/etc/passwd", "link/secret"]}]'
    path = images.unpack(tmp_path / "oci", {"manifest.json": manifest})
    (path / "link").symlink_to(tmp_path)
    assert drained(find(f"oci:{path}")) == []


@pytest.mark.parametrize("size", [1 << 62, 8**11 - 1, 1 << 33])
def test_a_declared_size_is_not_believed(size: int) -> None:
    info = entry("huge")
    info.size = size
    header = info.tobuf(tarfile.GNU_FORMAT)
    with bounded():
        sizes, reading = read(header + b"few bytes")
    assert sizes == {"file!/huge": 9}
    assert "ends in the middle of huge" in words(reading)


def test_a_sparse_file_of_terabytes_is_what_is_stored_of_it() -> None:
    header = bytearray(entry("sparse").tobuf(tarfile.GNU_FORMAT))
    header[156:157] = b"S"
    header[124:136] = b"%011o\0" % 512
    header[482] = 1  # more of the map follows
    header[483:495] = b"\x80" + (1 << 60).to_bytes(11, "big")
    header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 256)
    more = bytearray(512)
    with bounded():
        sizes, _ = read(bytes(header) + bytes(more) + b"d" * 512 + images.tar({"next": b"n"}))
    assert sizes == {"file!/sparse": 512, "file!/next": 1}


def gzip_bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(bytes(MEGABYTE)) for _ in range(megabytes)), packer.flush()])


@pytest.mark.parametrize("levels", [1, 2])
def test_a_gzip_bomb_is_cut_short(levels: int) -> None:
    bomb = gzip_bomb(60)
    for _ in range(levels - 1):
        bomb = images.gzipped(bomb)
    with bounded():
        sizes, reading = read(bomb, "bomb.gz")
    assert sum(sizes.values()) < 30 * MEGABYTE
    assert "a bomb?" in words(reading)


@pytest.mark.parametrize("pack", ["bz2", "xz", "zstd"])
def test_other_bombs_are_cut_short(pack: str) -> None:
    import bz2
    import lzma

    data = bytes(24 * MEGABYTE)
    bomb = {"bz2": bz2.compress, "xz": lambda d: lzma.compress(d, preset=0), "zstd": images.zstd}[pack](data)
    del data
    with bounded():
        sizes, reading = read(bomb, "bomb")
    assert sum(sizes.values()) < 20 * MEGABYTE
    assert "a bomb?" in words(reading)


def test_a_zip_bomb_with_overlapping_files_is_read_once() -> None:
    # As zbsm.zip: the directory names one file of zeros thousands of times.
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("zeros", bytes(8 * MEGABYTE))
        archive.filelist *= 10_000
    with bounded():
        sizes, _ = read(out.getvalue(), "a.zip")
    assert sizes == {"a.zip!/zeros": 8 * MEGABYTE}


def test_a_quine_and_deep_nesting_come_to_an_end() -> None:
    data = b"some-token"
    for _ in range(MAX_DEPTH + 20):
        data = images.gzipped(data)
    with bounded():
        sizes, reading = read(data, "a")
    assert len(sizes) == 1
    assert f"more than {MAX_DEPTH} archives" in words(reading)


def test_after_a_bomb_the_rest_of_an_image_is_read(tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(3 * MEGABYTE)
    layer = Layer(images.tar({"a.gz": gzip_bomb(60), "b": b"token", "c.gz": images.gzipped(noise)}))
    target = ImageArchive(images.write(tmp_path / "a.tar", images.new(Image([layer]))))
    target._reading = Reading(8 * MEGABYTE)
    with bounded():
        assert [path for path in drained(target)[1:] if path != "a.gz"] == ["a.gz!/a", "b", "c.gz!/c"]
    assert [notice.path for notice in target.notices] == ["a.gz"]


@pytest.mark.parametrize("part", [1, 100, 511, 513, 700, 1500, 3000])
def test_an_archive_that_is_cut_short_is_told_of(tmp_path: Path, part: int) -> None:
    data = images.tar(images.new(Image([Layer(images.tar({"a": b"x" * 1500}))])))
    for cut in (data[:part], data[:-part].rstrip(b"\0"), images.gzipped(data)[:part]):
        (tmp_path / "a.tar").write_bytes(cut)
        drained(find(f"archive:{tmp_path / 'a.tar'}"))


LIES = {
    "no JSON": b"{nothing",
    "nested": b"[" * 100_000,
    "a number": b"7",
    "null": b"null",
    "of texts": b'["a", 1, null]',
    "wrong types": b'[{"Config": 7, "Layers": "abc", "RepoTags": {"a": 1}}]',
    "leads out": b'[{"Config": "../../etc/passwd", "Layers": ["../../etc/shadow", "/dev/zero"]}]',
    "missing": b'[{"Config": "none.json", "Layers": ["none/layer.tar"]}]',
    "itself": b'[{"Config": "manifest.json", "Layers": ["manifest.json", "manifest.json"]}]',
    "UTF-16": '[{"Config": "x"}]'.encode("utf-16"),
    "invalid text": b'[{"Config": "\xff\xfe"}]',
}


@pytest.mark.parametrize("lie", LIES)
def test_a_manifest_that_lies_is_told_of(tmp_path: Path, lie: str) -> None:
    for name in ("manifest.json", "index.json"):
        files = {name: LIES[lie], "hidden/layer.tar": images.tar({"a": b"token"})}
        for pack in (None, images.gzipped):
            target = find(f"archive:{images.write(tmp_path / 'a.tar', files, pack)}")
            assert any(path.endswith("a") for path in drained(target))
            assert target.notices


@pytest.mark.parametrize(
    "index",
    [
        {"manifests": 7}, {"manifests": [7, None, {}, {"digest": 7}, {"digest": "sha256:"}, {"digest": "a:b:c"}]},
        {"manifests": [{"digest": "sha256:aa", "annotations": [], "platform": "x"}]},
    ],
)  # fmt: skip
def test_an_index_that_lies_is_told_of(tmp_path: Path, index: object) -> None:
    target = find(f"archive:{images.write(tmp_path / 'a.tar', {'index.json': json.dumps(index).encode()})}")
    assert drained(target) == []
    assert "names no image" in target.notices[-1].message


def test_an_index_that_names_itself_comes_to_an_end(tmp_path: Path) -> None:
    inner = json.dumps({"manifests": [{"digest": "sha256:aa"}] * 100}).encode()
    files = {"index.json": inner, "blobs/sha256/aa": inner}
    with bounded():
        drained(find(f"archive:{images.write(tmp_path / 'a.tar', files)}"))


@pytest.mark.parametrize(
    "config",
    [
        {"config": 7, "history": 7, "rootfs": 7}, {"config": {"Env": 7, "Labels": [], "Healthcheck": [], "Cmd": {}}},
        {"config": {"Env": [7, None, {"a": 1}], "Cmd": "text"}, "history": [7, None, {"created_by": 7}]},
        {"history": [{"created_by": "RUN |9 " + "A=b " * 20_000}], "rootfs": {"diff_ids": [7, None]}},
        {"history": [{"created_by": "|1 /" + "/a" * 100_000}] * 2}, {"history": [{}] * 10_000}, [], "text", None,
    ],
)  # fmt: skip
def test_a_configuration_that_lies_does_no_harm(tmp_path: Path, config: object) -> None:
    files = {
        "c.json": json.dumps(config).encode(), "l/layer.tar": images.tar({"a": b"token"}),
        "manifest.json": b'[{"Config": "c.json", "Layers": ["l/layer.tar"]}]',
    }  # fmt: skip
    with bounded(megabytes=96):
        assert "a" in drained(find(f"archive:{images.write(tmp_path / 'a.tar', files)}"))


def test_two_entries_of_one_name_are_both_read(tmp_path: Path) -> None:
    first, second = images.new(Image([Layer(images.tar({"a": b"one"}))])), {"other": b"1"}
    data = images.tar(first).rstrip(b"\0")
    data += bytes(-len(data) % 512) + images.tar(second) + images.tar({"other": images.tar({"inner": b"2"})})
    (tmp_path / "a.tar").write_bytes(data)
    assert drained(find(f"archive:{tmp_path / 'a.tar'}"))[1:] == ["a", "other", "other!/inner"]


@pytest.mark.parametrize("name", [b"\xff\xfe.env", b"\x1b[31mred", b"new\nline", b"caf\xe9", "ü".encode(), b"a" * 99])
def test_any_name_can_be_printed(name: bytes) -> None:
    header = bytearray(entry("x").tobuf(tarfile.GNU_FORMAT))
    header[: len(name)] = name
    header[124:136] = b"%011o\0" % 5
    header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 256)
    sizes, _ = read(bytes(header) + b"token".ljust(512, b"\0"))
    (path,) = sizes
    assert path.isprintable()
    path.encode()


def test_a_directory_with_any_name_is_read(tmp_path: Path) -> None:
    Path(os.fsdecode(bytes(tmp_path) + b"/\xff\n.env")).write_bytes(b"token")
    (path,) = drained(find(f"dir:{tmp_path}"))
    assert path == "\\xff\\n.env"


def test_numbers_that_are_none_end_a_tar() -> None:
    for field in (b"-0000000001\0", b"0_0000000_1\0", b"abcdefghijk\0", b"\xff" * 12, b"99999999999\0"):
        header = bytearray(entry("x").tobuf(tarfile.GNU_FORMAT))
        header[124:136] = field
        sizes, reading = read(bytes(header) + b"token")
        assert sizes == {"file": 517}
        assert "damaged" in words(reading)


def test_a_pax_header_that_lies_does_no_harm() -> None:
    for records in (
        b"9" * 5000,
        b"5 a=b\n" * 100_000,
        b"0 path=x\n",
        b"999999 path=x\n",
        b"30 size=99999999999999999999999\n",
    ):
        header = entry("pax", tarfile.XHDTYPE)
        header.size = len(records)
        data = header.tobuf(tarfile.USTAR_FORMAT) + records + bytes(-len(records) % 512)
        with bounded():
            sizes, _ = read(data + images.tar({"a": b"token"}))
        assert sizes == {"file!/a": 5}
    header = entry("pax", tarfile.GNUTYPE_LONGNAME)
    header.size = 1 << 40
    with bounded():
        assert "more than a megabyte" in words(read(header.tobuf(tarfile.GNU_FORMAT) + b"x" * 4096)[1])


def test_notices_are_bounded() -> None:
    reading = Reading()
    for number in range(100_000):
        reading.notice(f"file {number}", "is damaged")
    assert len(reading.notices) == 201
    assert "not named" in reading.notices[-1].message


def test_a_database_made_to_hang_or_run_something_does_not() -> None:
    import sqlite3

    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a, b AS (hex(zeroblob(100000))))")
    connection.executemany("INSERT INTO t VALUES (?)", [("token",)] * 100)
    connection.execute("CREATE VIEW v AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM r) SELECT * FROM r")
    connection.execute('CREATE TABLE "quoted "" ; DROP" (a)')
    connection.execute('INSERT INTO "quoted "" ; DROP" VALUES (\'token\')')
    connection.commit()
    data = connection.serialize()
    connection.close()
    with bounded():
        sizes, _ = read(data, "a.db")
    assert 'a.db!/quoted " ; DROP' in sizes


def test_a_git_pack_that_lies_does_no_harm() -> None:
    def item(kind: int, data: bytes, size: int | None = None, before: bytes = b"") -> bytes:
        size = len(data) if size is None else size
        head = [(kind << 4) | (size & 15)]
        size >>= 4
        while size:
            head[-1] |= 0x80
            head.append(size & 0x7F)
            size >>= 7
        return bytes(head) + before + zlib.compress(data)

    base = item(3, b"x" * 1000)
    copies = b"\xe8\x07" + b"\x80\x80\x80\x02" + b"\xb0\xe8\x03" * 1000
    for objects in (
        [item(3, b"x", size=1 << 50)], [item(3, b"x" * 9, size=2)], [item(0, b"x")], [item(5, b"x")], [b"\xff" * 40],
        [base, item(6, copies, before=b"\x7f")], [item(6, copies, before=b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f")],
        [item(7, b"\x05\x05\x05abcde", before=b"\0" * 20)], [item(6, b"", before=b"\0")], [], [b"\x93"],
    ):  # fmt: skip
        for count in (len(objects), 0xFFFFFFFF):
            with bounded():
                read(b"PACK" + struct.pack(">LL", 2, count) + b"".join(objects), "a.pack")


def test_zip_headers_that_lie_do_no_harm() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"some-token " * 100)
    data = out.getvalue()
    for at, field in ((18, b"\xff\xff\xff\x7f"), (18, b"\1\0\0\0"), (22, b"\1\0\0\0"), (26, b"\xff\xff"),
    (28, b"\xff\xff"),
                      (8, b"\x63\0"), (6, b"\xff\xff"), (30, b"\xff"), (18, b"\xff" * 8)):  # fmt: skip
        with bounded():
            read(data[:at] + field + data[at + len(field) :], "a.zip")


def test_a_file_that_vanishes_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("token")
    (tmp_path / "b").write_text("token")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/passwd")
    target = find(f"dir:{tmp_path}")
    pieces = target.pieces()
    assert next(pieces).place.path == "a"
    (tmp_path / "b").unlink()
    assert list(pieces) == []
    assert target.notices == [("b", "cannot be read: No such file or directory")]


def test_the_corpus_of_the_fuzzer_does_no_harm() -> None:
    from fuzz_scan import look, mutations

    seeds = sorted(CORPUS.iterdir())
    assert len(seeds) > 10
    for seed in seeds:
        data = seed.read_bytes()
        look(data)
        for mutated in mutations(data, random.Random(seed.name), 10):
            look(mutated)


def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    one = images.tar({f"usr/share/{number}": b"x" for number in range(300)})
    many = images.tar({f"usr/share/{number}": b"x" for number in range(9000)})
    peaks = []
    for data in (one, many):
        path = images.write(tmp_path / "a.tar", images.new(Image([Layer(data)])))
        tracemalloc.start()
        drained_count = sum(1 for piece in find(f"archive:{path}").pieces() for _ in piece.chunks)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert drained_count > 100
    # What a larger buffer takes, and eight bytes a name.
    assert peaks[1] - peaks[0] < 3 * MEGABYTE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
