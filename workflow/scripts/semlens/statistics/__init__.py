"""From distances to statistics and findings."""
