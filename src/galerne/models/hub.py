"""The hub that model files are fetched from: Hugging Face, or a mirror that speaks as it does.

Everything goes through ``huggingface_hub``: names, tokens, redirects, retries. What a person writes to name a
model there is read here too. The module is loaded only by what fetches: the rest of Galerne needs no network.
"""

from __future__ import annotations

import contextlib
import logging
import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

import huggingface_hub
from huggingface_hub import HfApi, constants, file_download
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils._headers import build_hf_headers
from huggingface_hub.utils.tqdm import (
    are_progress_bars_disabled,
    disable_progress_bars,
    enable_progress_bars,
)

from galerne.errors import HubRefused, HubUnreachable, InvalidRequest
from galerne.models.naming import quantisation

PUBLIC_HUB = "https://huggingface.co"
PUBLIC_NAMES = ("huggingface.co", "www.huggingface.co", "hf.co")
PATIENCE_S = 20.0
CHUNK_BYTES = 1 << 20
"""How much arrives between two looks at the clock, the disk and Ctrl-C: a tenth of the library's own."""

# The root of all that the library's HTTP client raises, whichever client a version of it uses.
_HttpFailure: type[Exception] = HfHubHTTPError.__mro__[1]
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PART = r"[A-Za-z0-9][\w.-]*"
_REPOSITORY = re.compile(rf"(?P<repository>{_PART}/{_PART})(?::(?P<quantisation>[\w.-]+))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class HubFile:
    """A file on the hub.

    Attributes:
        sha256: what its bytes must add up to; empty where the hub does not say.
        revision: commit or branch.
        saved_as: the name it gets on this disk; empty for its own.
    """

    repository: str
    filename: str
    size_bytes: int
    sha256: str = ""
    revision: str = "main"
    saved_as: str = ""

    @property
    def name(self) -> str:
        """The name it has on this disk."""
        return self.saved_as or PurePosixPath(self.filename).name

    @property
    def format_id(self) -> str:
        """The quantisation in its name, as the catalogue writes it; empty where there is none."""
        return quantisation(self.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class HubReference:
    """What a person named on the hub: a repository, perhaps a quantisation in it, or one file.

    Attributes:
        quantisation: such as ``Q4_K_M``; empty for the best that fits.
        filename: empty for a choice among its files.
    """

    repository: str
    quantisation: str = ""
    filename: str = ""
    revision: str = "main"


def read_reference(text: str, *, address: str = PUBLIC_HUB) -> HubReference | None:
    """``hf.co/owner/repository:QUANT``, ``owner/repository``, or the address of a file on the hub.

    Args:
        text: as it was typed.
        address: of the hub, whose own addresses are understood too.

    Returns:
        None where the text names nothing on a hub, as a plain model id.

    Raises:
        InvalidRequest: an address that is not on the hub, or names no repository there.
    """
    scheme, host, path = _split(text, address)
    if scheme and not host:
        known = ", ".join((*PUBLIC_NAMES[::2], address))
        raise InvalidRequest(path="MODEL", problem=f"{text} is not an address of the hub ({known})")
    steps = path.split("/")
    if len(steps) > 3 and steps[2] in {"resolve", "blob"} and len(steps) > 4:
        filename = urllib.parse.unquote("/".join(steps[4:]))
        return HubReference(repository="/".join(steps[:2]), filename=filename, revision=steps[3])
    named = _REPOSITORY.fullmatch("/".join(steps[:2]))
    if named is None or len(steps) > 3 or (len(steps) == 3 and steps[2]):
        if host or "/" in text:
            raise InvalidRequest(path="MODEL", problem=f"{text} is not OWNER/REPOSITORY or a file of one")
        return None
    return HubReference(repository=named["repository"], quantisation=named["quantisation"] or "")


def _split(text: str, address: str) -> tuple[str, str, str]:
    """Scheme, host of the hub (empty for any other) and path without query."""
    own = urllib.parse.urlsplit(address)
    if "://" not in text:
        first, _, rest = text.partition("/")
        return ("", first, rest.rstrip("/")) if first in PUBLIC_NAMES else ("", "", text.rstrip("/"))
    parts = urllib.parse.urlsplit(text)
    is_hub = parts.netloc in {*PUBLIC_NAMES, own.netloc}
    return parts.scheme, parts.netloc if is_hub else "", parts.path.strip("/")


class Hub:
    """Asks a hub what it has, and reads files from it.

    Args:
        address: ``https://huggingface.co`` or a mirror.
    """

    def __init__(self, address: str = PUBLIC_HUB) -> None:
        self.address = address.rstrip("/")
        # A saved login is for the public hub; a mirror is told nothing.
        self._token = None if self.address == PUBLIC_HUB else False

    def files(self, repository: str, *, revision: str = "main") -> tuple[HubFile, ...]:
        """The GGUF files of a repository, by name.

        Raises:
            HubUnreachable: no answer.
            HubRefused: no such repository, or it is not for us.
        """
        with self._telling_failures(repository):
            api = HfApi(endpoint=self.address, token=self._token, library_name="galerne")
            info = api.model_info(repository, revision=revision, files_metadata=True, timeout=PATIENCE_S)
        found = [
            HubFile(
                repository=repository,
                filename=sibling.rfilename,
                size_bytes=sibling.size or 0,
                sha256=sibling.lfs.sha256 if sibling.lfs else "",
                revision=info.sha or revision,
            )
            for sibling in info.siblings or ()
            if sibling.rfilename.endswith(".gguf")
        ]
        return tuple(sorted(found, key=lambda file: file.filename))

    def look_up(self, repository: str, filename: str, *, revision: str = "main") -> HubFile:
        """One file: its size, checksum and commit, as the hub says them now.

        Raises:
            HubUnreachable: no answer.
            HubRefused: no such file, or it is not for us.
        """
        name = f"{repository}/{filename}"
        with self._telling_failures(name):
            facts = file_download.get_hf_file_metadata(
                self._url(repository, filename, revision), token=self._token, timeout=PATIENCE_S
            )
        if facts.size is None:
            raise HubRefused(address=self.address, name=name, problem="it does not say how large it is")
        etag = facts.etag or ""
        return HubFile(
            repository=repository,
            filename=filename,
            size_bytes=facts.size,
            sha256=etag if _SHA256.fullmatch(etag) else "",
            revision=facts.commit_hash or revision,
        )

    def read(self, file: HubFile, into: BinaryIO, *, from_byte: int = 0, to_byte: int | None = None) -> None:
        """Write the bytes of a file from one place to another (or its end) into an open file.

        A connection that ends early is opened again, and reads on from where it was.

        Raises:
            HubUnreachable: the connection ends again and again.
            HubRefused: the hub does not give the file.
        """
        end_byte = file.size_bytes if to_byte is None else to_byte
        if end_byte - from_byte > constants.MAX_HTTP_DOWNLOAD_SIZE:
            problem = "it is larger than the hub gives in one piece; take one that comes in several files"
            raise HubRefused(address=self.address, name=file.name, problem=problem)
        headers = build_hf_headers(token=self._token, library_name="galerne")
        first_byte = from_byte
        if to_byte is not None:
            headers["Range"], first_byte = f"bytes={from_byte}-{end_byte - 1}", 0
        with self._telling_failures(file.name), _in_small_chunks():
            file_download.http_get(
                self._url(file.repository, file.filename, file.revision),
                into,
                resume_size=first_byte,
                headers=headers,
                expected_size=end_byte - from_byte + first_byte,
            )

    def _url(self, repository: str, filename: str, revision: str) -> str:
        return huggingface_hub.hf_hub_url(repository, filename, revision=revision, endpoint=self.address)

    @contextlib.contextmanager
    def _telling_failures(self, name: str) -> Iterator[None]:
        try:
            yield
        except HfHubHTTPError as error:
            status = error.response.status_code
            said = (error.server_message or str(error)).strip().splitlines()
            problem = f"{status}, {said[0]}" if said else str(status)
            if status >= 500:
                raise HubUnreachable(address=self.address, problem=problem) from None
            raise HubRefused(address=self.address, name=name, problem=problem) from None
        except (_HttpFailure, OSError) as error:
            if getattr(error, "errno", None) is not None:
                raise  # of this disk, not of the hub
            problem = str(error) or type(error).__name__
            raise HubUnreachable(address=self.address, problem=problem) from None


@contextlib.contextmanager
def _in_small_chunks() -> Iterator[None]:
    """Let the library hand over a mebibyte at a time, and show no bar of its own."""
    kept = constants.DOWNLOAD_CHUNK_SIZE
    log = logging.getLogger("huggingface_hub")
    verbosity, shown = log.level, not are_progress_bars_disabled()
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK_BYTES
    log.setLevel(logging.ERROR)
    disable_progress_bars()
    try:
        yield
    finally:
        constants.DOWNLOAD_CHUNK_SIZE = kept
        log.setLevel(verbosity)
        if shown:
            enable_progress_bars()
