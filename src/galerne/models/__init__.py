"""Model files: which are on this machine and what their headers say."""

from galerne.models.architecture import architecture, weight_format
from galerne.models.arriving import Arriving, arriving
from galerne.models.gguf import GgufHeader, TensorInfo, read_gguf_header
from galerne.models.library import (
    BUILTIN_MODEL_ID,
    Library,
    ModelFile,
    builtin_model_path,
    inspect_model,
    library,
)

__all__ = [
    "BUILTIN_MODEL_ID",
    "Arriving",
    "GgufHeader",
    "Library",
    "ModelFile",
    "TensorInfo",
    "architecture",
    "arriving",
    "builtin_model_path",
    "inspect_model",
    "library",
    "read_gguf_header",
    "weight_format",
]
