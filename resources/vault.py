"""The vault: where the project key comes from. Nothing else ever asks for it."""

from __future__ import annotations

import os
import warnings
from typing import Any

import dagster as dg
from dagster_aws.secretsmanager import SecretsManagerResource

from deid_platform.errors import VaultError
from deid_platform.identity import Identity, decode_key


class VaultResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The project key, from the environment or from AWS Secrets Manager. The key is never part of the configuration."""

    key_variable: str = "DEID_KEY"
    """Name of the environment variable that holds the key (64 hexadecimal digits)."""
    secret_id: str = ""
    """Name or ARN of a secret in AWS Secrets Manager; when given, the environment is not asked."""
    region_name: str | None = None
    """AWS region of the secret."""
    endpoint_url: str | None = None
    """Another address of Secrets Manager, for private endpoints."""

    def identity(self, site: str) -> Identity:
        """The pseudonyms of a site.

        Raises
        ------
        VaultError
            There is no usable key; the message says where it was looked for, never what was found.
        """
        text = self._secret() if self.secret_id else self._variable()
        try:
            return Identity(decode_key(text), site)
        except VaultError:
            place = "The secret in AWS Secrets Manager" if self.secret_id else f"The variable {self.key_variable}"
            raise VaultError(f"{place} does not hold a usable key: give 64 hexadecimal digits.") from None

    def _variable(self) -> str:
        text = os.environ.get(self.key_variable)
        if not text:
            raise VaultError(f"The project key is missing: set the environment variable {self.key_variable}, "
                             "for instance to what `openssl rand -hex 32` prints.")
        return text

    def _secret(self) -> str:
        try:
            answer = self._client().get_secret_value(SecretId=self.secret_id)
        except Exception as error:  # noqa: BLE001 - whatever the client raises, its text may hold the request
            raise VaultError(f"AWS Secrets Manager did not give the project key ({type(error).__name__}).") from None
        return str(answer.get("SecretString", ""))

    def _client(self) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.BetaWarning)  # dagster-aws is pinned, a test holds this to work
            service = SecretsManagerResource(region_name=self.region_name, endpoint_url=self.endpoint_url)
        return service.get_client()
