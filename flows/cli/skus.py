"""The commands about SKUs: what is known of one, and aliases for those that sales channels call otherwise."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from flows.cli.parts import CONFIG, AsJson, ConfigPath, DryRun, Reason, Who, control, print_audit, read_store, who
from flows.cli.screen import print_json, print_table, say, short

alias = App(name="alias", help="What sales channels call a product that Fulfil calls otherwise.")
sku = App(name="sku", help="What is known of a SKU.")

SkuText = Annotated[str, Parameter(help="A SKU, exactly as it is written; quote one that has spaces.")]
AliasName = Annotated[str, Parameter(help="What sales channels call the product, exactly as a case quotes it.")]


@sku.command(name="explain")
def explain_sku(text: SkuText, *, config: ConfigPath = CONFIG, json: AsJson = False) -> None:
    """Whether orders of this SKU can be imported; if not, what may be meant by it."""
    from flows.explain import explain_sku as explained  # noqa: PLC0415
    from flows.formats.parts import text_of  # noqa: PLC0415

    async def ask(read: Any) -> Any:
        names = (text, text_of(text))  # and as every format reads it
        alias = next((each for each in await read.aliases() if each.alias in names), None)
        return await read.candidates(text), alias, () if alias is None else await read.candidates(alias.sku)

    found, alias, meant = read_store(config, ask)
    if json:
        print_json({"sku": text, "candidates": found, "alias": [] if alias is None else [alias], "meant": meant})
    else:
        say(*explained(text, found, alias, meant))


@alias.command(name="list")
def list_aliases(
    *, audit: Annotated[bool, Parameter(negative="")] = False, config: ConfigPath = CONFIG, json: AsJson = False
) -> None:
    """Every alias, and who decided on it.

    Parameters
    ----------
    audit
        The chain of all decisions instead, checked from its beginning; exit status 1 when it was changed.
    """
    if audit:
        print_audit(config, json=json)
        return
    rows = read_store(config, lambda read: read.aliases())
    if json:
        print_json(rows)
        return
    print_table(
        ("alias", "stands for", "since", "by", "why"),
        [(row.alias, row.sku, short(row.decided_at), row.decided_by, row.reason) for row in rows],
        empty="there are no aliases",
    )


@alias.command(name="add")
def add_alias(
    name: AliasName,
    to_sku: SkuText,
    *,
    reason: Reason,
    by: Who = "",
    dry_run: DryRun = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Let NAME, as sales channels call it, stand for the SKU in Fulfil. The orders that this cures are released."""
    control(
        config, "alias", action="add", alias=name, sku=to_sku, reason=reason, by=who(by),
        dry_run="yes" if dry_run else "",
    )  # fmt: skip


@alias.command(name="remove")
def remove_alias(
    name: AliasName, *, reason: Reason, by: Who = "", dry_run: DryRun = False, config: ConfigPath = CONFIG
) -> None:
    """Let NAME stand for nothing but itself again. What was imported under it stays."""
    control(
        config, "alias", action="remove", alias=name, reason=reason, by=who(by),
        dry_run="yes" if dry_run else "",
    )  # fmt: skip
