"""What must become of every attribute: tables, options and profiles, compiled into a policy."""

from deid_platform.policy.options import CLEAN_PIXEL_DATA_CODE, Option
from deid_platform.policy.pixels import PixelOptions
from deid_platform.policy.policy import ObjectRules, Policy, load_policy
from deid_platform.policy.profile import packaged
from deid_platform.policy.rule import MEANING, Action, Rule

__all__ = [
    "CLEAN_PIXEL_DATA_CODE",
    "MEANING",
    "Action",
    "ObjectRules",
    "Option",
    "PixelOptions",
    "Policy",
    "Rule",
    "load_policy",
    "packaged",
]
