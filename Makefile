# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# From a fresh clone, on Debian 12, as root:
#   make site     builds the reference topology on this machine, make down takes it away
#   make test     runs every check; make test KINDS="lint unit" some
# Both first set up what they need, which ends at once where it was done before.

.DEFAULT_GOAL := help
.PHONY: help setup setup-checks site down direct-link show test docs bench pins clean

export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.venv/collections
# What is read by people: no lines for what is skipped, and the summary line by line.
export ANSIBLE_DISPLAY_SKIPPED_HOSTS := false
export ANSIBLE_CALLBACK_RESULT_FORMAT := yaml
# Debian's ordinary PATH leaves out the system's commands.
export PATH := $(PATH):/usr/sbin:/sbin

# More options for ansible-playbook: make site ARGS="--check --diff"
ARGS ?=
INVENTORY ?= playbooks/inventory/hosts.yml
KINDS ?=
playbook = .venv/bin/ansible-playbook --inventory "$(INVENTORY)" \
	--extra-vars '{"ansible_python_interpreter": "$(CURDIR)/.venv/bin/python"}' $(ARGS)

help:  ## List what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup:  ## System packages and .venv with the tools, for the playbooks: after this they need no network
	@tools/setup.sh plays

setup-checks:  ## What the checks need besides: after this they need no network
	@tools/setup.sh checks

site: setup  ## Build the reference topology on this machine, verify it and show it
	@$(playbook) playbooks/site.yml

down: setup  ## Take away what `make site` or `make direct-link` has built
	@$(playbook) playbooks/teardown.yml

direct-link: setup  ## Build two namespaces joined by one cable, without a switch
	@$(playbook) playbooks/direct_link.yml

show: setup  ## Show what is on this machine, whoever made it, and who reaches whom; changes nothing
	@$(playbook) playbooks/show.yml

test: setup-checks  ## Run every check and count; KINDS="lint unit" runs some
	@.venv/bin/python tools/checks.py $(KINDS)

docs: setup  ## Write the generated parts of the modules' documentation
	@.venv/bin/python tools/docs.py

bench: setup-checks  ## Measure site.yml beside its rivals and write docs/benchmarks.md; ARGS="--sizes 2,40 --runs 1" less of it
	@tools/bench_setup.sh
	@PYTHONPATH=.venv/collections .venv/bin/python -m ansible_collections.netns.fabric.tests.benchmarks.run $(ARGS)

pins: setup  ## Write requirements/dev.txt anew, with the newest versions that requirements/dev.in allows
	@tools/pins.sh

clean:  ## Remove what setup and the checks have made in the clone
	rm -rf .venv .venv-* .nox .ansible .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
