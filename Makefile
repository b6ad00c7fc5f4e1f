# Two commands do everything: `make demo` runs the main job, `make test` passes the tests.
# PYTHON=python3.12 chooses the interpreter; UV_TORCH_BACKEND=auto asks for a torch with GPU support.
export OMP_NUM_THREADS ?= 1

VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-slow setup clean

demo: $(READY)
	$(BIN)/qgd train examples/breast_cancer.toml

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 -m "not slow"

test-slow: $(READY)
	$(BIN)/python -m pytest -n 2 -m slow

setup: $(READY)

$(READY): scripts/bootstrap.sh scripts/pip_settings.py pyproject.toml constraints.txt $(wildcard backends/*/pyproject.toml)
	scripts/bootstrap.sh $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
