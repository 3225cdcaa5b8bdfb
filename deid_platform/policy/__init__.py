"""What must become of every attribute: tables, options and profiles, compiled into a policy."""

from deid_platform.policy.heads import HeadOptions, HeadPolicy
from deid_platform.policy.options import CLEAN_FACES_CODE, CLEAN_PIXEL_DATA_CODE, Option
from deid_platform.policy.pixels import PixelOptions
from deid_platform.policy.policy import ObjectRules, Policy, load_policy
from deid_platform.policy.profile import packaged
from deid_platform.policy.rule import MEANING, Action, Rule

__all__ = [
    "CLEAN_FACES_CODE",
    "CLEAN_PIXEL_DATA_CODE",
    "MEANING",
    "Action",
    "HeadOptions",
    "HeadPolicy",
    "ObjectRules",
    "Option",
    "PixelOptions",
    "Policy",
    "Rule",
    "load_policy",
    "packaged",
]
