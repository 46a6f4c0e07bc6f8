"""Eyes beside models: found where other programs put them, checked before the engine sees them."""

import hashlib
import json

import pytest

from galerne.errors import InvalidModelFile, ModelFileMissing
from galerne.models import library
from galerne.models.projector import read_projector
from tests.models.gguf_bytes import gguf, tiny_gguf, tiny_metadata, tiny_projector, tiny_tensors

WIDE = gguf(tiny_metadata(**{"llama.embedding_length": 128}), tiny_tensors())


def eyes(found) -> dict[str, str | None]:
    own = (file for file in found.files if not file.is_builtin)
    return {file.model_id: file.projector.path.name if file.projector else None for file in own}


@pytest.mark.parametrize(
    "name",
    [
        "mmproj-Pix-F16",
        "Pix-BF16-mmproj",
        "mmproj-mistralai_Pix-f16",
        "Pix.mmproj-Q8_0",
        "mmproj-F16",
        "mmproj-model-f16",
    ],
)
def test_eyes_are_found_by_the_names_that_people_give_them(tmp_path, name):
    (tmp_path / "Pix-Q4_K_M.gguf").write_bytes(tiny_gguf())
    (tmp_path / f"{name}.gguf").write_bytes(tiny_projector())
    found = library(tmp_path)
    assert eyes(found) == {"Pix-Q4_K_M": f"{name}.gguf"}
    assert found.problems == ()


def test_eyes_named_for_another_model_or_of_another_width_are_not_taken(tmp_path):
    (tmp_path / "Pix-Q4_K_M.gguf").write_bytes(tiny_gguf())
    (tmp_path / "mmproj-Other-f16.gguf").write_bytes(tiny_projector())
    (tmp_path / "mmproj-Pix-f16.gguf").write_bytes(tiny_projector(dim=128))
    assert eyes(library(tmp_path)) == {"Pix-Q4_K_M": None}


def test_nameless_eyes_between_two_models_of_one_width_are_nobodys(tmp_path):
    for name, content in {"a": tiny_gguf(), "b": WIDE, "mmproj-model-f16": tiny_projector()}.items():
        (tmp_path / f"{name}.gguf").write_bytes(content)
    assert eyes(library(tmp_path)) == {"a": "mmproj-model-f16.gguf", "b": None}
    (tmp_path / "c.gguf").write_bytes(tiny_gguf())
    assert eyes(library(tmp_path)) == {"a": None, "b": None, "c": None}


def test_of_several_the_sharp_enough_one_is_taken_by_every_format_of_the_model(tmp_path):
    for name in ("Pix-Q4_K_M", "Pix-Q8_0"):
        (tmp_path / f"{name}.gguf").write_bytes(tiny_gguf())
    for name in ("mmproj-Pix-f32", "mmproj-Pix-f16", "mmproj-Pix-bf16"):
        (tmp_path / f"{name}.gguf").write_bytes(tiny_projector())
    assert set(eyes(library(tmp_path)).values()) == {"mmproj-Pix-f16.gguf"}


def test_a_manifest_of_ollama_says_whose_eyes_they_are(tmp_path):
    (tmp_path / "blobs").mkdir()
    layers = []
    for kind, content in (("model", tiny_gguf()), ("projector", tiny_projector())):
        digest = hashlib.sha256(content).hexdigest()
        (tmp_path / "blobs" / f"sha256-{digest}").write_bytes(content)
        layers.append({"mediaType": f"application/vnd.ollama.image.{kind}", "digest": f"sha256:{digest}"})
    manifest = tmp_path / "manifests/registry.ollama.ai/library/llava/7b"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"layers": layers}))
    digest = layers[1]["digest"].replace(":", "-")
    assert eyes(library(None, stores=[tmp_path])) == {"llava:7b": digest}


def test_eyes_in_the_cache_of_hugging_face_and_of_lm_studio_are_found(tmp_path):
    cache, studio = tmp_path / "hub", tmp_path / "studio"
    for folder in (cache / "models--o--Pix-GGUF/snapshots/abc", studio / "o/Pix-GGUF"):
        folder.mkdir(parents=True)
        (folder / "Pix-Q4_K_M.gguf").write_bytes(tiny_gguf())
        (folder / "mmproj-F16.gguf").write_bytes(tiny_projector())
    for store in (cache, studio):
        assert eyes(library(None, stores=[store])) == {"Pix-Q4_K_M": "mmproj-F16.gguf"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (tiny_projector()[:500], "the file ends"),
        (tiny_gguf(), "is no projector"),
        (tiny_projector(**{"clip.has_vision_encoder": False}), "no encoder of images"),
        (tiny_projector(**{"clip.projector_type": 7}), "no encoder of images"),
    ],
)
def test_damaged_eyes_are_reported_and_blind_only(tmp_path, content, problem):
    (tmp_path / "Pix-Q4_K_M.gguf").write_bytes(tiny_gguf())
    path = tmp_path / "mmproj-Pix.gguf"
    path.write_bytes(content)
    with pytest.raises(InvalidModelFile, match=problem):
        read_projector(path)
    found = library(tmp_path)
    assert eyes(found) == {"Pix-Q4_K_M": None}
    assert [error.path for error in found.problems] == [str(path)]


def test_missing_eyes_are_named(tmp_path):
    with pytest.raises(ModelFileMissing):
        read_projector(tmp_path / "mmproj.gguf")
