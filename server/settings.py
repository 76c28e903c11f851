"""Settings: the only reader of the environment."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from dgx_pixels.bevy.reload import DEFAULT_PORT, DEFAULT_WAIT_S
from dgx_pixels.server.auth import PROOF, checked_token


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _device(text: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", text):
        raise ValueError("use auto, cpu, cuda or cuda:N")
    return text


def _split(text: object) -> object:
    return tuple(part for part in text.split(os.pathsep) if part) if isinstance(text, str) else text


def _hf_cache() -> Path:
    """Where huggingface_hub keeps what it downloads, by the variables that it reads itself."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or f"{cache}/huggingface") / "hub")


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
"""A client's configuration knows no shell: `~` and relative paths are made absolute here."""


class Settings(BaseSettings):
    """From `DGX_PIXELS_*` in the environment, else these defaults; the command line's options come before both.

    What each one means stands in `settings_options.WORDS`, which the command line shows without importing pydantic.
    """

    model_config = SettingsConfigDict(env_prefix="DGX_PIXELS_", frozen=True, populate_by_name=True, hide_input_in_errors=True)

    home: AbsolutePath = Field(default_factory=lambda: platformdirs.user_data_path("dgx-pixels", appauthor=False))
    project: AbsolutePath | None = None
    hf_cache: AbsolutePath = Field(default_factory=lambda: _absolute(_hf_cache()))
    host: Annotated[str, AfterValidator(lambda host: host.strip("[]"))] = "127.0.0.1"
    port: int = Field(default=8765, ge=1, le=65535)
    token: Annotated[SecretStr, AfterValidator(checked_token)] | None = None
    idle_minutes: float = Field(default=30, gt=0)
    hang_minutes: float = Field(default=10, gt=0)
    device: Annotated[str, AfterValidator(_device)] = "auto"
    compile: Literal["auto", "on", "off"] = "auto"
    read_roots: Annotated[tuple[AbsolutePath, ...], NoDecode, BeforeValidator(_split)] = ()
    brp_port: int = Field(
        default=DEFAULT_PORT, ge=1024, le=65535, validation_alias=AliasChoices("DGX_PIXELS_BRP_PORT", "BRP_EXTRAS_PORT")
    )
    reload_wait_s: float = Field(default=DEFAULT_WAIT_S, ge=0, le=30)

    @property
    def compiles(self) -> bool | None:
        """Whether the UNet is compiled; None leaves it to the device."""
        return {"auto": None, "on": True, "off": False}[self.compile]

    @property
    def authorization(self) -> dict[str, str]:
        """The header that lets our own clients in."""
        return {"Authorization": f"Bearer {self.token.get_secret_value()}"} if self.token is not None else {}

    @property
    def url(self) -> str:
        """Where the server answers MCP over HTTP."""
        return f"http://{self._address}/mcp"

    @property
    def health_url(self) -> str:
        """Where the server says that it is there."""
        return f"http://{self._address}/health"

    @property
    def proof_url(self) -> str:
        """Where the server proves that it is this home's: see `identity`."""
        return f"http://{self._address}{PROOF}"

    @property
    def _address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
