"""How the platform names patients: mapping file and issuers. Addresses and words only, never a value of the file."""

from __future__ import annotations

import os

import dagster as dg

from deid_platform.identity import Identity
from deid_platform.naming import SubjectSettings, named


class SubjectsResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """See :class:`~deid_platform.naming.SubjectSettings`. One mapping file serves all sites and names them."""

    mapping: str = ""
    """Path or s3:// address of the mapping file, which is read by the run and never copied."""
    unknown_subjects: str = ""
    """``derive`` or ``quarantine``, which is what happens with a mapping file unless told otherwise."""
    issuers: str = ""
    """``ignore`` or ``separate``."""
    default_issuer: str = ""
    """Whose patient numbers come without an issuer."""
    subject_pattern: str = ""
    """Regular expressions, one a line, for the patient number in keys of objects that tell it nowhere else."""

    @classmethod
    def from_environment(cls) -> SubjectsResource:
        """From ``DEID_MAPPING``, ``DEID_UNKNOWN_SUBJECTS``, ``DEID_ISSUERS``, ``DEID_DEFAULT_ISSUER`` and
        ``DEID_SUBJECT_PATTERN``.
        """
        return cls(
            mapping=os.environ.get("DEID_MAPPING", ""),
            unknown_subjects=os.environ.get("DEID_UNKNOWN_SUBJECTS", ""),
            issuers=os.environ.get("DEID_ISSUERS", ""),
            default_issuer=os.environ.get("DEID_DEFAULT_ISSUER", ""),
            subject_pattern=os.environ.get("DEID_SUBJECT_PATTERN", ""),
        )

    def named(self, identity: Identity) -> Identity:
        """An identity that names its patients as configured. Raises VaultError when it cannot."""
        settings = SubjectSettings(
            self.mapping, self.unknown_subjects, self.issuers, self.default_issuer, sites=True,
            subject_pattern=self.subject_pattern,
        )  # fmt: skip
        return named(identity, settings)
