"""``galerne pull`` against a recorded hub on this machine: chosen, fetched, resumed, refused."""

import hashlib
import json
import signal
import subprocess

import pytest

from tests.cli.terminal import COMMAND, PATIENCE_S, environment, galerne
from tests.models.gguf_bytes import tiny_gguf, tiny_projector
from tests.models.recorded_hub import recorded_hub

OWNER = "mistralai/Ministral-3-3B-Instruct-2512-GGUF"
NAME = "Ministral-3-3B-Instruct-2512-Q4_K_M.gguf"
WHOLE = tiny_gguf()


@pytest.fixture
def hub():
    with recorded_hub() as recorded:
        recorded.files[f"{OWNER}/{NAME}"] = WHOLE
        recorded.files[f"{OWNER}/{NAME.replace('Q4_K_M', 'Q8_0')}"] = WHOLE + bytes(64)
        yield recorded


@pytest.fixture
def catalog(tmp_path):
    """A catalogue that knows the checksum of the recorded file."""
    known = hashlib.sha256(WHOLE).hexdigest()
    (tmp_path / "files.csv").write_text(
        "id,model_id,format_id,repository,filename,size_bytes,sha256,source\n"
        f"ministral-3-3b-q4_k_m,ministral-3-3b,q4_k_m,{OWNER},{NAME},{len(WHOLE)},{known},gguf-mistralai\n"
    )
    return tmp_path


def events(outcome):
    assert outcome.exit_code == 0, outcome.errors
    return [json.loads(line) for line in outcome.output.splitlines()]


def test_a_model_of_the_catalogue_is_fetched_by_its_id(hub, catalog, here, home):
    told = here("pull", "ministral-3-3b", GALERNE_HUB=hub.address, GALERNE_CATALOG=str(catalog))
    assert told.exit_code == 0, told.errors
    assert (home / "models" / NAME).read_bytes() == WHOLE
    assert hashlib.sha256(WHOLE).hexdigest() in told.output
    assert "galerne run" in told.output
    again = here("pull", "ministral-3b-latest", GALERNE_HUB=hub.address, GALERNE_CATALOG=str(catalog))
    assert "was here already" in again.output


@pytest.mark.parametrize(
    ("name", "filename"),
    [
        (f"hf.co/{OWNER}:Q8_0", NAME.replace("Q4_K_M", "Q8_0")),
        (f"hf.co/{OWNER}", NAME.replace("Q4_K_M", "Q8_0")),
        (f"https://huggingface.co/{OWNER}/resolve/main/{NAME}", NAME),
    ],
    ids=["quantisation", "the best that fits", "address"],
)
def test_a_file_is_fetched_by_its_name_on_the_hub(name, filename, hub, here, home):
    told = events(here("pull", name, "--json", HF_ENDPOINT=hub.address))
    assert [line["event"] for line in told] == ["chosen", "progress", "file", "done"]
    assert (told[1]["here_bytes"], told[1]["left_s"]) == (told[1]["total_bytes"], 0.0)
    assert told[2]["checked"]
    assert told[-1]["path"] == str(home / "models" / filename)


def test_eyes_come_with_their_model_under_its_name_unless_nobody_wants_them(hub, catalog, here, home):
    hub.files[f"{OWNER}/mmproj-model-f32.gguf"] = tiny_projector() + bytes(64)
    hub.files[f"{OWNER}/mmproj-model-f16.gguf"] = tiny_projector()
    settings = {"GALERNE_HUB": hub.address, "GALERNE_CATALOG": str(catalog)}
    here("pull", "ministral-3-3b", "--blind", **settings)
    assert [path.name for path in (home / "models").glob("*.gguf")] == [NAME]
    told = here("pull", "ministral-3-3b", **settings)
    assert "it lets the model see images" in told.output
    eyes = home / "models" / "mmproj-Ministral-3-3B-Instruct-2512-f16.gguf"
    assert eyes.read_bytes() == tiny_projector()
    (row,) = [row for row in json.loads(here("list", "--json").output)["models"] if not row["built_in"]]
    assert row["vision"]
    model_id = row["model_id"]
    assert json.loads(here("show", model_id, "--json").output)["projector"] == str(eyes)
    assert here("rm", model_id, "--yes").exit_code == 0
    assert list((home / "models").glob("*.gguf")) == []


