# Two commands do everything: `make run` and `make test`. Needed: Python 3.11 or newer, and make.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --editable
NEW := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$python -c '$(NEW)' 2>/dev/null && { echo $$python; break; }; done)

.PHONY: run test check bench bench-quick profile breakdown chaos docs clean
.DELETE_ON_ERROR:

run: $(VENV)/.demo
	@$(BIN)/python -m emulator

# Two at a time what compares and computes, alone what counts seconds and cores.
TOGETHER := tests/http1 tests/nginx tests/oracle tests/settings tests/test_layout.py

test: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist worksteal $(TOGETHER)
	$(BIN)/python -m pytest $(TOGETHER:%=--ignore=%)

check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# All rows (ROWS="dial small" for some): 7 minutes; bench-quick, for a change to the hot path: one. Both need wrk.
bench: $(VENV)/.test
	$(BIN)/python -m benchmarks $(ROWS)

bench-quick: $(VENV)/.test
	$(BIN)/python -m benchmarks --quick

# A flame graph of one worker under the load of one row: `make profile ROW=small`.
profile: $(VENV)/.test $(VENV)/.profile
	$(BIN)/python -m benchmarks.flame $(ROW)

# Where its time goes, in microseconds a request.
breakdown: $(VENV)/.test $(VENV)/.profile
	$(BIN)/python -m benchmarks.breakdown $(ROW)

# Every fault, done to a running project and to the real nginx beside it: 6 minutes; ROWS="kill9 idle" for some.
chaos: $(VENV)/.test
	$(BIN)/python -m chaos $(ROWS)

docs: $(VENV)/.test
	$(BIN)/python -m emulator.settings.reference > docs/config.md
	$(BIN)/python -m emulator.nginx.reference > docs/nginx.md

clean:
	rm -rf $(VENV) .emulator

# One stamp for each set of packages: the second time costs nothing.
$(VENV)/.demo $(VENV)/.test $(VENV)/.profile: $(VENV)/.%: pyproject.toml | $(VENV)/bin/python
	@echo "Installing into $(VENV) (only once) ..."
	@$(PIP) '.[$*]'
	@touch $@

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none is on the PATH." \
		"Name one: make run PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c '$(NEW)' || { echo "$(PYTHON) is too old: Python 3.11 or newer is needed." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) comes without the venv module." \
		"On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
