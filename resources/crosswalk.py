"""Where encrypted crosswalks go: a vault with its own credentials, which the platform fills and cannot read."""

from __future__ import annotations

import os

import dagster as dg
from pydantic import Field

from deid_platform.vault import Vault, vault_of
from resources.store import StoreResource


class CrosswalkResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The vault's address and the public keys its crosswalks are encrypted for; without one none are kept."""

    store: StoreResource
    folder: str = ""
    """The folder of the store that is the vault; all of it if empty."""
    recipients: list[str] = Field(default_factory=list)
    """What ``deid crosswalk keygen`` prints. The private keys are never near the platform."""

    @classmethod
    def from_environment(cls, store: StoreResource) -> CrosswalkResource:
        """From ``DEID_CROSSWALK_RECIPIENTS``, ``DEID_VAULT`` and ``DEID_VAULT_PROFILE`` (an AWS profile).

        Parameters
        ----------
        store : StoreResource
            The platform's store, in whose folder ``vault/`` crosswalks lie when no vault is named.
        """
        recipients = os.environ.get("DEID_CROSSWALK_RECIPIENTS", "").split()
        if "DEID_VAULT" not in os.environ:
            return cls(store=store, folder="vault", recipients=recipients)
        profile = os.environ.get("DEID_VAULT_PROFILE")
        return cls(store=StoreResource(url=dg.EnvVar("DEID_VAULT"), profile_name=profile), recipients=recipients)

    @property
    def wanted(self) -> bool:
        """Whether crosswalks are kept at all."""
        return bool(self.recipients)

    def vault(self) -> Vault:
        """The vault to write to. Raises VaultError when a recipient is no public key."""
        return vault_of(self.store.store().within(self.folder), tuple(self.recipients))
