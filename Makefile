# Everything a developer runs. `make demo` and `make test` need nothing but Python >= 3.11, make and git.

VENV := .venv
LINT := .venv-lint
LIVEKIT := .venv-livekit
REAL := .venv-real
BENCH := .venv-bench
TYPES := .venv-types
BIN := $(VENV)/bin
# The other modules of benchmarks/ are what these are made with.
BENCHMARKS := startup chat tokens parallel failover probe health readers render growth
READY := $(VENV)/.ready
LINT_READY := $(LINT)/.ready
LIVEKIT_READY := $(LIVEKIT)/.ready
REAL_READY := $(REAL)/.ready
BENCH_READY := $(BENCH)/.ready
TYPES_READY := $(TYPES)/.ready
# The programs of a page of the manual, cut out of it, and what users of the library see: with both type checkers at their strictest.
EXAMPLES := build/examples
define checked-programs
rm -rf $(EXAMPLES)
$(1) -m tests.examples $(EXAMPLES) $(2)
MYPYPATH=. $(LINT)/bin/mypy --config-file= --strict --python-executable $(1) $(EXAMPLES)
$(LINT)/bin/pyright --pythonpath $(1) $(3)
endef
PIP := -m pip --disable-pip-version-check install --quiet
# More processes of tests than there are cores: see tests/conftest.py.
JOBS := auto
# More options of pytest, such as --seed=1.
OPTIONS :=
PYTEST := $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal $(OPTIONS)
# The tests that send requests of every kind.
SENDING := tests/providers/wire tests/providers/test_contract.py tests/providers/test_features.py
# Versions to be installed over those of requirements/test.txt.
OVER :=
# The demo sees neither your keys nor your configuration.
FRESH := env -i PATH="$$PATH" TERM="$${TERM:-dumb}" HOME="$(CURDIR)/$(VENV)/demo-home"

# Modules of the tests that are kept compiled are collected in half of the time by the next run.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-again test-all test-attack test-versions test-minimal test-types test-real test-livekit coverage mutants lint check bench release screenshots format clean

demo: $(READY)
	@mkdir -p $(VENV)/demo-home
	@$(FRESH) $(BIN)/fallback-chat demo

test: $(READY)
	$(PYTEST)

# What failed in the last run, one after the other.
test-again: $(READY)
	$(PYTEST) -n 0 -x --last-failed --last-failed-no-failures none

# Every case instead of a sample, every Python that is here, the lowest dependencies: half an hour, before a release.
test-all: $(READY)
	$(PYTEST) --everything
	@$(MAKE) --no-print-directory test-versions test-minimal

# Every attack, and a table of what was held. Another seed makes other examples.
test-attack: $(READY)
	$(PYTEST) --promises --everything

