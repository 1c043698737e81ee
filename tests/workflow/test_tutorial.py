"""The tutorial runs from its first cell to its last on the demo, of which it needs one experiment."""

import nbformat
import pytest
import yaml
from nbclient import NotebookClient
from repository import ROOT, SCRIPTS, Repository, copied, execute

EXPERIMENT = "single-layer"
SHOWN = ["run.plot", "figure, panels", "example ="]  # how the cells that show images begin


@pytest.mark.slow
def test_the_tutorial_runs_and_shows_its_figures(tmp_path, monkeypatch):
    """As after make demo. Figures that a notebook draws itself appear too, after semlens has drawn one."""
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    config["experiments"] = {EXPERIMENT: config["experiments"][EXPERIMENT]}
    config |= {"agreements": {}, "searches": {}, "propagations": {}}
    config["datasets"]["coco"]["images"] = 10
    config["extractions"] = {"plain": {**config["extractions"]["plain"], "datasets": ["coco"], "models": ["trained"]}}
    repo = Repository(copied(tmp_path / "repository"), tmp_path / "demo.yaml")
    repo.config.write_text(yaml.safe_dump(config))
    execute(repo, "results/provenance.json", f"results/statistics/{EXPERIMENT}/trained/coco.sets.csv")

    monkeypatch.setenv("PYTHONPATH", str(repo.path(str(SCRIPTS))))
    monkeypatch.delenv("MPLBACKEND", raising=False)
    notebook = nbformat.read(repo.path("docs", "tutorial.ipynb"), 4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(repo.path("docs"))}}).execute()
    showing = [
        cell.source
        for cell in notebook.cells
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
    ]
    assert len(showing) == len(SHOWN)
    assert all(source.startswith(start) for source, start in zip(showing, SHOWN, strict=True))
