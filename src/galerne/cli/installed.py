"""The models on this machine, as the settings say where to look."""

from __future__ import annotations

from galerne.cli.settings import Settings
from galerne.errors import UnknownModel
from galerne.models import Library, ModelFile, library


def installed(settings: Settings) -> Library:
    """Every model here: built in, in the models folder, in the stores of other programs."""
    return library(settings.models_folder, stores=settings.stores)


def find_installed(found: Library, name: str) -> ModelFile:
    """The model of that id, file name, name in Mistral's cloud, or name with a tag as in Ollama.

    Raises:
        UnknownModel: names the nearest.
    """
    try:
        return found.find(name)
    except UnknownModel:
        from galerne.fleet.aliases import cloud_aliases, tagged_ids

        by_cloud = cloud_aliases([file.model_id for file in found.files if not file.is_builtin])
        stands_for = next((model_id for model_id, names in by_cloud.items() if name in names), None)
        if stands_for is None:
            meant = tagged_ids(name, [file.model_id for file in found.files])
            if len(meant) != 1:
                raise
            stands_for = meant[0]
        return found.find(stands_for)
