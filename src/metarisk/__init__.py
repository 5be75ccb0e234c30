"""metarisk: where a tumour will spread, how soon, and whether checkpoint inhibition will work."""

__version__ = "0.1.0"
