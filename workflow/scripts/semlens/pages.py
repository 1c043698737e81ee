"""What pages and tables of results share: a template without scripts or external resources, and p-values as text."""

from decimal import Decimal
from html import escape

SIGNIFICANT = 0.05
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font-family: sans-serif; margin: 2em }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums }}
th, td {{ padding: .3em .8em; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap }}
th {{ text-align: left; font-weight: 600 }}
{style}</style>
<h2>{title}</h2>
{body}
</html>
"""


def page(title: str, body: str, style: str = "") -> str:
    """Return a self-contained page: ``title`` is text, ``body`` HTML, ``style`` CSS beyond that of tables."""
    return _PAGE.format(title=escape(title), body=body, style=style)


def p_value(p: float, log10_p: float, power: str = "{}e{}") -> str:
    """Return a p-value as Table 1 prints it, in powers of ten below 1e-4; its logarithm knows it if it underflows."""
    if log10_p >= -4:
        return f"{p:.5f}"
    mantissa, exponent = f"{Decimal(10) ** Decimal(log10_p):.1e}".split("e")
    return power.format(mantissa, int(exponent))
