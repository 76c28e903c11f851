"""Who may use the HTTP server: whoever sends its token, if it has one; and without one nobody but this machine."""

from __future__ import annotations

import hmac
import ipaddress
import re
from typing import Final

from pydantic import SecretStr

LEAST_TOKEN: Final = 16
"""Characters of a token."""
PROOF: Final = "/proof"
"""The one page that is given without the token."""


def checked_token(token: SecretStr) -> SecretStr:
    """The token, if it can be one: printable ASCII without spaces, and long enough not to be guessed. Raises ValueError."""
    if not re.fullmatch(rf"[\x21-\x7e]{{{LEAST_TOKEN},}}", token.get_secret_value()):
        raise ValueError(f"use {LEAST_TOKEN} characters or more, without spaces: `openssl rand -hex 32` makes one")
    return token


def bears(authorization: str, token: bytes) -> bool:
    """Whether a header `Authorization` holds this bearer token; how long that takes tells nothing of it."""
    scheme, _, given = authorization.partition(" ")
    return hmac.compare_digest(given.strip().encode(), token) and scheme.lower() == "bearer"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`: such a one needs no token."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
