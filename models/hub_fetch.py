"""Fetches models from the Hugging Face hub: asks what there is, downloads with resuming, and verifies every byte.

huggingface_hub's own download throws an unfinished file away when it fails; a checkpoint of 5 GB has to go on where it was cut,
so files are fetched with its `http_get`, which resumes, into a folder that stays.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from huggingface_hub import HfApi, errors, hf_hub_url
from huggingface_hub.file_download import http_get
from huggingface_hub.utils._headers import build_hf_headers

from dgx_pixels.models.card import UNKNOWN_LICENCE
from dgx_pixels.models.header import Header, ModelError, TensorInfo
from dgx_pixels.models.hub_sets import HubModel

_SPARE = 500_000_000
"""Bytes of the disk that stay free."""
_SHA1, _SHA256 = re.compile("[0-9a-f]{40}"), re.compile("[0-9a-f]{64}")
_FAILURES: tuple[type[Exception], ...] = (*errors.HfHubHTTPError.__bases__, OSError, ValueError)
"""With the errors of the HTTP client that huggingface_hub uses, which is another one in its version 1 than in 2."""


@dataclass(frozen=True)
class RemoteFile:
    """One file as the hub describes it."""

    name: str
    size: int
    sha256: str | None
    """Of files in LFS, which all weights are; None for small text files."""
    blob_id: str | None
    """Git's SHA-1, for the others."""


