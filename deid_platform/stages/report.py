"""The report of a batch: what was done and checked, in numbers. It holds no value of any file, so it may be shared."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape

from deid_platform.audit.checks import CheckResult
from deid_platform.dictionary import keyword_of
from deid_platform.manifest import Manifest
from deid_platform.model import REMEDIES, Entry, Reason
from deid_platform.policy import MEANING, Action, Policy
from deid_platform.stages.pipeline import masking_totals

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
table{border-collapse:collapse;margin:.5rem 0 1.5rem;width:100%}
th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #d8dee4;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
img{margin:0 .5rem .5rem 0}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}
"""


MOST_PICTURES = 24
"""Heads that one report shows."""
_READ = ("images", "read", "routine", "sampled", "sample_hits", "unread")
_LABELS = {
    "masked_items": "items with masked text",
    "masked_frames": "frames with masked text",
    "masked_overlays": "overlays with cleared text",
    "marks_kept": "harmless marks that stay",
    "texts_compared": "masked texts that were compared with the identifiers of their subject",
    "identifiers_found": "of these, texts that say one of them",
    "items_without_face": "items of volumes from which a face was removed",
    "volumes_removed": "volumes measured from which a face was removed",
    "volumes_proven": "of these, proven without a face and with a whole brain",
    "volumes_untouched": "volumes nothing was removed from, measured for a face",
    "unjudged": "images that say nothing of heads",
    "images": "images",
    "read": "read by Tesseract after cleaning",
    "routine": "images in which nothing speaks for text",
    "sampled": "of these, read by lot",
    "sample_hits": "of these, with text",
    "unread": "images not read",
}


def render_report(
    policy: Policy, manifest: Manifest, checks: Sequence[CheckResult], pictures: Sequence[bytes] = ()
) -> str:
    """A self-contained HTML page about one released batch; ``pictures`` are PNG files of heads without faces."""
    entries = manifest.entries
    counts = [("found", len(entries)), ("released", len(manifest.passed)), ("quarantined", len(manifest.quarantined))]
    reasons = Counter(entry.reason for entry in manifest.quarantined)
    refused = [(reason, REMEDIES[Reason(reason)], items) for reason, items in _ordered(reasons)]
    modalities = _ordered(Counter(entry.modality or "other" for entry in manifest.passed))
    sections = [
        _table("Items", ("", "items"), counts),
        _table("Quarantine", ("reason", "what to do", "items"), refused),
        _table("Released by modality", ("modality", "items"), modalities),
        _table("Why the pixels may pass", ("rule", "items"), _ordered(Counter(e.rule for e in manifest.passed))),
        _table("Text in the pixels", ("", "count"), _pixels(manifest.passed)),
        _table("Proof that no text is left", ("", "count"), _proof(checks)),
        _table("Proof that faces are gone", ("", "count"), _faces(checks)),
        _shown(pictures),
        _table("Checks", ("check", "asks", "passed"), [(c.name, c.asks, "yes" if c.passed else "no") for c in checks]),
        _table("Actions by attribute", ("tag", "keyword", "action", "places"), _actions(manifest.passed)),
    ]
    heading = f"Batch {escape(manifest.batch)}"
    about = f"Profile {escape(policy.name)}, PS3.15 {escape(policy.edition)}, policy {policy.digest[:16]}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{heading}</title><style>{_STYLE}</style>'
        f"<h1>{heading}</h1><p>{about}</p>{''.join(sections)}</html>\n"
    )


def _pixels(entries: Sequence[Entry]) -> list[tuple[str, object]]:
    totals = masking_totals(entries)
    share = totals.pop("masked_share")
    rows: list[tuple[str, object]] = [(_LABELS[name], int(value)) for name, value in totals.items()]
    return [*rows, ("share of the area of these items that is masked", f"{share:.2%}")]


def _proof(checks: Sequence[CheckResult]) -> list[tuple[str, object]]:
    """What was read, and in words what that says of the rest."""
    counts = next((check.counts for check in checks if check.name == "text_proven"), None)
    if counts is None:
        return []
    rows: list[tuple[str, object]] = [(_LABELS[name], counts[name]) for name in _READ]
    bound = counts["miss_bound_ppm"] / 10_000
    said = f"at most {bound:.2f} % (95 % confidence, Clopper and Pearson)" if counts["unread"] else "all were read"
    return [*rows, ("images not read in which the same reading would find text", said)]


def _faces(checks: Sequence[CheckResult]) -> list[tuple[str, object]]:
    """What was measured of heads; nothing where the policy lets faces be."""
    counts = next((check.counts for check in checks if check.name == "heads_judged"), {})
    return [(_LABELS[name], count) for name, count in counts.items()]


def _shown(pictures: Sequence[bytes]) -> str:
    """Pictures inside of the page."""
    if not pictures:
        return ""
    data = (b64encode(picture).decode() for picture in pictures)
    shown = "".join(f'<img alt="A head without its face" src="data:image/png;base64,{one}">' for one in data)
    return f"<h2>Released heads, from the front and from their right</h2><p>{shown}</p>"


def _ordered(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _actions(entries: Iterable[Entry]) -> list[tuple[str, str, str, int]]:
    places: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        for change in entry.changes:
            places[change.target, change.action] += change.count
    return [
        (target, keyword_of(target), MEANING[Action(action)], count)
        for (target, action), count in sorted(places.items())
    ]


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th{_numeric(name)}>{escape(name)}</th>" for name in header)
    body = "".join(
        "<tr>" + "".join(f"<td{_numeric(value)}>{escape(str(value))}</td>" for value in row) + "</tr>" for row in rows
    )
    return f"<h2>{escape(title)}</h2><table><tr>{head}</tr>{body}</table>"


def _numeric(value: object) -> str:
    return ' class="n"' if isinstance(value, int) or value in ("items", "places", "count") else ""
