"""A contender: a base model plus LoRAs and their weights."""

from __future__ import annotations

from dataclasses import dataclass

from dgx_pixels.models.catalogue import BaseModel, Lora


@dataclass(frozen=True)
class Contender:
    """What draws."""

    base: BaseModel
    loras: tuple[tuple[Lora, float], ...] = ()

    def __str__(self) -> str:
        return self.base.id


def parse_contender(catalogue, text):
    return Contender(catalogue.get(text))
