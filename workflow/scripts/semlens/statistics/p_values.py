"""p-values as text."""

from decimal import Decimal

SIGNIFICANT = 0.05


def format_p_value(p: float, log10_p: float, power: str = "{}e{}") -> str:
    """Return a p-value as Table 1 prints it; below 1e-4 as a power of ten, from its logarithm, since it may underflow.

    Parameters
    ----------
    power
        How to write mantissa and exponent.
    """
    if log10_p >= -4:
        return f"{p:.5f}"
    mantissa, exponent = f"{Decimal(10) ** Decimal(log10_p):.1e}".split("e")
    return power.format(mantissa, int(exponent))
