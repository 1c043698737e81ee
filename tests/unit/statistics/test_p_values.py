"""p-values are readable, whatever their size."""

import pytest

from semlens.statistics.p_values import format_p_value


@pytest.mark.parametrize(
    ("p", "log10_p", "text"),
    [(0.2, -0.7, "0.20000"), (0.00123, -2.9, "0.00123"), (3.16e-7, -6.5, "3.2e-7"), (0.0, -412.3, "5.0e-413")],
)
def test_p_values(p, log10_p, text):
    assert format_p_value(p, log10_p) == text
