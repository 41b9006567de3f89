# The commands: `make app`, `make test`, `make quick`. Windows users find the plain commands in the README.

PYTHON ?= python3
VENV ?= .venv
DATASET ?=
LABELS ?=
PORT ?= 8501
PHOTOS ?=
SERVER ?=
SERVER_PROCESS ?=
SERVER_DATA ?=
RECREATE ?=
# Tests at once. More than there are cores, as most tests wait; the quick ones compute.
WORKERS ?= $(if $(QUICK),3,5)
IMAGENET ?=
QUICK ?=
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif

.PHONY: app test quick lint pytest benchmark clean

app: $(VENV)/.requirements $(if $(IMAGENET),$(VENV)/.requirements-imagenet)
	@$(BIN)/python -m scripts.start --port "$(PORT)" $(if $(DATASET),--dataset "$(DATASET)") \
		$(if $(LABELS),--labels "$(LABELS)") \
		$(if $(RECREATE),--recreate)

# Types and tests are checked side by side: the tests wait more than they compute.
test: $(VENV)/.requirements-dev
	@$(MAKE) --no-print-directory -j2 lint pytest

# Without what needs a browser or a server, or takes a processor more than a second and a half.
quick: $(VENV)/.requirements-dev
	@$(MAKE) --no-print-directory -j2 lint pytest QUICK=1

lint: $(VENV)/.requirements-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/oxlint --deny-warnings core pages
	$(BIN)/mypy

pytest: $(VENV)/.requirements-dev
	$(BIN)/python -m pytest -n $(WORKERS) \
		$(if $(QUICK),-m "not browser and not server and not slow") $(PYTEST_ARGS)

benchmark: $(VENV)/.requirements-dev
	$(BIN)/python -m scripts.benchmark all $(if $(PHOTOS),--photos "$(PHOTOS)") \
		$(if $(SERVER),--uri "$(SERVER)") \
		$(if $(SERVER_PROCESS),--server-process "$(SERVER_PROCESS)") \
		$(if $(SERVER_DATA),--server-data "$(SERVER_DATA)")

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache

# The stamps make a changed requirements file, and only that, install again.
$(VENV)/.requirements: requirements.txt | $(VENV)/pyvenv.cfg
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.requirements-imagenet: requirements-imagenet.txt requirements.txt | $(VENV)/pyvenv.cfg
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements-imagenet.txt
	@touch $@

$(VENV)/.requirements-dev: requirements.txt requirements-dev.txt requirements-server.txt \
		requirements-imagenet.txt requirements-cluster.txt | $(VENV)/pyvenv.cfg
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/.requirements

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is older. Try: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
