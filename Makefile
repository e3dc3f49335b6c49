# Virtual environments are made on first use: .venv, and .venv-NAME for linters and benchmarks.

PYTHON  ?= python3
VENV    := .venv
DEBUG   := $(CURDIR)/build/debug
SOURCES := pyproject.toml setup.py packaging/long_description.py README.md LICENSE \
           $(shell find sklstm -not -name '__pycache__' -not -name '*.pyc' -not -name '*.so')
# -P: the installed package is tested, never ./sklstm
PYTEST  := bin/python -P -m pytest

.PHONY: demo test test-seeds test-oldest test-python test-dask test-platforms test-compilers test-docs test-asan test-tsan coverage fuzz crashes lint format docs linkcheck pages wheel dist release bench bench-rivals bench-paths clean
.NOTPARALLEL:
.DELETE_ON_ERROR:

demo: $(VENV)/demo.stamp
	$(VENV)/bin/python examples/plot_digits.py

# The suite twice: the optimised build, which some tests compare with the debug build, and the debug build.
# JOBS is how many tests run side by side.
JOBS ?= $(or $(shell nproc 2>/dev/null),2)
test: $(VENV)/test.stamp build/debug.stamp
	SKLSTM_DEBUG_BUILD="$(DEBUG)" $(VENV)/$(PYTEST) --numprocesses=$(JOBS) --dist=worksteal
	PYTHONPATH="$(DEBUG)" $(VENV)/$(PYTEST) --numprocesses=$(JOBS) --dist=worksteal

# The fast suite in other orders, and with other seeds of the global generators and of hypothesis.
SEEDS ?= $(shell seq 20)
test-seeds: $(VENV)/order.stamp
	failed=; for seed in $(SEEDS); do \
	    SKLSTM_TEST_SEED=$$seed $(VENV)/$(PYTEST) --quiet --hypothesis-seed=$$seed \
	        --random-order-bucket=global --random-order-seed=$$seed || failed="$$failed $$seed"; \
	done; \
	test -z "$$failed" || { echo "test-seeds failed with SEEDS='$$failed'" >&2; exit 1; }

# The suite with the oldest dependencies that pyproject.toml allows. TESTS=tests/test_network.py are some of the tests.
test-oldest: $(VENV)-oldest/oldest.stamp
	$(VENV)-oldest/$(PYTEST) --junitxml build/oldest.xml $(TESTS)

# The suite with another Python: make test-python PYTHON=python3.14.
test-python: $(VENV)-python/test.stamp
	$(VENV)-python/$(PYTEST) --junitxml build/python.xml -o junit_suite_name="$$($(VENV)-python/bin/python --version)" $(TESTS)

# One fit over partitions on processes that are killed; part of `make test` where dask is installed.
test-dask: $(VENV)/test.stamp $(VENV)/dask.stamp
	$(VENV)/$(PYTEST) --junitxml build/dask.xml tests/test_dask*.py

# The kernel on 64-bit ARM and on older x86-64, its C on more processors and with another C library, emulated (Debian,
# with packages that it names).
test-platforms: $(VENV)/test.stamp $(VENV)-aarch64/test.stamp build/i686.stamp
	.ci/platforms test

# The kernel as other compilers build it: the same bits. BUILDS="clang gcc-O0" are some of them.
test-compilers: $(VENV)/test.stamp
	.ci/compilers

# The site, in docs/_build/html; a warning is an error. GALLERY=0: without running the examples.
GALLERY ?= 1
SPHINX  := $(VENV)-docs/bin/python -P -m sphinx --fail-on-warning --keep-going --quiet -D plot_gallery=$(GALLERY)
docs: $(VENV)-docs/docs.stamp
	$(SPHINX) --builder html docs docs/_build/html

# Whether the links to other sites lead somewhere.
linkcheck: $(VENV)-docs/docs.stamp
	$(SPHINX) --builder linkcheck docs docs/_build/linkcheck

# The site in a browser (Chromium); screenshots in docs/_build/screenshots.
test-docs: docs
	$(VENV)-docs/$(PYTEST) docs/test_site.py

