# Every target sets up what it needs. `make help` lists them.
PATIENTS ?= 25
SEEDS ?= 10000
START ?= 1
ROUNDS ?= 50
SECONDS ?= 600
VENV := .venv/bin
export PYTHONDONTWRITEBYTECODE := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo dev test chaos hammer fuzz bench check format package terraform requirements clean package-check

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: ## Install what the repository needs into .venv (done by the others as needed)
	@infra/local/setup.sh

demo: setup ## Run the whole chain on a local stack and compare the stores (PATIENTS=25)
	@$(VENV)/python -m infra.local.demo --patients $(PATIENTS)

dev: setup ## Keep a local stack running, with its URLs printed; picks up code changes
	@$(VENV)/python -m infra.local.dev

test: check ## Lint, types and all tests
	@$(VENV)/python -m pytest

chaos: setup ## Play random histories of faults and see that all laws hold (SEEDS=10000 START=1)
	@$(VENV)/python -m tests.simulation --seeds $(SEEDS) --start $(START)

hammer: setup ## Kill processes while data flows (ROUNDS=50), or stop each store (PAUSE=60 seconds)
	@$(VENV)/python -m infra.local.hammer --rounds $(ROUNDS) $(if $(PAUSE),--pause $(PAUSE))

bench: setup ## Measure beside floors (QUICK=1: only see that it works; STORE=1: keep to compare with)
	@$(VENV)/python -m tests.bench $(if $(QUICK),--quick) $(if $(STORE),--store)

fuzz: setup ## Throw hostile input at every door and decoder; build/fuzz.json (SECONDS=600)
	@$(VENV)/python -m tests.fuzz --seconds $(SECONDS)

check: setup ## Lint, formatting and types
	@$(VENV)/ruff check --quiet
	@$(VENV)/ruff format --check --quiet
	@$(VENV)/basedpyright --level error

package: setup ## Build build/functions.zip, the same bytes for the same sources
	@$(VENV)/python -m infra.package

package-check: setup ## Serve the package alone on Python 3.11, 3.12 and 3.13, where they are here
	@$(VENV)/python -m infra.package_check
	@for version in 3.11 3.12 3.13; do \
	  PACKAGE_PYTHON=$$version $(VENV)/python -m pytest -q tests/contract/test_package_events.py || exit 1; \
	done

terraform: setup ## Check the Terraform: format, validate, tests with mocked providers
	@infra/terraform_check.sh

format: setup ## Format the code
	@$(VENV)/ruff check --fix --quiet
	@$(VENV)/ruff format --quiet

requirements: setup ## Compile the pinned requirements anew
	@$(VENV)/python -m pip install --quiet uv
	@$(VENV)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-header requirements.in -o requirements.txt
	@$(VENV)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-header -c requirements.txt requirements-dev.in -o requirements-dev.txt

clean: ## Remove what was built or installed here
	rm -rf .venv build infra/local/node/node_modules infra/local/browser/node_modules .pytest_cache .ruff_cache .hypothesis
