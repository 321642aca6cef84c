# Two commands on a fresh machine with Python 3.11+ and make: `make demo`, `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: demo test test-web test-slow smoke lint types ladder wheel check benchmarks clean

demo: $(READY)
	$(BIN)/pulsefer demo --out demo

test: $(READY)
	$(BIN)/python -m pytest -m "not slow and not browser" -n 2 --dist loadfile

# The page of `pulsefer serve` in Debian's Chromium, which is installed where there is none.
test-web: $(READY)
	tests/install_browser.sh
	PULSEFER_NEED_BROWSER=1 $(BIN)/python -m pytest tests/app -m browser

test-slow: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile

# Every experiment on small specimens: that all of it runs, not what it finds. The report is opened
# in a browser where there is one; PULSEFER_NEED_BROWSER=1 where there has to be one.
smoke: $(READY)
	rm -rf build/smoke
	$(BIN)/pulsefer reproduce all --budget smoke --out build/smoke
	$(BIN)/pulsefer report build/smoke
	$(BIN)/python tests/reports/open_in_browser.py build/smoke/results.html --screenshot build/smoke/results.png

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

ladder: $(READY)
	$(BIN)/lint-imports

# The wheel has to start with nothing but what it needs, and then, with what the pages ask for, all
# that README.md and docs/*.md show has to run where nothing of this checkout can be imported.
wheel: $(READY)
	rm -rf dist build/wheel-venv
	$(BIN)/python -m build --wheel --outdir dist
	$(PYTHON) -m venv build/wheel-venv
	build/wheel-venv/bin/pip install --quiet --constraint constraints.txt dist/*.whl
	cd build && wheel-venv/bin/pulsefer --version
	build/wheel-venv/bin/pip install --quiet --constraint constraints.txt "$$(ls dist/*.whl)[cluster,export,torchjd,web]"
	build/wheel-venv/bin/python tests/docs/run_documented.py

check: test test-web smoke lint types ladder wheel

benchmarks: $(READY)
	$(BIN)/python -m benchmarks

# torch is installed first and alone: its exact pin decides which build is taken.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("pulsefer needs Python 3.11 or newer, found %s; try make PYTHON=python3.11" % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

clean:
	rm -rf $(VENV) build dist demo .pytest_cache .mypy_cache .ruff_cache
