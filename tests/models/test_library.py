import pytest

from galerne.errors import ModelFileMissing, UnknownModel
from galerne.models import BUILTIN_MODEL_ID, builtin_model_path, inspect_model, library
from tests.models.gguf_bytes import tiny_gguf


def test_files_of_the_folder_are_found_by_name(tmp_path):
    (tmp_path / "ministral-8b-q4.gguf").write_bytes(tiny_gguf())
    (tmp_path / "notes.txt").write_text("not a model")
    found = library(tmp_path)
    file = found.find("ministral-8b-q4")
    assert file.path == tmp_path / "ministral-8b-q4.gguf"
    assert (file.weight_format.id, file.weight_format.bytes_per_weight) == ("f32", 4.0)
    assert file.has_chat_template
    assert file.weights_bytes == file.spec.n_parameters * 4
    assert not file.is_builtin


def test_an_unknown_name_is_answered_with_the_nearest(tmp_path):
    (tmp_path / "ministral-8b-q4.gguf").write_bytes(tiny_gguf())
    with pytest.raises(UnknownModel) as caught:
        library(tmp_path).find("ministral-8b")
    assert caught.value.nearest == "ministral-8b-q4"


def test_a_damaged_file_is_reported_and_hides_no_other(tmp_path):
    (tmp_path / "a.gguf").write_bytes(tiny_gguf()[:100])
    (tmp_path / "b.gguf").write_bytes(tiny_gguf())
    found = library(tmp_path)
    assert [file.model_id for file in found.files if not file.is_builtin] == ["b"]
    assert [problem.path for problem in found.problems] == [str(tmp_path / "a.gguf")]


def test_a_folder_that_does_not_exist_holds_nothing(tmp_path):
    assert library(tmp_path / "absent") == library(None)


def test_a_file_cannot_take_the_name_of_the_built_in_model(tmp_path):
    (tmp_path / f"{BUILTIN_MODEL_ID}.gguf").write_bytes(tiny_gguf())
    assert all(file.is_builtin for file in library(tmp_path).files)


def test_a_missing_model_file_is_named(tmp_path):
    with pytest.raises(ModelFileMissing):
        inspect_model(tmp_path / "gone.gguf")


def test_the_built_in_model_comes_with_the_package():
    file = inspect_model(builtin_model_path(), is_builtin=True)
    assert file.model_id == BUILTIN_MODEL_ID
    assert file.has_chat_template
    assert file.size_bytes <= 14_000_000
    assert library(None).files[0] == file
