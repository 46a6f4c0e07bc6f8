"""Names of models, and the stores of other programs."""

import hashlib
import json

import pytest

from galerne.errors import UnknownModel
from galerne.models import library
from galerne.models.naming import quantisation
from galerne.models.stores import default_stores, stored_files
from tests.models.gguf_bytes import gguf, tiny_metadata, tiny_projector, tiny_tensors

MINISTRAL = {"llama.embedding_length": 3072, "llama.block_count": 26}
NAME = "Ministral-3-3B-Instruct-2512"


def ministral(**changes) -> bytes:
    """A file whose header says what Ministral 3 3B is; its weights are small."""
    return gguf(tiny_metadata(**{**MINISTRAL, **changes}), tiny_tensors())


def own(found):
    return [file for file in found.files if not file.is_builtin]


def ollama_store(folder, models: dict[str, bytes]):
    (folder / "blobs").mkdir(parents=True)
    for path, data in models.items():
        digest = hashlib.sha256(data).hexdigest()
        (folder / "blobs" / f"sha256-{digest}").write_bytes(data)
        manifest = folder / "manifests" / path
        manifest.parent.mkdir(parents=True, exist_ok=True)
        layers = [
            {"mediaType": "application/vnd.ollama.image.license", "digest": "sha256:" + "0" * 64, "size": 1},
            {
                "mediaType": "application/vnd.ollama.image.model",
                "digest": f"sha256:{digest}",
                "size": len(data),
            },
        ]
        manifest.write_text(json.dumps({"schemaVersion": 2, "layers": layers}))
    return folder


@pytest.mark.parametrize(
    ("filename", "model_id"),
    [
        (f"{NAME}-Q4_K_M.gguf", "ministral-3-3b"),
        (f"mistralai_{NAME}-Q4_K_M.gguf", "ministral-3-3b"),
        (f"{NAME}.Q6_K.gguf", "ministral-3-3b"),
        ("ministral-3-3b-q4_0.gguf", "ministral-3-3b"),
        ("Ministral-3-3B-Reasoning-2512-Q4_K_M.gguf", "ministral-3-3b-reasoning"),
        ("something-else-Q4_K_M.gguf", "something-else-Q4_K_M"),
        ("Ministral-3-8B-Instruct-2512-Q4_K_M.gguf", "Ministral-3-8B-Instruct-2512-Q4_K_M"),
    ],
)
def test_a_known_model_has_the_id_of_the_catalogue_if_its_shape_is_that_models(filename, model_id, tmp_path):
    (tmp_path / filename).write_bytes(ministral())
    (file,) = own(library(tmp_path))
    assert file.model_id == model_id
    assert file.is_known == model_id.startswith("ministral")
    assert library(tmp_path).find(filename.removesuffix(".gguf")) == file


def test_a_known_model_has_the_licence_of_the_catalogue(tmp_path):
    (tmp_path / f"{NAME}-Q4_K_M.gguf").write_bytes(ministral(**{"general.license": "whatever"}))
    (file,) = own(library(tmp_path))
    assert (file.spec.name, file.spec.licence, file.spec.commercial_use) == (
        "Ministral 3 3B",
        "Apache-2.0",
        True,
    )


def test_of_two_formats_of_one_model_the_larger_has_the_plain_name_and_both_their_own(tmp_path):
    (tmp_path / f"{NAME}-Q4_K_M.gguf").write_bytes(ministral())
    (tmp_path / f"{NAME}-Q8_0.gguf").write_bytes(ministral() + bytes(64))
    found = library(tmp_path)
    assert {file.model_id for file in own(found)} == {"ministral-3-3b", "ministral-3-3b:q4_k_m"}
    assert found.find("ministral-3-3b").format_id == "q8_0"
    assert found.find("ministral-3-3b:q8_0") == found.find("ministral-3-3b")
    assert found.find(f"{NAME}-Q4_K_M").format_id == "q4_k_m"


def test_pieces_of_one_model_are_one_model_and_a_missing_one_is_said(tmp_path):
    tensors = tiny_tensors()
    first = {name: tensors[name] for name in list(tensors)[:3]}
    rest = {name: tensors[name] for name in list(tensors)[3:]}
    (tmp_path / f"{NAME}-Q4_K_M-00001-of-00002.gguf").write_bytes(gguf(tiny_metadata(**MINISTRAL), first))
    (damaged,) = library(tmp_path).problems
    assert "2 pieces" in str(damaged)
    (tmp_path / f"{NAME}-Q4_K_M-00002-of-00002.gguf").write_bytes(gguf({"split.no": 1}, rest))
    (file,) = own(library(tmp_path))
    assert file.model_id == "ministral-3-3b"
    assert len(file.pieces) == 2
    assert file.spec.n_parameters == sum(array.size for array in tensors.values())
    assert file.size_bytes == sum(path.stat().st_size for path in file.pieces)


