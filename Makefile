# Two commands for a newcomer: make run, make test. The others for who works here.

PYTHON = .venv/bin/python
PACKAGES = tradingsite marketdata indicators accounts strategies orders funds
# How many, tests/servers.py says; groups share what is dear to start.
WORKERS = -n auto --dist loadgroup
# Addresses as a deployment has them; the checks read settings and ask no server.
DEPLOYED = SITE_URL=https://tradingsite.example.com REDIS_URL=redis://127.0.0.1:1/0 \
	DATABASE_URL=postgresql://nobody@127.0.0.1:1/unset
LOCK = UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet --universal \
	--python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links

# Where this is set, each start of Django compiles a thousand files again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test lint bench chaos e2e timescale load lock clean setup-run setup-dev

run: setup-run ## start everything; Ctrl-C stops it
	@exec $(PYTHON) manage.py up

test: setup-dev ## all tests, with the browser, with killed servers and on TimescaleDB
	@timescale=passed; $(PYTHON) -m tests.timescale || timescale=failed; \
	echo '$(PYTHON) -m pytest -m "" $(WORKERS)'; \
	$(PYTHON) -m pytest -m "" $(WORKERS) || exit; \
	[ $$timescale = passed ] || { echo "The tests on TimescaleDB failed: see above." >&2; exit 1; }

lint: setup-dev ## style, types, floors, templates, migrations, deployment checks
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy $(PACKAGES) tests bench clients
	.venv/bin/lint-imports
	.venv/bin/djlint --quiet --check templates
	.venv/bin/djlint --quiet --lint templates
	$(PYTHON) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(DEPLOYED) $(PYTHON) manage.py check --deploy --fail-level WARNING

bench: setup-dev ## measure against peers built side by side
	$(PYTHON) -m bench

chaos: setup-dev ## tests that kill, freeze and wipe servers and processes
	$(PYTHON) -m pytest -m chaos

e2e: setup-dev ## tests that drive a real browser
	$(PYTHON) -m pytest -m browser

timescale: setup-dev ## tests of bars and rollups on a real TimescaleDB (needs Node)
	$(PYTHON) -m tests.timescale

load: setup-dev ## many clients at once, beside the original shape
	$(PYTHON) -m bench history

lock: ## resolve requirements*.in again (needs uv)
	$(LOCK) --output-file requirements.txt requirements.in
	$(LOCK) --output-file requirements-dev.txt requirements-dev.in

clean: ## remove what can be made again; the data in .data stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup-run:
	@.ci/setup run

setup-dev:
	@.ci/setup dev
