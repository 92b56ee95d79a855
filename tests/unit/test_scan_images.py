"""Images in every form: each layer, what hides a file, configuration and history."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import images
import pieces
from images import Image, Layer
from strongroom.scan.model import Place
from strongroom.scan.targets import find
from strongroom.scan.targets.base import Target
from strongroom.scan.targets.image.config import split_arguments
from strongroom.scan.targets.image.target import ImageArchive, OciDirectory

BASE = Layer(
    images.tar(
        {
            "etc/": b"", "etc/base.conf": b"base-token", "srv/": b"", "srv/gone.env": b"gone-token",
            "srv/dir/deep.env": b"deep-token", "srv/over.env": b"first-token", "opt/app/a.conf": b"opaque-token",
            "var/cache": b"file-token", "./dotted.conf": b"dotted-token",
        }
    ),
    "/bin/sh -c #(nop) ADD file:1234 in / ",
)  # fmt: skip
TOP = Layer(
    images.tar(
        {
            "srv/.wh.gone.env": b"", "srv/.wh.dir": b"", "srv/over.env": b"second-token",
            "opt/app/.wh..wh..opq": b"", "opt/app/b.conf": b"kept-token", "var/cache/": b"",
        }
    ),
    "RUN |1 TOKEN=argument-token /bin/sh -c rm -rf /srv/gone.env # buildkit",
)  # fmt: skip
IMAGE = Image(
    [BASE, TOP],
    {
        "Env": ["PATH=/bin", "DB_PASSWORD=env-token"], "Labels": {"key": "label-token"},
        "Cmd": ["serve", "--key", "cmd-token"], "Entrypoint": ["/entry-token"],
        "Healthcheck": {"Test": ["CMD-SHELL", "curl -u health-token"]}, "OnBuild": ["RUN onbuild-token"],
    },
    empty=["/bin/sh -c #(nop)  ENV DB_PASSWORD=env-token", 'CMD ["serve" "--key" "cmd-token"]', "ENV OLD=former-token"],
)  # fmt: skip


def files_of(form: str) -> Mapping[str, bytes]:
    return {"old": images.old(IMAGE), "new": images.new(IMAGE), "oci": images.oci([IMAGE])}[form]


def packed(form: str, pack: images.Pack | None = None) -> Callable[[Path], Target]:
    return lambda path: ImageArchive(images.write(path / "a.tar", files_of(form), pack))


FORMS: dict[str, Callable[[Path], Target]] = {
    "old": packed("old"),
    "new": packed("new"),
    "oci": packed("oci"),
    "old, gzip": packed("old", images.gzipped),
    "new, zstd": packed("new", images.zstd),
    "oci, gzip layers": lambda p: ImageArchive(images.write(p / "a.tar", images.oci([IMAGE], images.gzipped))),
    "oci, zstd layers": lambda p: ImageArchive(images.write(p / "a.tar", images.oci([IMAGE], images.zstd))),
    "oci directory": lambda p: OciDirectory(images.unpack(p, images.oci([IMAGE], images.gzipped))),
}


@pytest.fixture(params=list(FORMS))
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    return FORMS[request.param](tmp_path)


@pytest.mark.parametrize(
    ("token", "path", "index", "shown"),
    [
        ("base", "etc/base.conf", 0, ""),
        ("dotted", "dotted.conf", 0, ""),
        ("gone", "srv/gone.env", 0, "deleted by layer 1 (RUN rm -rf /srv/gone.env)"),
        ("deep", "srv/dir/deep.env", 0, "deleted by layer 1 (RUN rm -rf /srv/gone.env)"),
        ("first", "srv/over.env", 0, "overwritten by layer 1 (RUN rm -rf /srv/gone.env)"),
        ("second", "srv/over.env", 1, ""),
        ("opaque", "opt/app/a.conf", 0, "hidden by layer 1 (RUN rm -rf /srv/gone.env)"),
        ("kept", "opt/app/b.conf", 1, ""),
        ("file", "var/cache", 0, "overwritten by layer 1 (RUN rm -rf /srv/gone.env)"),
    ],
)
def test_a_file_has_its_layer_and_what_hides_it(target: Target, token: str, path: str, index: int, shown: str) -> None:
    (place,) = pieces.where(target, f"{token}-token".encode())
    assert place.layer
    assert (place.path, place.layer.number, place.shown) == (path, index, shown)
    assert place.layer.digest == IMAGE.layers[index].digest
    assert place.layer.instruction == ("ADD file:1234 in /", "RUN rm -rf /srv/gone.env")[index]
    assert target.notices == []


@pytest.mark.parametrize(
    ("token", "path"),
    [
        ("env", "Env DB_PASSWORD"), ("label", "Label key"), ("cmd", "Cmd"), ("entry", "Entrypoint"),
        ("health", "Healthcheck"), ("onbuild", "OnBuild 0"), ("former", "history 2"), ("argument", "ARG TOKEN"),
    ],
)  # fmt: skip
def test_a_setting_is_a_piece_and_is_told_once(target: Target, token: str, path: str) -> None:
    assert [place.path for place in pieces.where(target, f"{token}-token".encode())] == [path]


def test_the_default_of_a_build_argument_is_told_once(tmp_path: Path) -> None:
    layer = Layer(images.tar({"a": b"b"}), "RUN |1 TOKEN=default-token /bin/sh -c make # buildkit")
    image = Image([layer], empty=["ARG TOKEN=default-token", "ARG OTHER"])
    target = ImageArchive(images.write(tmp_path / "a.tar", images.new(image)))
    assert [place.path for place in pieces.where(target, b"default-token")] == ["ARG TOKEN"]


def test_a_setting_has_its_name_before_it(tmp_path: Path) -> None:
    assert pieces.texts(FORMS["new"](tmp_path))["Env DB_PASSWORD"] == b"DB_PASSWORD=env-token"


def test_each_platform_is_looked_at_and_a_shared_layer_once(tmp_path: Path) -> None:
    arm = Layer(images.tar({"arm": b"arm-token"}))
    files = images.oci([Image([BASE, TOP]), Image([BASE, arm], architecture="arm64")])
    target = ImageArchive(images.write(tmp_path / "a.tar", files))
    (base,) = pieces.where(target, b"base-token")
    (second,) = pieces.where(target, b"arm-token")
    assert (base.platform, second.platform) == ("linux/amd64, linux/arm64", "linux/arm64")
    # The other platform's image still shows it.
    assert [place.shown for place in pieces.where(target, b"gone-token")] == [""]


def test_a_layer_hides_what_an_image_has_below_it_though_it_was_read_before(tmp_path: Path) -> None:
    arm = Layer(images.tar({"srv/gone.env": b"arm-token"}))
    files = images.oci([Image([TOP]), Image([arm, TOP], architecture="arm64")])
    target = ImageArchive(images.write(tmp_path / "a.tar", files))
    assert [place.shown for place in pieces.where(target, b"arm-token")] == [
        "deleted by layer 1 (RUN rm -rf /srv/gone.env)"
    ]


def test_attestations_are_not_looked_at(tmp_path: Path) -> None:
    import json

    files = dict(images.oci([IMAGE]))
    index = json.loads(files["index.json"])
    statement = b'{"statement": "provenance-token"}'
    manifest = json.dumps({"layers": [{"digest": images.digest(statement)}]}).encode()
    for blob in (statement, manifest):
        files[f"blobs/sha256/{images.digest(blob)[7:]}"] = blob
    annotations = {"vnd.docker.reference.type": "attestation-manifest"}
    index["manifests"].append({"digest": images.digest(manifest), "annotations": annotations})
    files["index.json"] = json.dumps(index).encode()
    target = ImageArchive(images.write(tmp_path / "a.tar", files))
    assert pieces.where(target, b"provenance-token") == []
    assert target.notices == []


def test_what_no_manifest_names_is_looked_at(tmp_path: Path) -> None:
    files = {**images.new(IMAGE), "blobs/sha256/" + "0" * 64: images.tar({"hidden": b"hidden-token"})}
    target = ImageArchive(images.write(tmp_path / "a.tar", files))
    (place,) = pieces.where(target, b"hidden-token")
    assert place == Place(f"blobs/sha256/{'0' * 64}!/hidden")


def test_a_layer_that_is_a_link_to_another_is_read_once(tmp_path: Path) -> None:
    files = images.old(Image([BASE, BASE, TOP]))
    first, second, _ = (name for name in files if name.endswith("layer.tar"))
    linked = {name: data for name, data in files.items() if name != second}
    for pack in (None, images.gzipped):
        data = images.tar(linked, links={second: f"../{first}"})
        (tmp_path / "a.tar").write_bytes(pack(data) if pack else data)
        target = ImageArchive(tmp_path / "a.tar")
        (place,) = pieces.where(target, b"base-token")
        assert place.layer and place.layer.number == 0
        assert target.notices == []


def test_a_layer_that_is_missing_is_told(tmp_path: Path) -> None:
    files = {n: d for n, d in images.new(IMAGE).items() if n != f"blobs/sha256/{TOP.digest[7:]}"}
    for pack in (None, images.gzipped):
        target = ImageArchive(images.write(tmp_path / "a.tar", files, pack))
        assert pieces.where(target, b"base-token")
        assert [n.message for n in target.notices] == ["is named in a manifest, and is not in the archive"]


def test_long_names_of_every_form_are_read(tmp_path: Path) -> None:
    long = "very/" * 60 + "long-name"
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        layer = Layer(images.tar({long: b"long-token", "ü": b"u-token"}, form))
        target = ImageArchive(images.write(tmp_path / "a.tar", images.new(Image([layer]))))
        assert [p.path for p in pieces.where(target, b"long-token")] == [long]
        assert [p.path for p in pieces.where(target, b"u-token")] == ["ü"]
    prefix = "p" * 90 + "/" + "n" * 90
    layer = Layer(images.tar({prefix: b"long-token"}, tarfile.USTAR_FORMAT))
    target = ImageArchive(images.write(tmp_path / "a.tar", images.new(Image([layer]))))
    assert [p.path for p in pieces.where(target, b"long-token")] == [prefix]


def test_a_file_larger_than_any_buffer_is_whole(tmp_path: Path) -> None:
    data = b"0123456789abcdef" * 200_000 + b"end"
    layer = Layer(images.tar({"small": b"x", "large": data, "after": b"after"}))
    for pack in (None, images.gzipped, images.zstd):
        target = ImageArchive(images.write(tmp_path / "a.tar", images.oci([Image([layer])], pack)))
        found = pieces.texts(target)
        assert found["large"] == data and found["after"] == b"after"


def test_pieces_that_nobody_reads_are_passed_over(tmp_path: Path) -> None:
    layer = Layer(images.tar({"large": b"x" * 3_000_000, "after": b"after", "a.gz": images.gzipped(b"y" * 100_000)}))
    target = ImageArchive(images.write(tmp_path / "a.tar", images.oci([Image([layer])], images.gzipped)))
    names = [piece.place.path for piece in target.pieces()]
    assert names[-3:] == ["large", "after", "a.gz!/a"]


def test_an_archive_is_found_by_its_name(tmp_path: Path) -> None:
    path = images.write(tmp_path / "a.tar", images.new(IMAGE))
    assert find(str(path)).name == f"archive {path}"
    assert find(f"archive:{path}").name == f"archive {path}"
    assert isinstance(find(str(images.unpack(tmp_path / "oci", images.oci([IMAGE])))), OciDirectory)


def test_a_tar_of_another_kind_is_looked_at_as_files(tmp_path: Path) -> None:
    path = images.write(tmp_path / "a.tar", {"a/b": b"some-token"})
    target = ImageArchive(path)
    assert [p.path for p in pieces.where(target, b"some-token")] == ["a/b"]
    assert "names no image" in target.notices[0].message


@pytest.mark.parametrize(
    ("created", "instruction", "arguments"),
    [
        ("/bin/sh -c #(nop)  ENV A=b", "ENV A=b", []),
        ("/bin/sh -c apt-get update", "RUN apt-get update", []),
        ("RUN /bin/sh -c apt-get update # buildkit", "RUN apt-get update", []),
        ("COPY . /app # buildkit", "COPY . /app", []),
        ("RUN |2 A=x y B=z /bin/sh -c make # buildkit", "RUN make", ["A=x y", "B=z"]),
        ("|1 A=x /bin/sh -c make", "RUN make", ["A=x"]),
        ("RUN |1 A=x /bin/bash -o pipefail -c make # buildkit", "RUN make", ["A=x"]),
        ("RUN |0 /bin/sh -c make # buildkit", "RUN make", []),
        ("", "", []),
    ],
)
def test_an_instruction_is_what_a_person_wrote(created: str, instruction: str, arguments: list[str]) -> None:
    assert split_arguments(created) == (instruction, arguments)


def test_two_images_of_one_archive_are_told_apart(tmp_path: Path) -> None:
    import json

    one, two = Image([BASE], {"Env": ["A=one-token"]}), Image([BASE, TOP], {"Env": ["A=two-token"]})
    files = {**images.old(one, "one:1"), **images.old(two, "two:1")}
    entries = [
        json.loads(images.old(image, tag)["manifest.json"])[0] for image, tag in ((one, "one:1"), (two, "two:1"))
    ]
    files["manifest.json"] = json.dumps(entries).encode()
    target = ImageArchive(images.write(tmp_path / "a.tar", files))
    assert [p.path for p in pieces.where(target, b"two-token")] == ["two:1: Env A"]
    assert [p.shown for p in pieces.where(target, b"gone-token")] == [""]


def test_of_a_layer_that_is_read_in_its_order_only_names_with_a_finding_are_kept(tmp_path: Path) -> None:
    target = FORMS["oci"](tmp_path)
    assert len(pieces.where(target, b"first-token")) == 1
    top = next(changes for changes in target._changes.values() if "srv/over.env" in changes.files)  # type: ignore[attr-defined]
    assert "opt/app/b.conf" not in top.files


def test_otherwise_names_of_eight_bytes_each_are_kept() -> None:
    from strongroom.scan.targets.image.layers import Names

    names = Names()
    for number in range(1000):
        names.add(f"a/{number}")
    assert "a/7" in names and "a/1000" not in names
    assert names._hashes.itemsize == 8


def test_an_archive_in_a_layer_is_opened(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as archive:
        info = tarfile.TarInfo("in/side")
        info.size = 11
        archive.addfile(info, io.BytesIO(b"inner-token"))
    below = Layer(images.tar({"opt/a.tgz": inner.getvalue()}))
    above = Layer(images.tar({"opt/.wh.a.tgz": b""}), "RUN rm /opt/a.tgz")
    target = ImageArchive(images.write(tmp_path / "a.tar", images.new(Image([below, above]))))
    (place,) = pieces.where(target, b"inner-token")
    assert (place.path, place.shown) == ("opt/a.tgz!/in/side", "deleted by layer 1 (RUN rm /opt/a.tgz)")
