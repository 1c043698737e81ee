# make demo   the whole workflow on synthetic data, ending with a report
# make demo-model   train the demo's model again, from nothing: hours, less with DEVICE=cuda; goes on where it was cut off
# make test   the gate: linters, formatters, unit and workflow tests
# make test-fast   what needs neither a finished run nor a browser, for an answer while you work
# make test-slurm   the demo on a Slurm of one node, which is installed if need be; as root, on Debian or Ubuntu
# make docs   the tables of docs/data.md and the text of docs/gallery.md, from the library's contracts and captions;
#             the captions of snakemake --report
# make gallery   the images of docs/gallery.md, from the results of make demo
# make site   the documentation as pages for a browser, in build/site
# make lock   pin what envs/requirements.in needs in envs/requirements.txt
PYTHON ?= python3
DEVICE ?= cpu
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/requirements.txt

.PHONY: demo demo-model test test-fast test-slurm docs gallery site lock
.DELETE_ON_ERROR:

demo: $(READY)
	$(BIN)/snakemake --cores all
	@echo "The report is at $(CURDIR)/results/report.html"

demo-model: $(READY)
	PYTHONPATH=workflow/scripts $(BIN)/python -m demo.train_model --device $(DEVICE) --config resources/demo/training.yaml --work results/demo-model --out resources/demo/model

test: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-fast: $(READY)
	$(BIN)/ruff check
	$(BIN)/python -m pytest --numprocesses 2 -m "not slow and not browser and not slurm"

test-slurm: $(READY)
	tests/slurm/cluster.sh install
	$(BIN)/python -m pytest -m slurm -s

$(READY): envs/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "semlens needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 demo" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "Python lacks venv: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --disable-pip-version-check --quiet --requirement $<
	cp $< $@

docs: $(READY)
	PYTHONPATH=workflow/scripts $(BIN)/python docs/write_data.py
	PYTHONPATH=workflow/scripts $(BIN)/python docs/write_captions.py
	PYTHONPATH=workflow/scripts $(BIN)/python docs/write_gallery.py

gallery: $(READY)
	PYTHONPATH=workflow/scripts $(BIN)/python docs/write_gallery.py --results results

site: $(READY)
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet --conf-dir docs . build/site
	@echo "The first page is $(CURDIR)/build/site/index.html"

lock:
	rm -rf .lock && $(PYTHON) -m venv .lock
	.lock/bin/pip install --quiet --requirement envs/requirements.in
	{ echo "# Written by make lock."; .lock/bin/pip freeze --exclude pip --exclude setuptools | sed 's/+cpu$$//'; } > envs/requirements.txt
	rm -rf .lock
