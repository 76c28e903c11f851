"""Reading a base model from disk. Placeholder until the catalogue branch is merged."""

from __future__ import annotations

import logging

import torch
from diffusers import StableDiffusionXLPipeline

from dgx_pixels.models.catalogue import BaseModel, ModelError

logger = logging.getLogger(__name__)


def load_pipeline(base: BaseModel, dtype: torch.dtype) -> StableDiffusionXLPipeline:
    """Read the model's pipeline. Raises ModelError."""
    try:
        pipeline: StableDiffusionXLPipeline = StableDiffusionXLPipeline.from_pretrained(
            base.folder, dtype=dtype, local_files_only=True, use_safetensors=True, add_watermarker=False
        )
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        logger.warning("loading %s failed", base.id, exc_info=True)
        raise ModelError(
            f"The model {base.id} could not be loaded from {base.folder}: {error}. Fetch it again, or use another model."
        ) from error
    return pipeline
