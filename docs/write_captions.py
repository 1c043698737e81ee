"""Write the captions of snakemake --report, which are those of the report: make docs.

Of one output that has several kinds of figures, such as boxes or curves, the job's parameter says which it is.
"""

from pathlib import Path

from semlens.draw.kinds import DUNN_INDEXES, KINDS

CAPTIONS = Path(__file__).parents[1] / "workflow" / "report" / "captions"
WORDS = {
    "reference": "``{{ snakemake.params.reference }}``",
    "dunn_index": f"{{{{ {DUNN_INDEXES}[snakemake.params.dunn] }}}}",
}


def render_captions() -> dict[str, str]:
    """Return the text of each file by its name."""
    texts = {kind.name: kind.caption.format(**WORDS) for kind in KINDS}
    boxes, curves = texts["boxes"], texts.pop("curves")
    either = f'{{% if snakemake.params.kind == "boxes" %}}{boxes}{{% else %}}{curves}{{% endif %}}'
    return {f"{name}.rst": f"{text}\n" for name, text in (texts | {"boxes": either}).items()}


if __name__ == "__main__":
    for name, text in render_captions().items():
        (CAPTIONS / name).write_text(text, encoding="utf-8")
