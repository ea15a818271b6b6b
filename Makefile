# Every target makes .venv first where it is missing or older than what it is made from.
# With another Python: make clean test PYTHON=python3.12

PYTHON ?= python3
VENV   := .venv
FACTS  := settings.ini setup.py pyproject.toml
NEEDS  := $(shell sed -n 's/^requires-python = ">=\(.*\)"/\1/p' pyproject.toml)
BIN    := $(CURDIR)/$(VENV)/bin
RUN    := PATH="$(BIN):$$PATH"

NOTEBOOKS := $(wildcard nbs/[0-9]*.ipynb nbs/index.ipynb)
# JupyterLab calls a new notebook Untitled: no test takes it for one of ours.
NOT_OURS  := ^[_.]|^Untitled

# The one place that decides whether the real files are here: HH_DATA names a folder with the test split, or not.
# If so their tests run too; if not they are left out, except where CI=true: there that is a failure.
ifdef HH_DATA
override HH_DATA := $(shell cd "$(HH_DATA)" 2>/dev/null && pwd || echo "$(HH_DATA)")
export HH_DATA
REAL := $(shell ls "$(HH_DATA)"/*/test.jsonl.gz >/dev/null 2>&1 && echo real)
endif

.PHONY: help look test coverage lab docs readme bench clean release

help:                  ## this list
	@sed -n 's/^\([a-z]*\):.*## /make \1: /p' Makefile

look: $(VENV)/.look    ## the report on the data, then three helpful and three harmless pairs, side by side
	@$(RUN) hh-look

test: $(VENV)/.dev     ## export and clean, the tests in the notebooks, then pytest: some three minutes
ifeq ($(CI)$(REAL),true)
	@echo 'CI=true, and HH_DATA names no folder with the real test files'; exit 1
endif
	@set -e; export $(RUN); state() { cat $(NOTEBOOKS) hh_nbdev/*.py | cksum; }; \
	  echo '1 of 3: export the notebooks, clean them'; \
	  before=$$(state); nbdev-export; nbdev-clean; python tools/clear_rows.py; \
	  [ "$$before" = "$$(state)" ] || { echo 'Notebooks or modules were not as nbdev leaves them; now they are.'; [ -z "$$CI" ]; }
	@export $(RUN); rc=0; \
	  echo '2 of 3: the tests in $(words $(NOTEBOOKS)) notebooks, about a minute without a word'; \
	  nbdev-test --flags '$(REAL)' --skip-file-re '$(NOT_OURS)' || rc=$$?; \
	  echo '3 of 3: pytest'; \
	  pytest -m 'not slow$(if $(REAL),, and not real)' || rc=$$?; \
	  exit $$rc

coverage: $(VENV)/.dev ## the lines and branches that the notebooks' tests and pytest reach, in some 15 minutes
	@$(RUN) python tools/cover.py $(REAL)

# nbdev's hooks for git name its commands in full, so that git finds them from any shell. Their home is .venv, so that
# nothing outside this folder changes.
lab: $(VENV)/.dev      ## JupyterLab; saving cleans, git merges notebooks cell by cell; my/ is for notebooks of your own
	-@HOME="$(CURDIR)/$(VENV)" $(RUN) nbdev-install-hooks
	-@[ ! -d .git ] || { git config --file .gitconfig merge.jupyternotebook.driver '"$(BIN)/nbdev-merge" %O %A %B %P'; \
	  git config --file .gitconfig diff.jupyternotebook.command '"$(BIN)/nbdev-diff-driver"'; \
	  printf '#!/bin/sh\n[ ! -x "%s" ] || "%s"\n' "$(BIN)/nbdev-trust" "$(BIN)/nbdev-trust" >.git/hooks/post-merge; }
	@mkdir -p my
	@JUPYTER_CONFIG_PATH="$(CURDIR)/tools/jupyter" $(RUN) jupyter lab --LabApp.default_url=/lab/tree/nbs/index.ipynb $(LAB)

docs: $(VENV)/.dev     ## the site in _docs/ with Quarto, or else a plain preview of the same pages in _preview/
	@rm -rf _proc _docs _preview
	@$(RUN) python tools/docs.py

readme: $(VENV)/.dev   ## README.md, made from nbs/index.ipynb
	@$(RUN) python tools/readme.py

bench: $(VENV)/.bench  ## the loader beside other ways to read the same files
	@$(RUN) python bench/bench.py

clean:                 ## everything that was made here, .venv too
	rm -rf $(VENV) .gitconfig _docs _preview _proc build dist *.egg-info .coverage* .hypothesis .*_cache nbs/nbdev.yml nbs/facts.yml

release: $(VENV)/.dev  ## for maintainers: all checks, then tag the version, push it and upload it
	git diff --exit-code --stat HEAD
	@! grep -n 'not released' CHANGELOG.md || { echo 'Put the date into CHANGELOG.md and commit'; exit 1; }
	.ci/run
	rm -rf dist && $(RUN) python -m build
	git tag -a -m release v$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' hh_nbdev/__init__.py)
	git push --follow-tags
	$(VENV)/bin/python -m pip install --quiet twine
	$(VENV)/bin/twine upload dist/*

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < tuple(map(int, "$(NEEDS)".split("."))))' || \
	  { echo '$(PYTHON) is missing or older than $(NEEDS): install a newer one, or name it: make PYTHON=python3.12'; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo '$(PYTHON) cannot make environments: install its venv (Debian, Ubuntu: sudo apt install python3-venv)'; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.look:  EXTRA :=
$(VENV)/.look:  TAKES := a few seconds to a minute
$(VENV)/.dev:   EXTRA := [dev]
$(VENV)/.dev:   TAKES := one to three minutes the first time
$(VENV)/.bench: EXTRA := [bench]
$(VENV)/.bench: TAKES := one to three minutes
$(VENV)/.look $(VENV)/.dev $(VENV)/.bench: $(VENV)/.made $(FACTS)
	@echo "Installing hh_nbdev$(EXTRA) and what it needs into $(VENV): $(TAKES)"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.$(EXTRA)' || \
	  { echo 'The packages could not be installed. That needs a network, once; see what pip says above.'; exit 1; }
	@for o in clean docs export test; do [ ! -e $(VENV)/bin/nbdev-$$o ] || ln -sf nbdev-$$o $(VENV)/bin/nbdev_$$o; done  # nbdev 2 spelt them so
	@touch $@ $(VENV)/.look
