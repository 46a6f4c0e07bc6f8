import base64
import struct
from contextlib import suppress

import pytest

from galerne.errors import ImageRefused
from galerne.images import MOST_BYTES, Image, read_data_url, read_image, sniff
from tests.pictures import GIF, jpeg_head, png, webp_head


@pytest.mark.parametrize(
    ("content", "kind", "size"),
    [
        (png(48, 32), "image/png", (48, 32)),
        (GIF, "image/gif", (1, 1)),
        (jpeg_head(640, 480), "image/jpeg", (640, 480)),
        (webp_head(300, 200), "image/webp", (300, 200)),
        (webp_head(300, 200, kind=b"VP8L"), "image/webp", (300, 200)),
        (webp_head(300, 200, kind=b"VP8 "), "image/webp", (300, 200)),
    ],
)
def test_kind_and_size_are_those_of_the_bytes(content, kind, size):
    image = read_image(content, path="p")
    assert (image.media_type, (image.width_pixels, image.height_pixels)) == (kind, size)


@pytest.mark.parametrize("content", [b"", b"<svg/>", b"%PDF-1.7", b"BM", b"\x89PNG\r\n", b"RIFF1234WAVE"])
def test_what_is_no_image_is_refused(content):
    with pytest.raises(ImageRefused, match="it is no PNG"):
        read_image(content, path="messages[0]")
    assert sniff(content) == ""


@pytest.mark.parametrize("content", [png(), jpeg_head(640, 480), GIF, webp_head(9, 9)])
def test_every_cut_of_a_header_is_refused_and_never_crashes(content):
    for end in range(10):
        with pytest.raises(ImageRefused):
            read_image(content[:end], path="p")
    for end in range(10, min(len(content), 64)):
        with suppress(ImageRefused):
            read_image(content[:end], path="p")


def test_a_picture_that_would_unpack_to_gigabytes_is_refused():
    whole = png(8, 8)
    bomb = whole[:16] + struct.pack(">II", 60_000, 60_000) + whole[24:]
    with pytest.raises(ImageRefused, match="60000 x 60000 pixels, the most taken is 50000000"):
        read_image(bomb, path="p")
    flat = whole[:16] + struct.pack(">II", 0, 9) + whole[24:]
    with pytest.raises(ImageRefused, match="0 x 9"):
        read_image(flat, path="p")


def test_too_many_bytes_are_refused_before_they_are_decoded():
    with pytest.raises(ImageRefused, match=str(MOST_BYTES)):
        read_image(png() + b"\0" * MOST_BYTES, path="p")
    with pytest.raises(ImageRefused, match=str(MOST_BYTES)):
        read_data_url("data:image/png;base64," + "!" * (2 * MOST_BYTES), path="p")


def test_a_data_address_gives_its_image_back_whatever_type_it_claims():
    image = read_data_url(f"data:image/jpeg;base64,{base64.b64encode(png()).decode()}", path="p", at=3)
    assert (image.content, image.media_type, image.at) == (png(), "image/png", 3)
    assert read_data_url(image.data_url(), path="p", at=3) == image
    assert len(image.sha256) == 64


@pytest.mark.parametrize(
    "url",
    ["data:image/png,abc", "data:;base64", "http://x/a.png", "data:image/png;base64,a===", "iVBORw0KGgo="],
)
def test_an_address_that_holds_no_image_is_refused(url):
    with pytest.raises(ImageRefused):
        read_data_url(url, path="p")


def test_more_pixels_make_more_tiles_up_to_what_eyes_see():
    def tiles(width: int, height: int) -> int:
        return Image(media_type="image/png", content=b"", width_pixels=width, height_pixels=height).n_tiles

    assert tiles(28, 28) < tiles(280, 280) < tiles(1540, 1540)
    assert tiles(1540, 1540) == tiles(6160, 6160)
    assert tiles(1, 50_000_000) >= 1


def test_an_image_shows_no_byte_of_itself_where_it_is_printed():
    assert "PNG" not in repr(read_image(png(), path="p"))
