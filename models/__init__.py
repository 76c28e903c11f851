"""All of torch: the catalogue of models, the pipeline, the GPU thread, and the recipe of tiny-sdxl."""
