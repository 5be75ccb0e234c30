"""The batch service: jobs in a database, workers that score them, an HTTP API, a watched folder."""
