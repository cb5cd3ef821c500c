# make demo         everything, from nothing to a fooled picture and a report
# make page         the same set up, then the local page
# make test         all tests, on the wheel as built; those of an extra or a peer are skipped
# make test-extras  those, with every extra, the peers and Chromium, in an environment beside it
# make check        format, lint, types, import order
# On Linux, PyPI's torch brings CUDA (gigabytes). For the CPU build:
#   make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu
PYTHON ?= python3
TORCH_INDEX ?=
VENV := .venv
EXTRAS_VENV := .venv-extras
EXTRAS := fast,hf,keras,onnx,page,pandas,parquet,timm,vgg16
BROWSER := axe-playwright-python playwright
IN_BROWSER := browser pack
PEERS := adv-lib eagerpy foolbox torchattacks
ifeq ($(OS),Windows_NT)
SCRIPTS := Scripts
else
SCRIPTS := bin
endif
BIN := $(VENV)/$(SCRIPTS)
# Each target that installs something is a file in the environment that it is installed in.
PIP = $(@D)/$(SCRIPTS)/python -m pip --disable-pip-version-check --quiet
SOURCES := $(shell find src -type f -not -name "*.pyc") pyproject.toml README.md LICENSE $(wildcard docs/*.md)

.PHONY: demo page test test-extras check format docs clean

demo: $(VENV)/installed
	$(BIN)/pasunchat demo --overwrite

page: $(VENV)/installed
	$(BIN)/pasunchat page --open

test: $(VENV)/installed $(VENV)/test-tools
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

# What cannot be imported, and a missing Chromium, fail here instead of being skipped:
# tests/conftest.py.
test-extras: $(EXTRAS_VENV)/installed $(EXTRAS_VENV)/test-tools
	PASUNCHAT_EXTRAS=1 $(EXTRAS_VENV)/$(SCRIPTS)/python -m pytest --numprocesses auto \
		--dist loadfile $(IN_BROWSER:%=tests/%) $$(grep --recursive --files-with-matches \
		--include="test_*.py" $(IN_BROWSER:%=--exclude-dir=%) importorskip tests)

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
	rm -rf $(VENV) $(EXTRAS_VENV) build dist

# torch first and by its exact version: asked for through another package it may bring CUDA.
$(VENV)/torch $(EXTRAS_VENV)/torch: constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pasunchat needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(@D)
	$(PIP) install $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) $$(grep '^torch==' constraints.txt)
	touch $@

$(VENV)/packages: $(VENV)/torch pyproject.toml
	$(PIP) install --constraint constraints.txt hatchling editables
	touch $@

$(VENV)/installed: $(VENV)/packages $(SOURCES)
	rm -rf build/wheel
	$(PIP) wheel --no-build-isolation --no-deps --wheel-dir build/wheel .
	$(PIP) install --constraint constraints.txt "$$(ls build/wheel/*.whl)[fast,page]"
	$(PIP) install --force-reinstall --no-deps build/wheel/*.whl
	touch $@

# The peers come without what they say they need (old versions, a plotting server, git).
$(EXTRAS_VENV)/installed: $(EXTRAS_VENV)/torch $(VENV)/installed
	$(PIP) install --constraint constraints.txt "$$(ls build/wheel/*.whl)[$(EXTRAS)]"
	$(PIP) install --force-reinstall --no-deps build/wheel/*.whl
	$(PIP) install --constraint constraints.txt --no-deps $(PEERS)
	touch $@

$(VENV)/test-tools: $(VENV)/packages Makefile
$(EXTRAS_VENV)/test-tools: $(EXTRAS_VENV)/torch Makefile
$(EXTRAS_VENV)/test-tools: TOOLS := $(BROWSER)
$(VENV)/test-tools $(EXTRAS_VENV)/test-tools:
	$(PIP) install --constraint constraints.txt pytest pytest-xdist hypothesis scikit-image h5py pooch httpx2 $(TOOLS)
	touch $@

$(VENV)/check-tools: $(VENV)/packages
	$(PIP) install --constraint constraints.txt ruff mypy import-linter
	touch $@
