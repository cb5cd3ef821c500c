# make demo   everything, from nothing to a fooled picture and a report
# make test   all tests, on the wheel as built
# make check  format, lint, types, import order
# On Linux, PyPI's torch brings CUDA (gigabytes). For the CPU build:
#   make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu
PYTHON ?= python3
TORCH_INDEX ?=
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := $(shell find src -type f -not -name "*.pyc") pyproject.toml README.md LICENSE

.PHONY: demo test check format docs clean

demo: $(VENV)/installed
	$(BIN)/pasunchat demo --overwrite

test: $(VENV)/installed $(VENV)/test-tools
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

check: $(VENV)/installed $(VENV)/check-tools
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/check-tools
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/installed
	$(BIN)/python docs/generate.py

clean:
	rm -rf $(VENV) build dist

# torch first and by its exact version: asked for through another package it may bring CUDA.
$(VENV)/torch: constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pasunchat needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) $$(grep '^torch==' constraints.txt)
	touch $@

$(VENV)/packages: $(VENV)/torch pyproject.toml
	$(PIP) install --constraint constraints.txt hatchling editables
	touch $@

$(VENV)/installed: $(VENV)/packages $(SOURCES)
	rm -rf build/wheel
	$(PIP) wheel --no-build-isolation --no-deps --wheel-dir build/wheel .
	$(PIP) install --constraint constraints.txt "$$(ls build/wheel/*.whl)[fast]"
	$(PIP) install --force-reinstall --no-deps build/wheel/*.whl
	touch $@

$(VENV)/test-tools: $(VENV)/packages
	$(PIP) install --constraint constraints.txt pytest pytest-xdist hypothesis scikit-image
	touch $@

$(VENV)/check-tools: $(VENV)/packages
	$(PIP) install --constraint constraints.txt ruff mypy import-linter
	touch $@
