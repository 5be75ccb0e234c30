"""One patient's page: what was measured, what the model answers, why, and what must not be concluded."""

from metarisk.report.patient.facts import PatientFacts
from metarisk.report.patient.gather import gather_patients


__all__ = ["PatientFacts", "gather_patients"]
