"""Subscribers in from a file, and out to one."""

from subscribers.csvfile.exports import export_csv
from subscribers.csvfile.imports import import_csv
from subscribers.csvfile.model import Format, Imported, RowProblem

__all__ = ["Format", "Imported", "RowProblem", "export_csv", "import_csv"]
