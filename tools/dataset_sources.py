"""Where a dataset's pictures come from: the project, a folder, the library, or the winners of comparisons."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from dgx_pixels.library.database import LibraryError
from dgx_pixels.tools.arguments import RequestError
from dgx_pixels.tools.asset_details import read_details
from dgx_pixels.tools.dataset_captions import from_names, from_text
from dgx_pixels.tools.dataset_files import MOST_FILES, Found, Source, folder_sources
from dgx_pixels.tools.dataset_request import PROJECT, WINNERS

if TYPE_CHECKING:
    from dgx_pixels.bevy.project import BevyProject
    from dgx_pixels.tools.dataset_request import DatasetRequest
    from dgx_pixels.tools.services import Services

_IDS = re.compile(r"[0-9a-f]{12}(\s*,\s*[0-9a-f]{12})*\s*,?")


async def find_sources(services: Services, project: BevyProject | None, request: DatasetRequest) -> Found:
    """All pictures that the request names. Raises RequestError or ReadError with one sentence."""
    source = request.source.strip()
    if source == WINNERS:
        return await _winners(services, project, request.trigger)
    if _IDS.fullmatch(source):
        ids = list(dict.fromkeys(re.findall(r"[0-9a-f]{12}", source)))
        if len(ids) > MOST_FILES:
            raise RequestError(f"The source names {len(ids):,} assets: give at most {MOST_FILES:,}.")
        return Found(tuple([await _asset(services, asset, request.trigger) for asset in ids]))
    folder = source
    if source == PROJECT:
        if project is None:
            raise RequestError("There is no Bevy project to take sprites from: give `project`, or a folder as the source.")
        if not (project.assets / "sprites").is_dir():
            raise RequestError(f"{project.assets} has no sprites/ yet: draw some sprites first, or give a folder as the source.")
        folder = str(project.assets / "sprites")
    return await asyncio.to_thread(folder_sources, services, project, folder, request.trigger)


async def _winners(services: Services, project: BevyProject | None, trigger: str) -> Found:
    won = await services.library.comparisons.ballots.winners(str(project.root) if project is not None else "")
    if not won:
        raise RequestError("No comparison of this project has a winner yet: compare_models makes some, record_vote names them.")
    named = enumerate(won[-MOST_FILES:], start=1)
    return Found(tuple(Source(f"winner {i}", png=png, caption=from_text(prompt, trigger)) for i, (png, prompt) in named))


async def _asset(services: Services, asset_id: str, trigger: str) -> Source:
    try:
        found = await services.library.version(asset_id)
        details = read_details(found, await services.library.details(found))
    except LibraryError as error:
        raise RequestError(str(error)) from error
    atlas = details.atlas
    return Source(
        f"{found.name} ({found.id})", str(services.library.file(found.id, found.version)),
        caption=from_text(details.prompt, trigger), words=from_names(found.name, []), category=found.category,
        frame_size=None if atlas is None else (atlas.tile_width, atlas.tile_height),
    )  # fmt: skip
