# One entry point for people and machines. `make help` lists the targets.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
# One thread a process: on small machines two single-threaded workers beat one with two threads.
THREADS ?= 1
export OMP_NUM_THREADS ?= $(THREADS)
export TOKENIZERS_PARALLELISM := false
# More than two cores need: some tests wait for real time or for other processes.
WORKERS ?= 3

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is %s" % sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (the first time downloads PyTorch and takes some minutes) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt pip setuptools
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -c constraints.txt -e '.[dev]'
	@$(BIN)/python protos/generate.py build/stubs  # fetches the compiler, so that no test needs the network
	@touch $@

.PHONY: install
install: $(READY) ## make the virtual environment and install everything, pinned

.PHONY: demo
demo: $(READY) ## start a server, speak to it in real time, hear it in three other languages
	@$(BIN)/translate-svc demo

# Whole files of the engine's tests that the device makes no difference to, or that bring a stand-in with them.
# Single tests have the mark host_alone.
HOST_ALONE := --ignore=tests/engine/scheduling --ignore=tests/engine/text --ignore=tests/engine/thread \
	--ignore=tests/engine/test_imports.py --ignore=tests/engine/test_on_a_device.py \
	--ignore=tests/engine/runner/test_graph_runner.py \
	--ignore=tests/engine/simultaneous/test_hypotheses_on_a_device.py --ignore=tests/engine/simultaneous/test_unspaced_language.py

.PHONY: test
test: $(READY) ## everything that guards a change: lint, all tests that are not marked slow, the engine's again on a stand-in for a GPU
	@$(MAKE) --no-print-directory --jobs=2 suite beside

# Both at once: most tests wait more than they compute.
.PHONY: suite
suite: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) -m "not soak and not slow and not gpu"

.PHONY: beside
beside: lint
	TEST_DEVICE=standin $(BIN)/python -m pytest -q -n 1 -m "not soak and not slow and not gpu and not hypothesis and not host_alone" tests/engine $(HOST_ALONE)

.PHONY: beside-faster-whisper
beside-faster-whisper: $(READY) ## the engine and faster-whisper with the same random weights of Whisper's shape, in turns
	@test -d build/faster_whisper || $(BIN)/python -m pip install --quiet --target build/faster_whisper --no-deps "faster-whisper>=1.2" "ctranslate2>=4.6" "av>=12"
	PYTHONPATH=build/faster_whisper $(BIN)/python -m benchmarks.beside_faster_whisper

.PHONY: lint
lint: $(READY) ## ruff, mypy --strict, import contracts, and buf on the contract if npm can be reached
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m protos.check

.PHONY: format
format: $(READY) ## rewrite the sources in the project's format
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

.PHONY: protos
protos: $(READY) ## regenerate translate_svc/v1 from protos/
	$(BIN)/python protos/generate.py

.PHONY: clients
clients: $(READY) ## install the client alone with the oldest and the newest packages allowed, from PyPI, and use it (two minutes)
	$(BIN)/python -m release.client_range

.PHONY: matrix
matrix: $(READY) ## wheels for other machines (seven minutes), then the tests on every Python that is supported (ten minutes each)
	$(BIN)/python -m release.platforms
	$(BIN)/python -m release.matrix

.PHONY: audit
audit: $(READY) ## ask PyPI for advisories against the pinned versions; skipped, with one line, where they cannot be had
	$(BIN)/python -m release.audit

.PHONY: release
release: $(READY) ## build sdist, wheel and image, and check them: contents, twine, a bare and a fresh environment, its start (five minutes)
	$(BIN)/python -m release

.PHONY: docs
docs: $(READY) ## build the documentation as a site into build/site; a link that leads nowhere fails (ten seconds)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

.PHONY: quality
quality: $(READY) ## translate the held-out sentences, write docs/quality.md, fail below the bars (ten minutes)
	$(BIN)/python -m benchmarks.quality

.PHONY: simultaneous
simultaneous: $(READY) ## translate speech while it is spoken, write docs/simultaneous.md, fail below the bars (under an hour)
	$(BIN)/python -m benchmarks.simultaneous

.PHONY: bench
bench: $(READY) ## measure throughput, stages and latency, write benchmarks/results/ (half an hour)
	$(BIN)/python -m benchmarks.throughput --rounds 2
	$(BIN)/python -m benchmarks.stages
	$(BIN)/python -m benchmarks.latency

# No pip and no network: on a machine that is lent, whatever Python is there must do.
RESULTS ?= build/gpu
DEVICE_PYTHON := $(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON))
.PHONY: gpu
gpu: ## on a CUDA device: what the engine does at full size, then the tests of engine and models there; writes RESULTS (20 minutes)
	-$(DEVICE_PYTHON) -m benchmarks.gpu --result $(RESULTS)/gpu.json
	-TEST_DEVICE=cuda NVIDIA_TF32_OVERRIDE=0 $(DEVICE_PYTHON) -m pytest -n 1 -m "not soak" --junitxml=$(RESULTS)/tests.xml tests/engine tests/models

