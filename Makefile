# What people and CI run. Each target sets itself up: a virtual environment in .venv with the pinned dependencies.
PYTHON ?= python3
BIN := .venv/bin

# Bevy's build is 2.2 GB and takes minutes: it lies outside the clone, so that a fresh clone finds it again.
GAME_TARGET ?= $(HOME)/.cache/dgx-pixels/bevy_target
BRP ?= $(HOME)/.cache/dgx-pixels/brp

.PHONY: demo test slow stress lint types ci tiny-sdxl clean reference game game-check game-assets game-picture agent-loop dist bundle results results-run

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: .venv/ready  ## draw a red potion into the example game
	$(BIN)/dgx-pixels sprite "a red potion" --size 32 --seed 7 --project bevy_example --overwrite

# A process for each core, but not more than four: each may take 3 GB.
EVERY_CORE := -n logical --maxprocesses 4 --dist worksteal
test: .venv/ready  ## the quick tests
	$(BIN)/pytest $(EVERY_CORE)

slow: .venv/ready  ## the tests that take longer: real server processes, the MCP Inspector, the wheel
	$(BIN)/pytest -m 'slow and not stress'

stress: .venv/ready  ## what takes minutes each: killed servers and trainings, large comparisons, replays of everything
	$(BIN)/pytest -m stress

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/mypy
	$(BIN)/mypy tests benchmarks docs bevy_example/*.py

# A link where cargo and bevy_brp_mcp look for it. A folder that is already there stays.
bevy_example/target:
	mkdir -p $(GAME_TARGET)
	ln -s $(GAME_TARGET) $@

# To cargo the game of another clone is this one, and fresh if its files are older than what was built: a touch tells them apart.
game: | bevy_example/target  ## build the example game; about four minutes and 2.2 GB the first time
	cd bevy_example && { [ "$$(cat target/built_from 2>/dev/null)" = "$$PWD" ] || touch src/main.rs; }
	cd bevy_example && cargo build --locked && echo "$$PWD" > target/built_from

game-check: game  ## the game's own lints and tests
	cd bevy_example && cargo fmt --check && cargo clippy --locked --all-targets -- -D warnings && cargo test --locked

reference: .venv/ready  ## write docs/reference/ anew, from the code
	$(BIN)/python docs/reference.py

game-assets: .venv/ready  ## draw the example game's assets anew
	$(BIN)/python bevy_example/make_assets.py

game-picture: .venv/ready game  ## the picture of docs/bevy-game.md: the game before and after a reload
	$(BIN)/python docs/bevy_game.py

$(BRP)/bin/bevy_brp_mcp: | bevy_example/target
	CARGO_PROFILE_DEV_DEBUG=0 cargo install --locked --debug --root $(BRP) bevy_brp_mcp@0.22.3

agent-loop: .venv/ready game $(BRP)/bin/bevy_brp_mcp  ## an agent's loop with bevy_brp_mcp: launch, draw, look, draw again, look, shut down
	$(BIN)/python bevy_example/agent_loop.py $(BRP)/bin/bevy_brp_mcp

# The CC0 release of the Dungeon Crawl tiles, a zip or a folder: see models/tiny_sdxl/README.md
TILES ?= tiles.zip
RECIPE := --data $(TILES) --work work
tiny-sdxl: .venv/ready  ## train the embedded model anew and measure it: about five hours on one CPU core; goes on where work/ stands, remove that to start anew
	$(BIN)/python -m dgx_pixels.models.tiny_vae $(RECIPE)
	$(BIN)/python -m dgx_pixels.models.tiny_unet $(RECIPE)
	$(BIN)/python -m dgx_pixels.models.tiny_decoder $(RECIPE)
	$(BIN)/python -m dgx_pixels.models.tiny_export --work work --out models/tiny_sdxl
	$(BIN)/python benchmarks/tiny_sdxl.py --tiles $(TILES)

results: .venv/ready  ## merge the newest result of each benchmark into benchmarks/RESULTS.md
	$(BIN)/python benchmarks/results.py

# STAGE="server reload" runs these; without it all that have no result of this code, so that a run that was cut off goes on.
RIVALS ?= rivals
results-run: .venv/ready  ## run benchmarks, and merge: benchmarks/stages.py --list says which there are, and how long each takes
	if command -v cargo; then $(MAKE) game; else echo "There is no cargo: what needs the game is not measured."; fi
	$(BIN)/python benchmarks/stages.py $(STAGE) --tiles $(TILES) --rivals $(RIVALS)

# The game is built and checked where there is cargo; elsewhere the tests that run it are skipped.
ci: lint types test
	if command -v cargo; then $(MAKE) game-check; else echo "There is no cargo: the game is not built."; fi
	$(MAKE) slow

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
BUNDLE ?= dist/dgx-pixels-$(VERSION).mcpb
MCPB := npx --yes @anthropic-ai/mcpb@2.1.2
bundle:  ## the extension for desktop clients: a thin one, which starts the package that is installed
	mkdir -p $(dir $(BUNDLE))
	$(MCPB) validate server/mcpb
	$(MCPB) pack server/mcpb $(BUNDLE)

dist: .venv/ready  ## all that a release uploads, checked: sdist, a wheel built from it, and the bundle
	rm -rf dist
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[release]'
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	$(MAKE) bundle

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
