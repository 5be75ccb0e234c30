"""A cBioPortal study folder: meta files, clinical tables, mutations, fusions, matrices, panels."""

from metarisk.data.cbioportal.folder import default_study, is_study_folder, read_folder

__all__ = ["default_study", "is_study_folder", "read_folder"]
