# Two commands do everything: `make demo` and `make test`.
PY := .venv/bin/python
.PHONY: setup demo test check format bench lock clean

setup: .venv/.done

.venv/.done: requirements.lock pyproject.toml scripts/setup.py
	python3 scripts/setup.py

demo: setup
	$(PY) -m scripts.demo

test: setup
	$(PY) -m pytest -q

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

lock:
	.tools/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --all-extras --group dev pyproject.toml -o requirements.lock

clean:
	rm -rf .venv .tools
