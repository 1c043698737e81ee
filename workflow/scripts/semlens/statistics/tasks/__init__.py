"""What prototypes are good for: retrieval, a vote of neighbours, a probe, clustering, and re-identification."""
