"""The configuration: its schema, its cross checks, and what follows from it for each job."""
