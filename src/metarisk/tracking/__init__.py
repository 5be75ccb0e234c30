"""The only storey that knows MLflow: runs, the registry, the pyfunc flavour."""
