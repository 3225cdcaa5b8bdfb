"""``deid explain``: what a profile does to what, and on whose word."""

from __future__ import annotations

import re

import click
from pydicom.uid import UID_dictionary

from deid_platform.dictionary import keyword, parse_tag, public_vr, tag_text
from deid_platform.errors import PolicyError
from deid_platform.policy import MEANING, Policy, Rule, load_policy
from deid_platform.policy.describe import (
    DATES,
    by_type,
    head_words,
    options_table,
    pixel_words,
    private_words,
    profiles_table,
    slide_words,
    text_words,
)
from deid_platform.policy.iod import iod_of
from deid_platform.policy.profile import Profile, load_profile

_SIGNATURE = re.compile(r"(?:.*/)?[0-9a-f]{3}[13579bdf],.+,[0-9a-f]{2}", re.IGNORECASE)


@click.command()
@click.argument("profile", required=False)
@click.argument("tag", required=False)
@click.option("--sop-class", help="UID or name of a SOP class, such as CTImageStorage, whose Types settle the action.")
@click.option("--markdown", is_flag=True, help="Print the tables of options and of packaged profiles, for documents.")
def explain(profile: str | None, tag: str | None, sop_class: str | None, markdown: bool) -> None:
    """Tell what PROFILE does, or what happens to TAG under it, and why.

    TAG is a keyword, ggggeeee, or for a private element its signature such as '0019,SIEMENS MR HEADER,0c'.
    """
    if markdown:
        click.echo(f"{options_table()}\n{profiles_table()}", nl=False)
        return
    if profile is None:
        raise click.UsageError("Missing argument 'PROFILE'.")
    policy = _policy(profile)
    if tag is None:
        _explain_profile(policy, load_profile(profile))
    elif _SIGNATURE.fullmatch(tag):
        _explain_signature(policy, tag)
    else:
        _explain_tag(policy, _tag(tag), _sop_class(sop_class) if sop_class else None)


def _explain_profile(policy: Policy, profile: Profile) -> None:
    click.echo(f"{policy.name}: PS3.15 {policy.edition}, policy {policy.digest[:16]}\n\n{policy.about}\n")
    for option in sorted(policy.options, key=lambda option: option.code):
        click.echo(f"  {option.code}  {option.meaning}")
    for code, meaning in policy.claims_of_faces:
        click.echo(f"  {code}  {meaning}, where a face was removed")
    click.echo(f"\n  dates    {DATES[policy.dates]}")
    click.echo(f"  texts    {text_words(policy)}")
    click.echo(f"  private  {private_words(policy, profile)}")
    click.echo(f"  pixels   {pixel_words(policy)}")
    click.echo(f"  heads    {head_words(policy)}")
    click.echo(f"  slides   {slide_words(policy)}")
    for resolution in profile.resolutions:
        names = " and ".join(sorted(option.label for option in resolution.options))
        click.echo(f"  where {names} disagree, {resolution.winner.label} decides: {resolution.why}")
    if not policy.claims:
        click.echo("  a rule of the profile keeps more than the standard allows: nothing is claimed in (0012,0064)")
    for rule in profile.privates:
        click.echo(f"  {rule.signature}  {rule.action.value}  [[private]]: {rule.why}")
    click.echo("")
    for number, listed in policy.listed():
        name = keyword(number) or "-"
        click.echo(f"{tag_text(number)}  {listed.code or listed.action.value:<6}  {name:<52}  {listed.source}")


def _explain_tag(policy: Policy, number: int, sop_class: str | None) -> None:
    vr = public_vr(number) or "UN"
    if number >> 16 & 1:
        rule = policy.private_rule("", vr)
    else:
        rule = policy.of(sop_class).rule(number, vr) if sop_class else policy.rule(number, vr)
    click.echo(f"{tag_text(number)} {keyword(number) or 'unknown attribute'} ({vr})")
    _echo_rule(rule)
    if rule.code:
        click.echo(f"  {rule.code} by the Type in the object's IOD: {by_type(rule.code)}")
    if rule.code and sop_class:
        _explain_places(policy, number, vr, sop_class)


def _explain_places(policy: Policy, number: int, vr: str, sop_class: str) -> None:
    """The action at every place the IOD gives the attribute."""
    iod = iod_of(sop_class)
    if iod is None:
        click.echo("  the tables do not know the IOD of this SOP class")
        return
    for path, tag in sorted(place for place in iod.types if place[1] == number):
        rule = policy.of(sop_class).rule(tag, vr, path)
        click.echo(f"  {rule.action.value}  {path or 'at the top: '}{tag_text(tag)}, Type {iod.types[path, tag]}")


def _explain_signature(policy: Policy, signature: str) -> None:
    vr = policy.private_vr(signature) or "UN"
    click.echo(f"{signature} ({vr})")
    _echo_rule(policy.private_rule(signature, vr))


def _echo_rule(rule: Rule) -> None:
    click.echo(f"  {rule.action.value}: {MEANING[rule.action]}")
    click.echo(f"  because of {rule.source}")


def _tag(text: str) -> int:
    number = parse_tag(text)
    if number is None:
        raise click.BadParameter("give a keyword such as PatientName, or eight hexadecimal digits.", param_hint="TAG")
    return number


def _sop_class(text: str) -> str:
    """The UID of a SOP class given by UID, keyword or name."""
    if re.fullmatch(r"[\d.]+", text):
        return text
    plain = text.replace(" ", "").casefold()
    for uid, (name, _, _, _, word) in UID_dictionary.items():
        if plain in (word.casefold(), name.replace(" ", "").casefold()):
            return uid
    raise click.BadParameter("there is no SOP class of this name.", param_hint="--sop-class")


def _policy(profile: str) -> Policy:
    try:
        return load_policy(profile)
    except PolicyError as error:
        raise click.BadParameter(str(error), param_hint="profile") from None
