"""What the library keeps of a version besides its picture and recipe, so that it can be published again as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from dgx_pixels.bevy.items import Sidecar
from dgx_pixels.bevy.manifest import Atlas, Kind
from dgx_pixels.library.database import LibraryError
from dgx_pixels.tools.answers import CheckAnswer

if TYPE_CHECKING:
    from dgx_pixels.library.records import AssetVersion


class Details(BaseModel):
    """The parts of a manifest entry that neither database nor recipe has, the sidecars' text by path, and the checks."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    prompt: str = ""
    model: str = ""
    atlas: Atlas | None = None
    tileset: dict[str, Any] | None = None
    sidecars: dict[str, str] = {}
    checks: dict[str, CheckAnswer] = {}
    sources: dict[str, str] = {}
    """By their SHA-256 where the pictures were that it was made from."""

    def files(self) -> tuple[Sidecar, ...]:
        """The sidecars, to be published."""
        return tuple(Sidecar(path, text.encode()) for path, text in self.sidecars.items())


class _Recipe(BaseModel):
    prompt: str = ""
    model: str = ""

    def details(self) -> Details:
        return Details(kind="sprite", prompt=self.prompt, model=self.model)


def read_details(asset: AssetVersion, text: str) -> Details:
    """Return the details that were kept as `text`. Raises LibraryError if they are damaged."""
    try:
        # Before there were details there were only sprites, and their recipes have prompt and model.
        return Details.model_validate_json(text) if text else _Recipe.model_validate_json(asset.recipe).details()
    except ValidationError as error:
        raise LibraryError(f"What was kept of {asset.path} version {asset.version} is damaged: make it again.") from error
