# What people and CI run. Each target sets itself up: a virtual environment in .venv with the pinned dependencies.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test slow lint types ci tiny-sdxl clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: .venv/ready  ## draw a red potion into the example game
	$(BIN)/dgx-pixels sprite "a red potion" --size 32 --seed 7 --project bevy_example --overwrite

test: .venv/ready  ## the quick tests
	$(BIN)/pytest

slow: .venv/ready  ## the tests that take longer: real server processes, the MCP Inspector, the wheel
	$(BIN)/pytest -m slow

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/mypy
	$(BIN)/mypy tests benchmarks docs

# The CC0 release of the Dungeon Crawl tiles, a zip or a folder: see models/tiny_sdxl/README.md
TILES ?= tiles.zip
RECIPE := --data $(TILES) --work work
tiny-sdxl: .venv/ready  ## train the embedded model anew and measure it: about five hours on one CPU core; goes on where work/ stands, remove that to start anew
	$(BIN)/python -m dgx_pixels.models.tiny_vae $(RECIPE)
	$(BIN)/python -m dgx_pixels.models.tiny_unet $(RECIPE)
	$(BIN)/python -m dgx_pixels.models.tiny_decoder $(RECIPE)
	$(BIN)/python -m dgx_pixels.models.tiny_export --work work --out models/tiny_sdxl
	$(BIN)/python benchmarks/tiny_sdxl.py --tiles $(TILES)

ci: lint types test slow

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
