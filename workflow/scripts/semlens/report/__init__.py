"""The report: its page, provenance, and the claims of the paper."""