def test_ollamas_models_are_read_where_they_lie_under_its_names(tmp_path):
    store = ollama_store(
        tmp_path,
        {
            "registry.ollama.ai/library/ministral-3/3b": ministral(
                **{"general.name": "Ministral 3 3B Instruct 2512"}
            ),
            "registry.ollama.ai/someone/own/latest": gguf(tiny_metadata(), tiny_tensors(seed=9)),
            "hf.co/a/B-GGUF/Q4_K_M": gguf(tiny_metadata(), tiny_tensors(seed=10)),
        },
    )
    found = library(None, stores=[store])
    by_id = {file.model_id: file for file in own(found)}
    assert by_id.keys() == {"ministral-3:3b", "someone/own:latest", "hf.co/a/B-GGUF:Q4_K_M"}
    assert found.find("ministral-3-3b").model_id == "ministral-3:3b"
    assert found.find("someone/own").store == "ollama"
    assert (
        by_id["ministral-3:3b"].sha256
        == hashlib.sha256(by_id["ministral-3:3b"].path.read_bytes()).hexdigest()
    )
    assert by_id["ministral-3:3b"].path.is_relative_to(store)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"layers": [{}]}', '{"layers": [{"mediaType": "x"}]}'])
def test_a_damaged_manifest_hides_no_other(text, tmp_path):
    store = ollama_store(tmp_path, {"registry.ollama.ai/library/good/latest": ministral()})
    (store / "manifests/registry.ollama.ai/library/bad").mkdir()
    (store / "manifests/registry.ollama.ai/library/bad/latest").write_text(text)
    assert [file.name for file in stored_files(store)] == ["good:latest"]


def test_a_manifest_leads_nowhere_outside_its_store(tmp_path):
    store = ollama_store(tmp_path / "store", {})
    (tmp_path / "secret.gguf").write_bytes(ministral())
    manifest = store / "manifests/registry.ollama.ai/library/evil/latest"
    manifest.parent.mkdir(parents=True)
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../../secret.gguf"}
    manifest.write_text(json.dumps({"layers": [layer]}))
    assert list(stored_files(store)) == []


def test_files_of_lm_studio_and_of_the_hubs_cache_are_found(tmp_path):
    lm_studio, cache = tmp_path / "lm", tmp_path / "hub"
    for folder in (lm_studio / "mistralai/Ministral", cache / "models--a--B/snapshots/0123"):
        folder.mkdir(parents=True)
    (lm_studio / f"mistralai/Ministral/{NAME}-Q4_K_M.gguf").write_bytes(ministral())
    (lm_studio / "mistralai/Ministral/mmproj-x.gguf").write_bytes(tiny_projector())
    (cache / f"models--a--B/snapshots/0123/{NAME}-Q8_0.gguf").write_bytes(ministral() + bytes(64))
    found = library(None, stores=[lm_studio, cache])
    assert {file.store for file in own(found)} == {"lm-studio", "hugging-face"}
    assert found.problems == ()


def test_stores_are_looked_for_where_they_usually_are(tmp_path):
    for folder in (".ollama/models", ".lmstudio/models"):
        (tmp_path / folder).mkdir(parents=True)
    assert tmp_path / ".ollama/models" in default_stores(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    found = default_stores(tmp_path, ollama=str(tmp_path / "elsewhere"))
    assert found == (tmp_path / "elsewhere", tmp_path / ".lmstudio/models")


def test_the_nearest_of_an_unknown_name_is_told(tmp_path):
    (tmp_path / f"{NAME}-Q4_K_M.gguf").write_bytes(ministral())
    with pytest.raises(UnknownModel) as told:
        library(tmp_path).find("ministral-3b")
    assert told.value.nearest == "ministral-3-3b"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("A-UD-Q4_K_XL-00001-of-00002.gguf", "q4_k_xl"), ("a.IQ3_XXS.gguf", "iq3_xxs"), ("a-BF16.gguf", "bf16"),
     ("a-7B.gguf", ""), ("A-MXFP4_MOE.gguf", "mxfp4_moe")],
)  # fmt: skip
def test_the_quantisation_is_read_from_a_name(name, expected):
    assert quantisation(name) == expected
