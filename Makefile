# Few verbs; each works on a fresh clone. VENV=dir uses another environment.
VENV ?= .venv
PY := $(VENV)/bin/python
PYTHON ?= python3
JOBS ?= 2
LIMIT ?= 600
.DEFAULT_GOAL := help
.PHONY: help setup run test test-slow bench bench-peers lint docs stubs lock native-test sanitize fuzz clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/.run: pyproject.toml requirements/run.txt CMakeLists.txt $(shell find native/include native/src native/bind -type f)
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(PY) -m pip install -q --disable-pip-version-check --no-deps .
	@touch $@

$(VENV)/.setup: pyproject.toml requirements/setup.txt CMakeLists.txt $(shell find native/include native/src native/bind -type f)
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements/setup.txt
	@$(PY) -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.run

setup: $(VENV)/.setup  ## what the tests and the linters need

# A set-up environment is kept up to date as it is; only a bare one gets the smaller install.
run: $(if $(wildcard $(VENV)/.setup),$(VENV)/.setup,$(VENV)/.run)  ## the main job on the embedded default
	@$(VENV)/bin/kimera run --output out $(ARGS)

test: setup native-test  ## every test but the slow ones
	$(PY) -m pytest -n $(JOBS) $(ARGS)

test-slow: setup  ## the long runs
	$(PY) -m pytest -n $(JOBS) -m slow $(ARGS)

native-test: setup  ## the C++ tests
	@PATH="$(abspath $(VENV))/bin:$$PATH" cmake --preset dev --log-level=WARNING > /dev/null
	@PATH="$(abspath $(VENV))/bin:$$PATH" cmake --build --preset dev -j $(JOBS)
	@PATH="$(abspath $(VENV))/bin:$$PATH" ctest --test-dir build/dev --output-on-failure

sanitize: setup  ## the C++ tests under ASan/UBSan and TSan
	@for preset in asan tsan; do \
	  PATH="$(abspath $(VENV))/bin:$$PATH" cmake --preset $$preset --log-level=WARNING > /dev/null && \
	  PATH="$(abspath $(VENV))/bin:$$PATH" cmake --build --preset $$preset -j $(JOBS) && \
	  PATH="$(abspath $(VENV))/bin:$$PATH" ctest --test-dir build/$$preset --output-on-failure || exit 1; \
	done

FUZZ_SECONDS ?= 60
fuzz: setup  ## every fuzz target for FUZZ_SECONDS (needs clang)
	@PATH="$(abspath $(VENV))/bin:$$PATH" cmake --preset fuzz --log-level=WARNING > /dev/null
	@PATH="$(abspath $(VENV))/bin:$$PATH" cmake --build --preset fuzz -j $(JOBS)
	@for target in build/fuzz/native/fuzz/fuzz_*; do \
	  test -x $$target -a ! -d $$target || continue; \
	  echo "$$target"; $$target -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 2>&1 | tail -6 || exit 1; \
	done

.venv-peers/.setup:
	@$(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python -m pip install -q --disable-pip-version-check "hftbacktest>=2.4" "nautilus_trader>=1.221"
	@touch $@

# hftbacktest wants an older numpy than ours: it gets an environment of its own.
bench-peers: setup .venv-peers/.setup  ## the backtest beside hftbacktest and NautilusTrader
	KIMERA_PEERS=$(abspath .venv-peers)/bin/python $(VENV)/bin/kimera bench backtest $(ARGS)

bench: setup  ## the benchmark table
	$(VENV)/bin/kimera bench $(ARGS)

lint: setup  ## style, types, floors
	$(VENV)/bin/ruff check src tests examples
	$(VENV)/bin/ruff format --check src tests examples
	$(VENV)/bin/lint-imports --no-cache
	$(VENV)/bin/mypy src tests
	@PATH="$(abspath $(VENV))/bin:$$PATH" clang-format --dry-run --Werror $$(find native -name '*.hpp' -o -name '*.cpp')
	@PATH="$(abspath $(VENV))/bin:$$PATH" cmake --preset dev --log-level=WARNING > /dev/null
	@PATH="$(abspath $(VENV))/bin:$$PATH" clang-tidy -p build/dev --quiet $$(find native/src -name '*.cpp')

stubs: setup  ## regenerate the type stubs of kimera._native
	$(PY) -m nanobind.stubgen -m kimera._native -r -O src/kimera

docs: setup  ## the documentation site in docs/_build
	$(PY) -m sphinx -W -q docs docs/_build

LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header -q
lock:  ## renew the hashed locks in requirements/ (needs uv)
	$(LOCK) --extra data --extra cep -o requirements/run.txt
	$(LOCK) requirements/build.in --extra data --extra cep --extra jit --extra econometrics \
	  --extra test --extra lint --extra docs -o requirements/setup.txt

clean:  ## remove what was built
	rm -rf build .venv .venv-peers out docs/_build src/kimera/*.so