# The generated pages, from the records in benchmarks/results and tests/results; that of the containers is made by
# running scikit-learn's tools.
pages: $(VENV)-docs/docs.stamp $(VENV)/test.stamp $(VENV)/containers.stamp
	for page in paper paths performance defaults; do $(VENV)-docs/bin/python tools/pages/$${page}_page.py || exit 1; done
	if [ -e benchmarks/results/scale_out.json ]; then $(VENV)-docs/bin/python tools/pages/scale_out_page.py; fi
	if [ -d benchmarks/results/tutorial ]; then $(VENV)-docs/bin/python tools/pages/tutorial_page.py; fi
	$(VENV)/bin/python tests/testing_page.py
	$(VENV)/bin/python tools/pages/containers_page.py

# The kernel under AddressSanitizer and UndefinedBehaviourSanitizer, and under ThreadSanitizer; lines and branches of it
# that its tests run (Linux, GCC). `.ci/instrumented quick` is a short form of the first.
test-asan: $(VENV)/test.stamp build/asan.stamp
	.ci/instrumented asan

test-tsan: $(VENV)/test.stamp build/tsan.stamp
	.ci/instrumented tsan

coverage: $(VENV)/test.stamp build/gcov.stamp
	.ci/instrumented gcov

# Public calls drawn at random, from the seed SEED on; kill -9, full disks and no memory (Linux).
CALLS ?= 100000
SEED  ?= 0
fuzz: $(VENV)/test.stamp
	mkdir -p tests/results
	$(VENV)/bin/python -W ignore tests/fuzz.py --calls $(CALLS) --seed $(SEED) --json tests/results/fuzz.json

crashes: $(VENV)/test.stamp
	mkdir -p tests/results
	$(VENV)/bin/python -P tests/crashes.py all >build/crashes.json && mv build/crashes.json tests/results/crashes.json

