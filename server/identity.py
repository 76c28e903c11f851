"""How a server proves to our own clients that it is their home's, before they tell it anything.

Any program of this machine can listen on the port and say that it is dgx-pixels. A key lies in the home, which only its owner
can read; a client sends a random challenge, and whoever answers with its HMAC under the key has read it. The port is part of
what is signed, so that nobody passes on the answer of a server elsewhere. The token is not sent either before it is known that
both mean the same one.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from dgx_pixels.server.settings import Settings

KEY = "server.key"
"""The key's file in the home, which only its owner reads."""
_KEY_BYTES = 32
_LONGEST_CHALLENGE = 100


def make_key(home: Path) -> None:
    """Make the home's key, unless there is one. Raises OSError."""
    if read_key(home) is not None:
        return
    staged = home / f".server.key.{secrets.token_hex(4)}"
    try:
        with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
        staged.replace(home / KEY)
    finally:
        staged.unlink(missing_ok=True)


def read_key(home: Path) -> bytes | None:
    """The home's key; None if there is none, or a damaged one. Raises OSError if it cannot be read."""
    try:
        key = (home / KEY).read_bytes()
    except FileNotFoundError:
        return None
    return key if len(key) == _KEY_BYTES else None


def new_challenge() -> str:
    """A question that was never asked before."""
    return secrets.token_hex(16)


def proofs(settings: Settings, challenge: str) -> dict[str, str]:
    """What answers a challenge: `server` proves the home and the port, `token` that the token is the same; {} without a key.

    Raises OSError if the key cannot be read.
    """
    key = read_key(settings.home)
    if key is None or len(challenge) > _LONGEST_CHALLENGE:
        return {}
    token = settings.token.get_secret_value() if settings.token is not None else ""
    return {"server": _signed(key, f"server {settings.port} {challenge}"), "token": _signed(key, f"token {challenge} {token}")}


def _signed(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
