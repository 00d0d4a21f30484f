# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# From a fresh clone, on Debian 12, as root:
#   make site     builds the reference topology on this machine, make down deletes it
#   make test     runs every check; make test KINDS="lint unit" runs some
# Both first install what they need; later runs skip this.

.DEFAULT_GOAL := help
.PHONY: help setup setup-checks site down direct-link show test docs bench pins clean

export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.venv/collections
# For readable output: no lines for skipped tasks, and the summary line by line.
export ANSIBLE_DISPLAY_SKIPPED_HOSTS := false
export ANSIBLE_CALLBACK_RESULT_FORMAT := yaml
# Debian's PATH for ordinary users does not contain the system's commands.
export PATH := $(PATH):/usr/sbin:/sbin

# Further options for ansible-playbook: make site ARGS="--check --diff"
ARGS ?=
INVENTORY ?= playbooks/inventory/hosts.yml
KINDS ?=
# The Python of a host is what its inventory says; that of the clone says .venv.
playbook = .venv/bin/ansible-playbook --inventory "$(INVENTORY)" $(ARGS)

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup:  ## Install what the playbooks need: system packages and .venv; later runs need no network
	@tools/setup.sh plays

setup-checks:  ## Install what the checks need in addition; later runs need no network
	@tools/setup.sh checks

site: setup  ## Build the reference topology on this machine, verify it and show it
	@$(playbook) playbooks/site.yml

down: setup  ## Delete what `make site` or `make direct-link` has built
	@$(playbook) playbooks/teardown.yml

direct-link: setup  ## Build two namespaces connected by one veth pair, without a switch
	@$(playbook) playbooks/direct_link.yml

show: setup  ## Show what is on this machine, whoever created it, and which namespaces reach each other; changes nothing
	@$(playbook) playbooks/show.yml

test: setup-checks  ## Run every check and count; KINDS="lint unit" runs some
	@.venv/bin/python tools/checks.py $(KINDS)

docs: setup  ## Write the generated parts of the modules' documentation
	@.venv/bin/python tools/docs.py

bench: setup-checks  ## Compare site.yml with other ways and write docs/benchmarks.md; ARGS="--sizes 2,40 --runs 1" runs a part
	@tools/bench_setup.sh
	@PYTHONPATH=.venv/collections .venv/bin/python -m ansible_collections.netns.fabric.tests.benchmarks.run $(ARGS)

pins: setup  ## Update requirements/plays.txt and checks.txt to the newest versions that their .in files allow
	@tools/pins.sh

clean:  ## Remove what setup and the checks have created in the clone
	rm -rf .venv .venv-* .nox .ansible .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
