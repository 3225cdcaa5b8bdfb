"""Which policy the platform runs under."""

from __future__ import annotations

import dagster as dg

from deid_platform.policy import Policy, load_policy


class PolicyResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """One profile for the whole deployment. Changing it shows every batch as stale; a backfill mends them."""

    profile: str = "tcia"
    """A packaged profile's name, or the path of a site's own ``.toml`` file."""

    def policy(self) -> Policy:
        """The compiled policy. Raises PolicyError when the profile cannot be used."""
        return load_policy(self.profile)