def test_of_a_model_whose_repository_alone_is_known_the_hub_names_the_files(hub, here, home):
    name = "Devstral-Small-2-24B-Instruct-2512-Q4_K_M.gguf"
    hub.files[f"unsloth/Devstral-Small-2-24B-Instruct-2512-GGUF/{name}"] = WHOLE
    told = events(here("pull", "devstral-small-2-24b", "--json", GALERNE_HUB=hub.address))
    assert told[-1]["path"] == str(home / "models" / name)


def test_another_file_than_the_catalogue_knows_is_refused_before_a_byte(hub, here, home):
    refused = here("pull", "ministral-3-3b", GALERNE_HUB=hub.address)
    assert refused.exit_code == 3
    assert "another file" in refused.errors
    assert hub.n_sent() == 0  # only asked about
    assert not (home / "models").exists()


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "told"),
    [
        (["ministral-3-3b", "--offline"], {}, 3, "stay offline"),
        (["ministral-3-3b"], {"GALERNE_OFFLINE": "1"}, 3, "stay offline"),
        (["ministral-3-3b"], {"GALERNE_HUB": "http://127.0.0.1:9"}, 3, "does not answer"),
        (["ministral-33-3b"], {}, 2, "did you mean 'ministral-3-3b"),
        (["mathstral-7b"], {}, 2, "hf.co/OWNER"),
        (["ministral-3-8b", "--format", "q2"], {}, 2, "q8_0"),
        (["https://example.com/a/B"], {}, 2, "hf.co"),
        (["ministral-3-3b"], {"GALERNE_OFFLINE": "perhaps"}, 2, "GALERNE_OFFLINE"),
        (["ministral-3-3b"], {"GALERNE_HUB": "mirror"}, 2, "GALERNE_HUB"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_fetched_is_explained(arguments, settings, code, told, here):
    refused = here("pull", *arguments, **settings)
    assert refused.exit_code == code
    assert told in refused.errors


def test_what_the_memory_never_holds_is_fetched_only_on_demand(hub, here, home, monkeypatch):
    monkeypatch.setattr(
        "galerne.machine.host._meminfo_bytes", lambda _: {"MemTotal": 1000, "MemAvailable": 1000}
    )
    refused = here("pull", f"hf.co/{OWNER}:q8_0", GALERNE_HUB=hub.address)
    assert refused.exit_code == 3
    assert "GB are free" in refused.errors
    taken = here("pull", f"hf.co/{OWNER}:q8_0", "--anyway", GALERNE_HUB=hub.address)
    assert "more memory than is free" in taken.output
    assert taken.exit_code == 0


def test_ctrl_c_keeps_what_has_arrived_and_the_same_command_goes_on(hub, home):
    hub.files[f"{OWNER}/{NAME}"] = WHOLE + bytes(24 << 20)
    hub.stalls_after = 12 << 20
    process = subprocess.Popen(
        [*COMMAND, "pull", f"hf.co/{OWNER}:Q4_K_M"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(home, GALERNE_HUB=hub.address),
    )
    assert hub.stalled.wait(PATIENCE_S)
    process.send_signal(signal.SIGINT)
    hub.go_on.set()
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert b"is kept" in output
    hub.stalls_after = None
    told = events(galerne("pull", f"hf.co/{OWNER}:Q4_K_M", "--json", home=home, GALERNE_HUB=hub.address))
    file = next(line for line in told if line["event"] == "file")
    assert 0 < file["kept_bytes"] < file["size_bytes"]
    assert file["checked"]
