"""The service over HTTP: routes, what they answer, and what keeps them from being abused."""
