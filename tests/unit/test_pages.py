"""Pages are self-contained, and p-values readable."""

import pytest
from semlens.pages import p_value, page


def test_a_page_is_its_title_its_body_and_nothing_from_elsewhere():
    text = page("a < b & c", "<p>x</p>", "td { color: red }\n")
    assert text.startswith("<!doctype html>") and text.count("a &lt; b &amp; c") == 2
    assert "<p>x</p>" in text and "td { color: red }\n</style>" in text
    assert "{" not in page("", "").split("</style>")[1] and "http" not in text


@pytest.mark.parametrize(
    ("p", "log10_p", "text"),
    [(0.2, -0.7, "0.20000"), (0.00123, -2.9, "0.00123"), (3.16e-7, -6.5, "3.2e-7"), (0.0, -412.3, "5.0e-413")],
)
def test_p_values(p, log10_p, text):
    assert p_value(p, log10_p) == text
