"""What a table must be: assays and units, clinical columns, endpoints, findings, scores."""