lint format: export PATH := $(CURDIR)/$(VENV)-lint/bin:$(PATH)
lint: $(VENV)-lint/lint.stamp
	ruff check
	ruff format --check
	cython-lint sklstm
	clang-format --dry-run --Werror sklstm/_kernel/*.h
	mypy
	codespell

format: $(VENV)-lint/lint.stamp
	ruff check --fix-only
	ruff format
	clang-format -i sklstm/_kernel/*.h

# The wheel that users get, in build/wheelhouse: for any Linux by auditwheel, tested in an environment of its own.
# TESTS=tests/test_wheel.py are some of the tests.
wheel: build/wheel.stamp $(VENV)-wheel/wheel.stamp
	PYTHON=$(VENV)/bin/python .ci/wheel $(TESTS)

# A release up to the upload: checks, tests, distributions, the tag.
release: $(VENV)-wheel/wheel.stamp
	$(VENV)-wheel/bin/python tools/release.py

# Source distribution, and the wheel built from it.
dist: $(VENV)/bin/python
	rm -rf dist *.egg-info
	$(VENV)/bin/pip install --quiet build
	$(VENV)/bin/python -m build

# Speed beside what users would run instead (Linux). ISA=avx2 holds all of them to this CPU level; JSON=path is
# the file of the results, of a second run for example. ROWS=A1,B1 are some of the rows, which no file keeps
# unless JSON asks for it.
ROUNDS ?= 15
JSON   ?= $(if $(ROWS),,benchmarks/results/rivals$(if $(ISA),_$(ISA)).json)
bench-rivals: $(VENV)-rivals/rivals.stamp
	$(VENV)-rivals/bin/python benchmarks/rivals/run.py --rounds $(ROUNDS) $(if $(ROWS),--rows $(ROWS)) $(if $(ISA),--isa $(ISA)) $(if $(JSON),--json $(JSON))

# What each path of the kernel that exists for speed alone brings (Linux, x86-64); ROWS=A1,B1, PATHS and LEVELS are
# some of the rows, paths and CPU levels, which no file keeps.
SOME := $(if $(ROWS),--rows $(ROWS)) $(if $(PATHS),--paths $(PATHS)) $(if $(LEVELS),--levels $(LEVELS))
bench-paths: $(VENV)-paths/paths.stamp
	$(VENV)-paths/bin/python benchmarks/paths.py --rounds $(ROUNDS) $(or $(strip $(SOME)),--json benchmarks/results/paths.json)

# Speed of our own commits; COMMITS is a range as git names it.
COMMITS ?= HEAD^!
bench: $(VENV)-asv/asv.stamp
	$(VENV)-asv/bin/asv machine --yes --config benchmarks/asv.conf.json
	$(VENV)-asv/bin/asv run --config benchmarks/asv.conf.json "$(COMMITS)"

clean:
	rm -rf .venv .venv-* build dist docs/_build docs/api/generated docs/api/backreferences docs/gallery
	rm -rf *.egg-info *.png sklstm/*.so .mypy_cache .pytest_cache .ruff_cache .hypothesis

%/bin/python:
	$(PYTHON) -m venv --upgrade-deps $*

build/wheel.stamp: $(SOURCES) | $(VENV)/bin/python
	rm -rf build/wheel
	$(VENV)/bin/pip wheel --quiet --no-deps --wheel-dir build/wheel .
	touch $@

build/debug.stamp: $(SOURCES) | $(VENV)/bin/python
	rm -rf build/debug
	SKLSTM_DEBUG=1 $(VENV)/bin/pip install --quiet --no-deps --target build/debug .
	touch $@

# .venv/<extra>.stamp: the wheel with an extra of pyproject.toml
$(VENV)/%.stamp: build/wheel.stamp
	$(VENV)/bin/pip install --quiet --force-reinstall --no-deps build/wheel/*.whl
	$(VENV)/bin/pip install --quiet "$$(echo build/wheel/*.whl)[$*]"
	touch $@

$(VENV)/order.stamp: $(VENV)/test.stamp
	$(VENV)/bin/pip install --quiet --group order
	touch $@

$(VENV)-oldest/oldest.stamp: build/wheel.stamp | $(VENV)-oldest/bin/python
	sed -nE 's/^ *"(numpy|scipy|scikit-learn)>=([0-9.]+)".*/\1==\2/p' pyproject.toml >build/oldest.txt
	$(VENV)-oldest/bin/pip install --quiet --force-reinstall --no-deps build/wheel/*.whl
	$(VENV)-oldest/bin/pip install --quiet --constraint build/oldest.txt "$$(echo build/wheel/*.whl)[test]"
	touch $@

$(VENV)-python/test.stamp: $(SOURCES) | $(VENV)-python/bin/python
	$(VENV)-python/bin/python -m pip install --quiet ".[test]"
	touch $@

build/asan.stamp build/tsan.stamp build/gcov.stamp: build/%.stamp: $(SOURCES) .ci/instrumented | $(VENV)-build/build.stamp
	BUILDER="$(CURDIR)/$(VENV)-build/bin/python" .ci/instrumented build $*
	touch $@

$(VENV)-build/build.stamp: pyproject.toml | $(VENV)-build/bin/python
	$(VENV)-build/bin/pip install --quiet "setuptools>=77" "Cython>=3.1" "numpy>=2" "scipy>=1.13"
	touch $@

$(VENV)-aarch64/test.stamp: .ci/platforms $(SOURCES) | $(VENV)/bin/python
	.ci/platforms aarch64
	touch $@

build/i686.stamp: .ci/platforms $(SOURCES) | $(VENV)/bin/python
	.ci/platforms i686
	touch $@

$(VENV)-rivals/rivals.stamp: build/wheel.stamp pyproject.toml | $(VENV)-rivals/bin/python
	$(VENV)-rivals/bin/pip install --quiet --force-reinstall --no-deps build/wheel/*.whl
	$(VENV)-rivals/bin/pip install --quiet build/wheel/*.whl --group rivals
	touch $@

$(VENV)-paths/paths.stamp: build/wheel.stamp pyproject.toml | $(VENV)-paths/bin/python
	$(VENV)-paths/bin/pip install --quiet --force-reinstall --no-deps build/wheel/*.whl
	$(VENV)-paths/bin/pip install --quiet build/wheel/*.whl --group paths
	touch $@

$(VENV)-docs/docs.stamp: build/wheel.stamp pyproject.toml | $(VENV)-docs/bin/python
	$(VENV)-docs/bin/pip install --quiet --force-reinstall --no-deps build/wheel/*.whl
	$(VENV)-docs/bin/pip install --quiet build/wheel/*.whl --group docs
	touch $@

$(VENV)-asv/asv.stamp: pyproject.toml | $(VENV)-asv/bin/python
	$(VENV)-asv/bin/pip install --quiet --group asv
	touch $@

$(VENV)-wheel/wheel.stamp: pyproject.toml | $(VENV)-wheel/bin/python
	$(VENV)-wheel/bin/pip install --quiet --group wheel
	touch $@

$(VENV)-lint/lint.stamp: pyproject.toml | $(VENV)-lint/bin/python
	$(VENV)-lint/bin/pip install --quiet --group lint
	touch $@