# Each in an environment of its own.
test-versions:
	@for python in $$(.ci/find-python --all); do \
	  version=$$("$$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])'); \
	  echo "== Python $$version"; \
	  $(MAKE) --no-print-directory VENV="$(VENV)-$$version" PYTHON="$$python" test || exit 1; \
	done

test-minimal:
	@echo "== the lowest dependencies"
	@$(MAKE) --no-print-directory VENV="$(VENV)-minimal" OVER=requirements/minimal.txt test

# Of the program's own processes, too. Below the floor in pyproject.toml it fails; where a test fails, it reports all the same.
coverage: $(READY)
	rm -f .coverage .coverage.*
	@status=0; $(subst -m pytest,-m coverage run -m pytest,$(PYTEST)) || status=1; \
	$(BIN)/python -m coverage combine --quiet; $(BIN)/python -m coverage report || status=1; exit $$status

# Plants each defect of tests/mutants alone, runs the closest tests, and fails where fewer than nine of ten are caught. Two hours;
# `make mutants DEFECTS=core`, or with the name of a file or a defect, plants those only.
mutants: $(READY)
	$(BIN)/python -m tests.mutants $(DEFECTS)

# What goes over the wire, held against the types of the vendors' own clients, which live in a place of their own.
test-types: $(TYPES_READY)
	PYTHONPATH=. $(TYPES)/bin/python -m pytest -q -n $(JOBS) --dist worksteal $(OPTIONS) -p tests.types.watch tests/types $(SENDING)

# Real servers on loopback, which need 2 GB of disk and of downloads: not part of `make check`.
test-real: $(READY) $(REAL_READY)
	$(BIN)/python -m pytest -q tests/real

# LiveKit brings 450 MB: not part of `make check`. Its own programs are type-checked against its own types.
test-livekit: $(LIVEKIT_READY) $(LINT_READY)
	$(LIVEKIT)/bin/python -m pytest -q tests/livekit
	$(call checked-programs,$(LIVEKIT)/bin/python,livekit.md,--project tests/livekit)

# import-linter needs click, and beside click httpx takes 60 ms longer to import: the linters live in a place of their own.
lint: $(READY) $(LINT_READY)
	$(LINT)/bin/ruff check .
	$(LINT)/bin/ruff format --check .
	$(LINT)/bin/mypy --python-executable $(BIN)/python
	$(call checked-programs,$(BIN)/python,library.md)
	$(BIN)/python -m tests.examples $(EXAMPLES)/provider adding-a-provider.md
	$(LINT)/bin/ruff check --stdin-filename providers/acme.py - < $(EXAMPLES)/provider/first.py
	$(LINT)/bin/ruff format --check --stdin-filename providers/acme.py - < $(EXAMPLES)/provider/first.py
	MYPYPATH=. $(LINT)/bin/mypy --config-file= --strict --python-executable $(BIN)/python $(EXAMPLES)/provider
	PYTHONPATH=. $(LINT)/bin/lint-imports

check: test lint

# Against a program that is installed as users have it; fails when a bar is missed.
bench: $(BENCH_READY)
	$(BENCH)/bin/python $(PIP) --no-deps --no-build-isolation --force-reinstall .
	@status=0; for each in $(BENCHMARKS); do echo "== $$each"; $(BENCH)/bin/python -m benchmarks.$$each || status=1; done; exit $$status

# The checklist before a release, up to the first step that fails: make release VERSION=0.2.0
release: $(READY)
	$(BIN)/python -m tests.release $(VERSION)

# The walk through an outage needs tmux.
screenshots: $(READY)
	$(BIN)/python -m tests.screenshots

format: $(LINT_READY)
	$(LINT)/bin/ruff check --fix .
	$(LINT)/bin/ruff format .

clean:
	rm -rf $(VENV) .venv-* build dist *.egg-info .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements/test.txt $(OVER) pyproject.toml fallback_chat/_version.py
	@python="$$(.ci/find-python)" && { test -x $(BIN)/python || "$$python" -m venv $(VENV); }
	$(BIN)/python $(PIP) --require-hashes -r requirements/test.txt
	$(if $(OVER),$(BIN)/python $(PIP) --require-hashes -r $(OVER))
	$(BIN)/python $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(BENCH_READY): requirements/test.txt
	@python="$$(.ci/find-python)" && { test -x $(BENCH)/bin/python || "$$python" -m venv $(BENCH); }
	$(BENCH)/bin/python $(PIP) --require-hashes -r requirements/test.txt
	@touch $@

$(LINT_READY): requirements/lint.txt
	@python="$$(.ci/find-python)" && { test -x $(LINT)/bin/python || "$$python" -m venv $(LINT); }
	$(LINT)/bin/python $(PIP) --require-hashes -r requirements/lint.txt
	@touch $@

$(LIVEKIT_READY): requirements/livekit.txt pyproject.toml fallback_chat/_version.py
	@python="$$(.ci/find-python)" && { test -x $(LIVEKIT)/bin/python || "$$python" -m venv $(LIVEKIT); }
	$(LIVEKIT)/bin/python $(PIP) --only-binary :all: --require-hashes -r requirements/livekit.txt
	$(LIVEKIT)/bin/python $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(TYPES_READY): requirements/types.txt pyproject.toml fallback_chat/_version.py
	@python="$$(.ci/find-python)" && { test -x $(TYPES)/bin/python || "$$python" -m venv $(TYPES); }
	$(TYPES)/bin/python $(PIP) --no-compile --require-hashes -r requirements/types.txt
	$(TYPES)/bin/python $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# Wheels only: nothing of these packages runs while they are installed. torch comes last, and brings what its build needs.
$(REAL_READY): requirements/real.txt requirements/torch.txt
	@python="$$(.ci/find-python)" && { test -x $(REAL)/bin/python || "$$python" -m venv $(REAL); }
	$(REAL)/bin/python $(PIP) --only-binary :all: --require-hashes --no-deps -r requirements/real.txt
	$(REAL)/bin/python $(PIP) --only-binary :all: -r requirements/torch.txt
	@touch $@
