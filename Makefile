# Two commands do everything: `make demo` and `make test`. Both set up what they need.
PYTHON ?= python3
PY := .venv/bin/python
.PHONY: setup demo test simulate check format bench lock clean faults fuzz

# Made last by the set-up, so an interrupted one is gone on with the next time.
setup: .venv/.done

.venv/.done: requirements.lock pyproject.toml scripts/setup.py
	@$(PYTHON) scripts/setup.py

# An animation rendered by a real manager and worker, and its movie, in demo/.
# After Ctrl-C, `make demo` again goes on; `rm -r demo` starts anew.
demo: demo/shot.blend
	.venv/bin/framefarm render $< --output demo/frames --movie mp4

demo/shot.blend: scripts/demo_scene.py | setup
	@$(PY) $< $@

# Processes share each part: what is quick and faults, which wait as often as they work, among three;
# what Blender does, which keeps both cores busy, between two. The simulation has a few long files:
# they come first, for at the end one of them would keep one process busy alone.
TOGETHER := tests/simulation tests/architecture tests/fuzz tests/unit tests/media tests/integration
BLENDER := tests/blender tests/browser
FAULTS := tests/faults
test: setup
	@$(PYTHON) scripts/setup.py --tests
	$(PY) -m pytest -q -n 3 --dist loadfile $(TOGETHER)
	$(PY) -m pytest -q -n 2 --dist loadfile $(BLENDER)
	$(PY) -m pytest -q -n 3 --dist loadfile $(FAULTS)

# The whole farm with its faults in fast time, see docs/explanation/simulation.md. SEEDS=100 for
# fewer, START=4200 to go on where an earlier run was stopped.
SEEDS ?= 10000
START ?= 0
simulate: setup
	$(PY) -m tests.simulation --start $(START) --count $(SEEDS)

check: setup
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

format: setup
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

bench: setup
	$(PY) -m benchmarks.all

# Hundreds of faults; N=20 makes fewer, SEED=2 strikes elsewhere, MINUTES=3 does a part. Goes on where
# it was interrupted; writes docs/reliability.md.
KILLS ?= $(or $(N),200)
OTHERS ?= $(or $(N),100)
FARMS ?= 4
SEED ?= 1
MINUTES ?= 0
faults: setup
	$(PY) -m tests.faults.campaign --kills $(KILLS) --others $(OTHERS) --farms $(FARMS) \
	  --seed $(SEED) --minutes $(MINUTES)

# Bytes from anywhere, led by coverage, see tests/fuzz/__main__.py. MINUTES=60 looks for longer,
# TARGET=blend at one only.
fuzz: MINUTES = 10
fuzz: setup
	$(PY) -m tests.fuzz $(TARGET) --minutes $(MINUTES)

lock: setup
	.tools/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --all-extras --group dev pyproject.toml -o requirements.lock

clean:
	rm -rf .venv .tools
