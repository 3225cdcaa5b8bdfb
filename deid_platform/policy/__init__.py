"""What must become of every attribute: tables, options and profiles, compiled into a policy."""

from deid_platform.policy.options import Option
from deid_platform.policy.policy import ObjectRules, Policy, load_policy
from deid_platform.policy.profile import packaged
from deid_platform.policy.rule import MEANING, Action, Rule

__all__ = ["MEANING", "Action", "ObjectRules", "Option", "Policy", "Rule", "load_policy", "packaged"]
