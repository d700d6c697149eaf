# Satomori. Nothing here needs root or Docker; `make test` may use root to install what the tests need.
.DEFAULT_GOAL := help
.PHONY: help demo demo-check test check lock upgrade clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

demo: ## start everything on recorded data and print the page's address (stop with Ctrl-C)
	@scripts/venv.sh demo
	@exec .venv/bin/satomori demo

demo-check: ## the same headless and fast; says at the end whether it was right
	@scripts/venv.sh demo
	@exec .venv/bin/satomori demo --check

test: ## all checks and all tests
	@scripts/test.sh

check: ## ruff, mypy --strict and import-linter only
	@scripts/test.sh --checks

lock: ## write the lock files anew from pyproject.toml
	@scripts/venv.sh test
	@scripts/lock.sh

upgrade: ## the same with the newest of everything
	@scripts/venv.sh test
	@scripts/lock.sh --upgrade

clean: ## remove the environment and every cache (what was recorded in satomori-data/ stays)
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