@dataclass(frozen=True)
class Remote:
    """A model on the hub at one commit, and those of its files that are wanted."""

    model: HubModel
    commit: str
    licence: str
    files: tuple[RemoteFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(f.size for f in self.files)

    @property
    def source(self) -> str:
        """Where it comes from: "org/repo@commit"."""
        return f"{self.model.repo}@{self.commit}"

    def staged_in(self, staging: Path) -> Path:
        """Where its files gather until all are there: apart from those of another commit."""
        return staging / f"{self.model.id}-{self.commit[:12].replace('/', '-')}"


def look_up(model: HubModel, endpoint: str | None) -> Remote:
    """Ask the hub for a model's files, sizes, digests and licence. Raises ModelError."""
    with _in_our_words(model.repo):
        info = HfApi(endpoint=endpoint).model_info(model.repo, revision=model.revision, files_metadata=True)
    files = tuple(
        RemoteFile(s.rfilename, s.size or 0, s.lfs.sha256 if s.lfs else None, s.blob_id)
        for s in info.siblings or []
        if any(fnmatch.fnmatchcase(s.rfilename, pattern) for pattern in model.files) and _is_safe(s.rfilename)
    )
    missing = [p for p in model.files if p.endswith(".safetensors") and not any(fnmatch.fnmatchcase(f.name, p) for f in files)]
    if missing or not files:
        raise ModelError(f"The repository {model.repo} has no {missing[0] if missing else model.files[0]}: look at its page.")
    if info.sha is None or not _are_digests(info.sha, files):
        raise ModelError(
            f"The hub describes {model.repo} in a way that cannot be right: it names digests or sizes that are none."
        )
    card = info.card_data
    licence = (card.get("license_name") if card and card.get("license") == "other" else None) or (card and card.get("license"))
    return Remote(model, info.sha, str(licence or model.licence or UNKNOWN_LICENCE), files)


def _are_digests(commit: str, files: tuple[RemoteFile, ...]) -> bool:
    """Whether commit and digests are some, for names of folders and files are made of them; and sizes are no less than none."""
    blobs = [f.blob_id or "" for f in files if f.sha256 is None]
    lfs = [f.sha256 for f in files if f.sha256 is not None]
    return all(map(_SHA1.fullmatch, (commit, *blobs))) and all(map(_SHA256.fullmatch, lfs)) and all(f.size >= 0 for f in files)


def remote_header(model: HubModel, file: str, endpoint: str | None) -> Header:
    """The safetensors header of a file on the hub, of which only the beginning is fetched. Raises ModelError."""
    with _in_our_words(model.repo):
        found = HfApi(endpoint=endpoint).parse_safetensors_file_metadata(model.repo, file, revision=model.revision)
    return Header({n: TensorInfo(t.dtype, tuple(t.shape)) for n, t in found.tensors.items()}, found.metadata)


def check_space(remotes: list[Remote], staging: Path) -> None:
    """Raise ModelError if what is still to be fetched does not fit on the disk of the `staging` folder."""
    needed = sum(f.size - _there(r.staged_in(staging), f) for r in remotes for f in r.files)
    existing = next(p for p in (staging, *staging.parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if needed > free - _SPARE:
        raise ModelError(
            f"There is not enough space: {needed / 1e9:.1f} GB are to be fetched, and the disk of {existing} has "
            f"{free / 1e9:.1f} GB free. Make room, or set DGX_PIXELS_HOME to a folder on a larger disk."
        )


def fetch(remote: Remote, staging: Path, endpoint: str | None, say: Callable[[str], None]) -> Path:
    """Fetch a model's files into a folder of its commit, going on where an earlier try ended; answers with it.

    Each file is verified. Raises ModelError: the connection is lost (what has come stays, for the next try), or a file is
    not what the hub says.
    """
    folder = remote.staged_in(staging)
    for file in remote.files:
        target = folder / file.name
        if not target.exists():
            _download(remote, file, target, endpoint, say)
    return folder


def _download(remote: Remote, file: RemoteFile, target: Path, endpoint: str | None, say: Callable[[str], None]) -> None:
    part = target.with_name(f"{target.name}.{(file.sha256 or file.blob_id or remote.commit)[:16]}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    url = hf_hub_url(remote.model.repo, file.name, revision=remote.commit, endpoint=endpoint)
    with part.open("ab") as f:
        if f.tell() > file.size:
            f.seek(0)
            f.truncate()
        if f.tell():
            say(f"{file.name}: going on at {f.tell() / 1e6:.0f} of {file.size / 1e6:.0f} MB")
        with _in_our_words(remote.model.repo):
            http_get(
                url,
                cast("BinaryIO", _NoMore(f, file.size)),
                resume_size=f.tell(),
                headers=build_hf_headers(),
                expected_size=file.size,
                displayed_filename=file.name,
            )  # f.tell() and not the size on disk: the library writes where the file stands
    _verify(remote, file, part)
    part.replace(target)


class _NoMore:
    """A file that takes no more than `most` bytes: the hub's client writes all that comes, and looks at the size afterwards."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file = file
        self._most = most

    def write(self, data: bytes) -> int:
        """Write the data. Raises OSError if they are too many."""
        if self._file.tell() + len(data) > self._most:
            raise OSError(f"more comes than the {self._most:,} bytes that the hub names")
        return self._file.write(data)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # the file's own
        return getattr(self._file, name)


def _verify(remote: Remote, file: RemoteFile, part: Path) -> None:
    with part.open("rb") as f:
        if file.sha256 is not None:
            right = hashlib.file_digest(f, "sha256").hexdigest() == file.sha256
        else:
            git = hashlib.sha1(f"blob {part.stat().st_size}\0".encode(), usedforsecurity=False)
            git.update(f.read())
            right = file.blob_id is None or git.hexdigest() == file.blob_id
    if not right:
        part.unlink()
        raise ModelError(
            f"{file.name} of {remote.model.repo} came damaged: its digest is not the one that the hub names. "
            "It was thrown away; run the command again."
        )


def _there(folder: Path, file: RemoteFile) -> int:
    """Bytes of a file that are on the disk already."""
    return sum(p.stat().st_size for p in (folder / file.name).parent.glob(f"{PurePosixPath(file.name).name}*") if p.is_file())


def _is_safe(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.name) and name.isprintable() and not path.is_absolute() and ".." not in path.parts


@contextmanager
def _in_our_words(repo: str) -> Iterator[None]:
    """Turn what the hub's client raises into a ModelError that says what to do."""
    try:
        yield
    except errors.GatedRepoError as error:
        raise ModelError(
            f"The repository {repo} asks for consent: accept its licence on its page, then run `hf auth login` and try again."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ModelError(f"The repository {repo} has no such revision: look at its page.") from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise ModelError(f"There is no repository {repo!r} on the hub that you may read: write it as org/name.") from error
    except errors.OfflineModeIsEnabled as error:
        raise ModelError("HF_HUB_OFFLINE is set, so nothing can be fetched: unset it for this command.") from error
    except _FAILURES as error:
        first = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(
            f"Fetching {repo} failed ({first[0]}): what has come is kept; run the command again to go on."
        ) from error
