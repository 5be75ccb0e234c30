"""One patient's page: what was measured, what the model answers, why, and what must not be concluded."""

from metarisk.report.patient.facts import PatientFacts
from metarisk.report.patient.gather import gather_patients
from metarisk.report.patient.page import patient_page

__all__ = ["PatientFacts", "gather_patients", "patient_page"]
