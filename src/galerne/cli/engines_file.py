"""``engines.toml``: further engines beside the local one, each a server that speaks OpenAI's protocol.

    [engines.box]                          # a server that somebody runs: vLLM, llama-server, a hosted API
    url = "http://10.0.0.5:8000"
    key_env = "BOX_KEY"                    # environment variable that holds its key
    system = "dgx-h100"                    # row of the catalogue: its hardware, for the modelled energy
    accelerators = 2                       # of that system, which serve this model
    slots = 32                             # answers we ask of it at once

    [[engines.box.models]]
    id = "mistral-small-3.2-24b"           # what clients ask for
    served_as = "mistralai/Mistral-Small-3.2-24B-Instruct-2506"   # the server's own name; else its only one
    like = "mistral-small-3.2-24b"         # row of the catalogue: its architecture; default: the id
    format = "fp8"
    context_tokens = 32768

With ``run = "vllm"`` in place of ``url`` the process is ours, and ``checkpoint`` says what it loads.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from galerne.errors import InvalidSetting

ENGINE_KEYS = {
    "url": str, "run": str, "command": list, "options": list, "key_env": str, "system": str,
    "accelerators": int, "slots": int, "models": list,
}  # fmt: skip
MODEL_KEYS = {
    "id": str, "served_as": str, "checkpoint": str, "like": str, "format": str, "context_tokens": int,
}  # fmt: skip
OWN_PROCESSES = ("vllm",)


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineEntry:
    """One model of one engine of the file.

    Attributes:
        name: of the engine.
        url: where it answers; empty where it is a process of ours.
        key: from the environment; empty for none.
        command: of our own process, with further ``options``.
        system: row of the catalogue that says what hardware it runs on.
        n_accelerators: of that system, for this model.
        model_id: what clients ask for.
        served_as: the server's own name for it; None for the only one it has.
        checkpoint: what our own process loads.
        like: row of the catalogue with its architecture.
    """

    name: str
    url: str
    key: str
    command: tuple[str, ...]
    options: tuple[str, ...]
    system: str
    n_accelerators: int
    n_slots: int
    model_id: str
    served_as: str | None
    checkpoint: str
    like: str
    format: str
    context_tokens: int


def read_engines(path: Path, environ: Mapping[str, str]) -> tuple[EngineEntry, ...]:
    """The engines of a file; none where there is no file.

    Raises:
        InvalidSetting: names the file, the entry and what is wrong with it.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidSetting(name=str(path), problem=str(error)) from error
    engines = document.get("engines", {})
    if document.keys() - {"engines"} or not isinstance(engines, dict):
        raise InvalidSetting(name=str(path), problem="it has tables [engines.NAME] and nothing else")
    entries = tuple(
        entry for name, table in engines.items() for entry in _entries(name, table, environ, path=path)
    )
    seen = [(entry.name, entry.model_id) for entry in entries]
    if twice := next((pair for pair in seen if seen.count(pair) > 1), None):
        raise InvalidSetting(name=str(path), problem=f"[engines.{twice[0]}] has the model {twice[1]} twice")
    return entries


def _entries(name: str, table: Any, environ: Mapping[str, str], *, path: Path) -> list[EngineEntry]:
    where = f"[engines.{name}]"
    values = _checked(table, ENGINE_KEYS, where=where, path=path)
    url, run = values.get("url", ""), values.get("run", "")
    if bool(url) == bool(run):
        raise InvalidSetting(name=str(path), problem=f"{where} has one of `url` and `run`")
    if run and run not in OWN_PROCESSES:
        raise InvalidSetting(name=str(path), problem=f"{where} `run` is one of {', '.join(OWN_PROCESSES)}")
    if url and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname):
        raise InvalidSetting(name=str(path), problem=f"{where} `url` is an address such as http://box:8000")
    if not values.get("system"):
        problem = (
            f"{where} needs `system`, a row of `galerne catalog list systems`: its energy is modelled from it"
        )
        raise InvalidSetting(name=str(path), problem=problem)
    key_env = values.get("key_env")
    if key_env and not environ.get(key_env):
        raise InvalidSetting(name=str(path), problem=f"{where} the variable {key_env} is not set")
    models = values.get("models") or []
    if not models:
        raise InvalidSetting(name=str(path), problem=f"{where} needs [[engines.{name}.models]]")
    return [
        _entry(name, values, model, key=environ[key_env] if key_env else "", path=path) for model in models
    ]


def _entry(name: str, values: Mapping[str, Any], model: Any, *, key: str, path: Path) -> EngineEntry:
    where = f"[[engines.{name}.models]]"
    told = _checked(model, MODEL_KEYS, where=where, path=path)
    if not told.get("id"):
        raise InvalidSetting(name=str(path), problem=f"{where} needs `id`, what clients ask for")
    if values.get("run") and not told.get("checkpoint"):
        raise InvalidSetting(name=str(path), problem=f"{where} needs `checkpoint`, what vLLM loads")
    return EngineEntry(
        name=name,
        url=values.get("url", ""),
        key=key,
        command=tuple(values.get("command", OWN_PROCESSES[:1])),
        options=tuple(values.get("options", ())),
        system=values["system"],
        n_accelerators=max(1, values.get("accelerators", 1)),
        n_slots=max(1, values.get("slots", 16)),
        model_id=told["id"],
        served_as=told.get("served_as"),
        checkpoint=told.get("checkpoint", ""),
        like=told.get("like", told["id"]),
        format=told.get("format", "bf16"),
        context_tokens=max(256, told.get("context_tokens", 8192)),
    )


def _checked(table: Any, keys: Mapping[str, type], *, where: str, path: Path) -> Mapping[str, Any]:
    if not isinstance(table, dict):
        raise InvalidSetting(name=str(path), problem=f"{where} is a table")
    for key, value in table.items():
        if key not in keys:
            problem = f"{where} has no key {key!r}; it knows {', '.join(keys)}"
            raise InvalidSetting(name=str(path), problem=problem)
        if not isinstance(value, keys[key]) or isinstance(value, bool):
            raise InvalidSetting(
                name=str(path), problem=f"{where} {key} = {value!r} is not {keys[key].__name__}"
            )
    return table