.PHONY: gpu-first
gpu-first: ## the first 45 minutes on a GPU: every probe a line of JSON in RESULTS, with torch, transformers and numpy alone
	$(DEVICE_PYTHON) -m benchmarks.gpu.first --results $(RESULTS)

.PHONY: host-time
host-time: $(READY) ## what a decode step costs the host at 16, 64 and 256 rows, one thread; AGAINST=REV compares two revisions (two minutes)
	$(BIN)/python -m benchmarks.host_time $(if $(AGAINST),--against $(AGAINST))

DEVICE ?= h200
.PHONY: gpu-model
gpu-model: $(READY) ## what the engine would do on a modelled GPU: DEVICE=h200, h100 or l4; AGAINST=REV beside another revision (three minutes each)
	$(BIN)/python -m benchmarks.gpu_model --device $(DEVICE) $(if $(AGAINST),--against $(AGAINST))

.PHONY: full-size
full-size: $(READY) ## the published size on this CPU, with random weights: memory, start, speed; what has no room is left out (under 20 minutes)
	$(BIN)/python -m benchmarks.full_size --minutes 5 --rounds 1

# Slow tests that have targets of their own.
SLOW_ELSEWHERE := --ignore=tests/gateway/whip/test_browser.py --ignore=tests/gateway/webrtc/test_browser.py \
	--ignore=tests/integrations --ignore=tests/packaging --ignore=tests/cli/batch
.PHONY: soak
soak: $(READY) ## many streams for long: latency, memory, leaks; property tests on new examples; writes benchmarks/results/soak.json (half an hour)
	$(BIN)/python -m benchmarks.soak
	$(BIN)/python -m pytest -m soak -s
	$(BIN)/python -m pytest -m slow $(SLOW_ELSEWHERE)
	$(BIN)/python -m pytest -n $(WORKERS) -m "hypothesis and not gpu" --hypothesis-profile=explore

MINUTES ?= 10
.PHONY: fuzz
fuzz: $(READY) ## coverage-guided inputs to codecs, containers, segmenter, wire and whole calls: make fuzz MINUTES=10; findings in build/fuzz
	$(BIN)/python -m fuzz --minutes $(MINUTES)

.PHONY: command
command: $(READY) ## what a person waits for: first translation, start, a film of 12 minutes; writes benchmarks/results/command.json (five minutes)
	$(BIN)/python -m benchmarks.command

.PHONY: gateway
gateway: $(READY) ## OpenAI's protocol: its slow tests, in browsers and through proxies (two minutes)
	$(BIN)/python -m pytest -n 0 -m slow tests/gateway

.PHONY: integrations
integrations: $(READY) ## install LiveKit Agents, its plugin of NVIDIA, Pipecat and LiteLLM, each into an environment of its own, and test with them (ten minutes)
	$(PYTHON) -m venv build/integrations/litellm
	build/integrations/litellm/bin/pip install --quiet --disable-pip-version-check "litellm[proxy]"
	$(PYTHON) -m venv build/integrations/livekit-nvidia
	build/integrations/livekit-nvidia/bin/pip install --quiet --disable-pip-version-check livekit-plugins-nvidia
	for name in livekit pipecat; do \
		$(PYTHON) -m venv build/integrations/$$name && \
		build/integrations/$$name/bin/pip install --quiet --disable-pip-version-check -e "integrations/$$name[test]" || exit 1; \
	done
	$(BIN)/python -m pytest -n 0 tests/integrations

.PHONY: batch
batch: $(READY) ## `batch` and Ray's workers are killed, and lose nothing (five minutes)
	$(BIN)/python -m pytest -m slow tests/cli/batch tests/cli/commands/test_batch.py

.PHONY: attacks
attacks: $(READY) ## one attack after another beside callers who do nothing wrong, also with --guard; writes benchmarks/results/attacks.json (70 minutes)
	$(BIN)/python -m benchmarks.attacks

.PHONY: capacity
capacity: $(READY) ## more and more streams that all speak: how many the server takes, and how late those inside get their texts; callers of unlike kinds (15 minutes)
	$(BIN)/python -m benchmarks.capacity

.PHONY: fairness
fairness: $(READY) ## a caller with many times the load of another: how long newcomers wait, and what it costs those who speak beside it (18 minutes)
	$(BIN)/python -m benchmarks.newcomers
	$(BIN)/python -m benchmarks.fairness

.PHONY: resume
resume: $(READY) ## kill servers under live calls: what is lost, and for how long (six minutes)
	$(BIN)/python -m benchmarks.resume

.PHONY: starter
starter: $(READY) ## train model_cache/starter anew (four hours on two cores; resumes; needs the synthesizers)
	$(BIN)/python -m training.starter

.PHONY: clean
clean: ## remove what the other targets made, except trained weights
	rm -rf $(VENV) build dist *.egg-info examples/node/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'
