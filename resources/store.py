"""The store as a Dagster resource: a folder or S3, told by one address."""

from __future__ import annotations

import os
from dataclasses import fields

import dagster as dg
from dagster_aws.s3.resources import ResourceWithS3Configuration
from pydantic import ConfigDict, Field, field_validator

from deid_platform.errors import StoreError
from deid_platform.store.protocol import Store
from deid_platform.store.s3 import S3Connection
from deid_platform.store.url import open_store

STORE_VARIABLE = "DEID_STORE"
DEFAULT_URL = "data/store"


class StoreResource(ResourceWithS3Configuration):
    """Where the platform's zones are kept: a folder, or S3 with the settings of Dagster's ``S3Resource``.

    The S3 settings hold for an ``s3://`` address only. Those left out come from where boto3 looks (environment,
    profile, machine's role); give secrets as ``dg.EnvVar`` so that they stay out of the run configuration.
    """

    # An address that is refused may hold a password, and pydantic's errors go to the event log.
    model_config = ConfigDict(hide_input_in_errors=True)

    url: str = Field(
        default=DEFAULT_URL,
        description="s3://bucket/prefix, or the path of a folder, relative to the working directory if not absolute.",
    )

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        try:
            open_store(url)
        except StoreError as error:
            raise ValueError(str(error)) from None
        return url

    @classmethod
    def from_environment(cls, variable: str = STORE_VARIABLE, default: str = DEFAULT_URL) -> StoreResource:
        """The store at the address in an environment variable, which Dagster then shows by name, or the default."""
        return cls(url=dg.EnvVar(variable) if variable in os.environ else default)

    def store(self) -> Store:
        """The engine's store; a small picklable value."""
        return open_store(self.url, self._connection())

    def _connection(self) -> S3Connection:
        shared = [field.name for field in fields(S3Connection) if field.name in type(self).model_fields]
        return S3Connection(**{name: getattr(self, name) for name in shared})
