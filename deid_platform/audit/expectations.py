"""Column rules on manifests, held by Great Expectations.

They are the part of the gate a site may want to read and extend, so they are written as expectations on a pandas
frame; rules across rows are SQL in :mod:`deid_platform.audit.checks`. The library takes seconds to import, so that
happens when it is first used.
"""

from __future__ import annotations

import os
from collections import Counter
from functools import cache
from typing import Any

import pandas as pd

from deid_platform.manifest import MANIFEST_SCHEMA, Manifest
from deid_platform.model import PixelRule, Reason, Stage, Status

_OPAQUE = r"^[A-Z2-7]{16}\Z"
_UID = r"^(?:2\.25\.\d{1,39}|)\Z"
_OPAQUE_PATH = r"[A-Z2-7]{16}/[0-9.]+/[0-9.]+/[0-9.]+\.[a-z0-9.]+"
# After BIDS: a pseudonym, then labels.
_BIDS_PATH = (
    r"(?:sub-[A-Za-z0-9]+/(?:ses-[A-Za-z0-9]+/)?(?:[a-z]+/)?sub-[A-Za-z0-9]+(?:_[A-Za-z0-9-]+)*"
    r"|participants|dataset_description)\.[a-z.]+"
    # What many subjects share: terms of BIDS, with labels as above.
    r"|(?:[a-z]{2,9}-[A-Za-z0-9]+_)*(?:(?:inplane)?T[12]w?|T2starw|PDw|PDT2|FLAIR|UNIT1|angio|(?:T[12]|T2star|R[12]|R2star|"
    r"PD|MTR|Chi|S0|M0|[RT]B1)map|TB1AFI|MTsat|MP2RAGE|MPM|MTS|MTR|IRT1|VFA|MESE|MEGRE|defacemask|bold|cbv|sbref|dwi|phasediff|"
    r"phase[12]?|magnitude[12]?|fieldmap|epi|asl|m0scan|pet|ct|events|scans|sessions|physio|aslcontext|blood)"
    r"\.(?:json|bval|bvec)"
)
_OBJECT = rf"^(?:scrubbed|pixel_cleaned)/[a-z0-9-]+/[0-9a-f]{{32}}/(?:{_OPAQUE_PATH}|{_BIDS_PATH})\Z"
_NOT_COLUMNS = ("batch", "dataset", "masking", "changes", "satisfied")
"""Of these the first two are of the manifest as a whole, the others lists and structures without free text."""


@cache
def import_library() -> Any:
    """Great Expectations without telemetry; worth calling early, in a thread, because it takes seconds."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    import great_expectations

    return great_expectations


def _expectations(gx: Any) -> dict[Status | None, list[Any]]:
    """What rows of a status have to meet, None for all of them, in every dataset after raw.

    Rows in quarantine tell no place, others must have an object. Each status has a frame of its own, as conditions on
    rows take the library three times as long.
    """
    core = gx.expectations
    filled = ("object", "size", "sha256", "subject", "study", "series", "instance")  # the others pass over nulls
    return {
        None: [
            *(core.ExpectColumnValuesToNotBeNull(column=c) for c in ("item", "stage", "reason")),
            core.ExpectColumnValuesToBeUnique(column="item"),
            core.ExpectColumnValuesToMatchRegex(column="item", regex=_OPAQUE),
            core.ExpectColumnValuesToBeInSet(column="status", value_set=[str(status) for status in Status]),
            core.ExpectColumnValuesToBeInSet(column="etag", value_set=[""]),
            core.ExpectColumnValuesToBeInSet(column="rule", value_set=["", *map(str, PixelRule)]),
        ],
        Status.PASSED: [
            *(core.ExpectColumnValuesToNotBeNull(column=c) for c in filled),
            core.ExpectColumnValuesToBeInSet(column="reason", value_set=[""]),
            core.ExpectColumnValuesToMatchRegex(column="subject", regex=_OPAQUE),
            *(core.ExpectColumnValuesToMatchRegex(column=c, regex=_UID) for c in ("study", "series", "instance")),
            core.ExpectColumnValuesToMatchRegex(column="object", regex=_OBJECT),
            core.ExpectColumnValuesToMatchRegex(column="path", regex=rf"^(?:{_OPAQUE_PATH}|{_BIDS_PATH}|)\Z"),
            core.ExpectColumnValuesToMatchRegex(column="sha256", regex=r"^[0-9a-f]{64}\Z"),
            core.ExpectColumnValuesToBeBetween(column="size", min_value=1),
        ],
        Status.QUARANTINED: [
            core.ExpectColumnValuesToBeInSet(column="reason", value_set=[str(reason) for reason in Reason]),
            core.ExpectColumnValuesToBeInSet(column="stage", value_set=[str(stage) for stage in Stage]),
            core.ExpectColumnValuesToBeInSet(column="object", value_set=[""]),
        ],
    }


def unmet_expectations(manifest: Manifest) -> dict[str, int]:
    """Expectations the rows of a manifest do not meet, with the number of rows; never a value of a row."""
    gx = import_library()
    names = [name for name in MANIFEST_SCHEMA.names if name not in _NOT_COLUMNS]
    frame = pd.DataFrame([[getattr(entry, name) for name in names] for entry in manifest.entries], columns=names)
    frame["status"] = frame["status"].map(str)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("manifests").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("all")
    totals: Counter[str] = Counter()
    for status, expectations in _expectations(gx).items():
        rows = frame if status is None else frame[frame["status"] == str(status)]
        suite = gx.ExpectationSuite(name=str(status), expectations=expectations)
        for name, count in _unmet(batch.get_batch({"dataframe": rows}).validate(suite, result_format="BASIC")):
            totals[name] += count
    return dict(sorted(totals.items()))


def _unmet(result: Any) -> list[tuple[str, int]]:
    """Name and count of what failed; an expectation that raised counts as failed by every row (-1)."""
    unmet = []
    for one in result.results:
        if not one.success:
            column = one.expectation_config.kwargs.get("column", "")
            name = f"{one.expectation_config.type}:{column}"
            unmet.append((name, int(one.result.get("unexpected_count", -1)) if one.result else -1))
    return unmet
