"""From statistics to figures and tables."""
