"""Where the demo's model lies."""

from pathlib import Path

MODEL = Path(__file__).parents[1] / "resources" / "demo" / "model"
