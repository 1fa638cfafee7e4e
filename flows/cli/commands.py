"""The command `seamline`. Data on stdout, messages on stderr, exit statuses of sysexits.h."""

from __future__ import annotations

import os
import shlex
import sys
from datetime import datetime
from decimal import Decimal
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio
import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number

from flows.cli.close import close
from flows.cli.closing import accepted, unsettled
from flows.cli.holds import holds
from flows.cli.listings import listings
from flows.cli.missing import backfill, manifests
from flows.cli.parts import (
    CONFIG,
    AsJson,
    ConfigPath,
    NotFound,
    OrderName,
    PlaceInList,
    Rows,
    Who,
    control,
    explain_none,
    loaded,
    read_store,
    story_of,
    who,
)
from flows.cli.payments import payments
from flows.cli.payouts import payouts
from flows.cli.people import audit, link, patch
from flows.cli.postings import postings
from flows.cli.reports import reports
from flows.cli.screen import money, pairs, print_fields, print_json, print_table, say, short, tell_more
from flows.cli.shipments import carriers, shipments
from flows.cli.skus import alias, sku
from flows.cli.statements import statements
from flows.cli.status import status
from flows.cli.stock import stock
from flows.cli.store import store
from flows.model.several import are, several
from runtime.clock import SystemClock, to_datetime
from runtime.errors import ConfigInvalid, SeamlineError, Stop

Named = Annotated[str, Parameter(help="The sales channel as configured; with --actor, the actor.")]
PauseReason = Annotated[str, Parameter(help="Why, for whoever looks at it in a year. It stays on record.")]
IsActor = Annotated[bool, Parameter(name="--actor", help="NAME is an actor, such as order_importer.", negative="")]
State = Literal["new", "held", "creating", "unknown", "imported", "cancelled", "waiting", "excluded"]
Vendor = Literal["fulfil", "patchworks"]

app = App(
    name="seamline",
    help="Takes every order in exactly once: from Patchworks into Fulfil, or to a person who can see why not.",
    version=lambda: f"seamline {version_of('seamline')}",
)
orders = App(name="orders", help="What became of the orders.")
schema = App(name="schema", help="Published schemas.")
for part in (
    orders,
    holds,
    payments,
    payouts,
    postings,
    reports,
    shipments,
    carriers,
    manifests,
    statements,
    alias,
    sku,
    schema,
    store,
):
    app.command(part)
app.command(backfill)
app.command(status)
app.command(close)
app.command(listings)
app.command(stock)
app.command(audit)
orders.command(patch)
orders.command(link)
orders.command(unsettled)
orders.command(accepted)


# -- running -----------------------------------------------------------------------------------------------------------


@app.command
def run(*, config: ConfigPath = CONFIG) -> None:
    """Run the integration until SIGTERM or SIGINT; a second signal hurries.

    Exit status 0 after an orderly stop; 75 when another process holds the store, 69 when one has a port of it, 78 when
    the configuration has problems, 65 when the store is none of ours or damaged, 74 when the disk fails.
    """
    from flows.app import run_process  # noqa: PLC0415 - the other commands start faster without the runtime

    run_process(config)


@app.command
def check(*, config: ConfigPath = CONFIG, json: AsJson = False) -> int:
    """Check the configuration: every problem at once, with its line and the right spelling. Touches nothing.

    What a capability file lacks, or says otherwise than a setting, is noted on standard error.
    """
    from flows.config import Config  # noqa: PLC0415
    from runtime.config import check as check_text  # noqa: PLC0415
    from runtime.config import load  # noqa: PLC0415

    try:
        text = config.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigInvalid(f"{config} cannot be read ({error.strerror}); name the right file with --config") from None
    except UnicodeDecodeError as error:
        raise ConfigInvalid(f"{config} is not UTF-8 at byte {error.start}; save it as UTF-8") from None
    problems = check_text(text, Config, directory=config.parent)
    if not problems:
        from flows.capabilities import remarks  # noqa: PLC0415

        problems, notes = remarks(load(config, Config))
        for note in notes:
            say(f"note: {note}", to=sys.stderr)
    if json:
        print_json(problems)
    else:
        for problem in problems:
            say(problem)
        say(f"{config}: {several(len(problems), 'problem') if problems else 'no problems'}")
    return ConfigInvalid.exit_status if problems else 0


@app.command
def probe(
    vendor: Vendor = "fulfil",
    *,
    plan: Annotated[bool, Parameter(negative="")] = False,
    writes: Annotated[bool, Parameter(negative="")] = False,
    burst: Annotated[bool, Parameter(negative="")] = False,
    yes: Annotated[bool, Parameter(negative="")] = False,
    to: Path | None = None,
    item_timeout_s: Annotated[float, Parameter(validator=Number(gt=0, lte=600))] = 60.0,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Find out what a tenant can do where public material says nothing. Reads only, unless --writes is given.

    Exit status 0 when it was asked, whatever it can do; 69 when it cannot be reached, 77 when it refuses us. A question
    that stays open is `unknown`, and says why. What a probe leaves behind is told, by the next one again.

    Parameters
    ----------
    vendor
        Whom to ask.
    plan
        Only say what would be asked. Nothing is sent.
    writes
        Also make orders, or start the flows that are named for it, on a tenant that the configuration calls a sandbox.
    burst
        Also call faster than allowed, once, until the rate limit answers.
    yes
        Confirm --writes without being asked.
    to
        Keep what was found in this file, whole or not at all.
    item_timeout_s
        How long one question may take.
    """
    from flows import probe as probing  # noqa: PLC0415

    effects = probing.effects_of(writes=writes, burst=burst)
    if plan:
        planned = probing.plan(vendor, effects)
        if json:
            print_json(planned)
            return
        print_table(("does", "asks", "to find"), [(each.effect, each.asks, ", ".join(each.finds)) for each in planned])
        return
    probed = _probed(vendor, effects, config, item_timeout_s, confirmed=yes)
    if to is not None:
        probing.keep(to, probed.file)
    if json:
        print_json(probed)
    else:
        print_table(("capability", "value", "how", "what it means"), probing.rows(probed))
    for line in probing.leftovers(probed):
        say(line, to=sys.stderr)


@app.command
def sandbox(
    vendor: Annotated[
        Literal["fulfil", "patchworks"], Parameter(help="For whom it stands in: the ERP or the hub.")
    ] = "fulfil",
    *,
    config: Annotated[Path | None, Parameter(name=["--config", "-c"], help="Its settings, TOML or JSON.")] = None,
    port: Annotated[int | None, Parameter(help="The port to listen on, whatever the settings say.")] = None,
    target_key: Annotated[str | None, Parameter(help="The key with which patchworks delivers to Seamline.")] = None,
) -> int:
    """Run a stand-in for Fulfil, or for Patchworks, on loopback, with books that can be read at /sandbox/books.

    Both forget everything when they stop. deploy/sandbox.example.toml and deploy/patchworks-sandbox.example.toml are
    settings to begin with; what they can be told to do stands there.
    """
    if vendor == "fulfil":
        from connectors.fulfil.sandbox.__main__ import main as run_sandbox  # noqa: PLC0415
    else:
        from connectors.patchworks.sandbox.__main__ import main as run_sandbox  # noqa: PLC0415
    given = {"--config": config, "--port": port, "--target-key": target_key}
    return run_sandbox([str(part) for pair in given.items() if pair[1] is not None for part in pair])


@app.command
def demo(
    *,
    seed: int = 1,
    orders: int = 2_000,
    keep: Annotated[bool, Parameter(env_var="KEEP", negative="")] = False,
    json: AsJson = False,
) -> int:
    """A seeded day with an ERP that misbehaves; an observer judges it by the outside's books. Needs nothing set up.

    Seamline and the sandboxes of Fulfil and Patchworks run as processes of their own. Three sales channels sell, and
    their orders come twice, late, reordered, edited, cancelled, refunded; a warehouse ships meanwhile. Exit status 0
    only if nothing is lost, doubled or wrong.

    Parameters
    ----------
    seed
        The same seed gives the same day and the same books.
    orders
        How many orders the day has: 100 to 10000.
    keep
        Stay up afterwards, to look around.
    """
    from flows.demo.day import run_demo  # noqa: PLC0415

    return run_demo(seed=seed, count=orders, keep=keep, as_json=json)


@app.command
def pause(
    name: Named = "",
    *,
    actor: IsActor = False,
    reason: PauseReason = "",
    by: Who = "",
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Stop giving out the orders of a sales channel (or, with --actor, everything for an actor).

    Intake goes on: orders are accepted and wait on disk. The pause survives restarts, until `resume`. Without NAME:
    what is paused, since when, by whom, and how many orders wait for it.
    """
    if name:
        scope = "actor" if actor else "partition"
        control(config, "pause", json=json, scope=scope, name=name, by=who(by), reason=reason)
        return
    rows = [row for row in read_store(config, lambda read: read.pauses()) if row.scope == "actor" or not actor]
    if json:
        print_json(rows)
        return
    print_table(
        ("what", "name", "since", "by", "orders waiting", "to go on"),
        [(row.scope, row.name, short(row.since), row.by, row.waiting, row.resume) for row in rows],
        empty="nothing is paused",
    )


@app.command
def resume(
    name: Named,
    *,
    actor: IsActor = False,
    reason: PauseReason = "",
    by: Who = "",
    config: ConfigPath = CONFIG,
) -> None:
    """Go on with what was paused."""
    control(config, "resume", scope="actor" if actor else "partition", name=name, by=who(by), reason=reason)


@app.command
def reference(*, to: Annotated[Path, Parameter(help="An existing directory; pages in it are replaced.")]) -> None:
    """Write the reference pages (settings, metrics, events, exceptions, statements) as this version has them."""
    from flows.reference import PAGES  # noqa: PLC0415

    if not to.is_dir():
        raise NotFound(f"{to} is not a directory; create it first")
    for name, render in PAGES.items():
        (to / name).write_text(render(), encoding="utf-8")
        print(to / name)


@app.command
def version(*, json: AsJson = False) -> None:
    """The version of Seamline."""
    if json:
        print_json({"seamline": version_of("seamline"), "python": sys.version.split()[0]})
    else:
        say(f"seamline {version_of('seamline')}")


# -- reading -----------------------------------------------------------------------------------------------------------


@orders.command(name="list")
def list_orders(
    *,
    state: State | None = None,
    sales_channel: str = "",
    before: PlaceInList = None,
    limit: Rows = 50,
    config: ConfigPath = CONFIG,
    json: AsJson = False,
) -> None:
    """Orders, the latest change first.

    Parameters
    ----------
    state
        Only those in this state; new: received, and nobody has decided on them yet.
    sales_channel
        Only those of one sales channel.
    before
        Only those that changed before an instant (without an offset it is UTC); INSTANT@KEY, the `changed_at` and `key`
        of the last row of a page, is where the next page begins.
    """

    async def ask(read: Any) -> Any:
        page = {"sales_channel": sales_channel, "before": before, "limit": limit + 1}
        if state == "new":
            return await read.orders_undecided(**page), 0
        return await read.orders(state=state or "", **page), 0 if state else await read.undecided()

    rows, undecided = read_store(config, ask)
    explain_none(rows, config, sales_channel)
    if json:
        print_json(rows[:limit])
    else:
        print_table(
            ("changed", "order", "number", "state", "proof", "amount", "sale", "shipping", "settled"),
            [
                (short(row.changed_at), row.key, row.reference, row.state, row.proof, money(row.amount, row.currency),
                 row.sale_number or row.sale or "", row.shipping,
                 "" if row.settled_at is None else short(row.settled_at))
                for row in rows[:limit]
            ],
            empty="no orders like that" if state or sales_channel or before else "no orders",
        )  # fmt: skip
    options = {"--state": state, "--sales-channel": sales_channel, "--limit": limit, "--config": config}
    tell_more("seamline orders list", options, "--before", rows, limit, json=json)
    if undecided:
        command = f"seamline orders list --state new --config {shlex.quote(str(config))}"
        say(f"{undecided:,} more {are(undecided)} received, and not decided on yet: {command}", to=sys.stderr)


@orders.command
def show(order: OrderName, *, config: ConfigPath = CONFIG, json: AsJson = False) -> None:
    """One order with its cases and its timeline."""
    story = story_of(config, order, "orders show")
    if json:
        print_json(story)
        return
    if story.order is not None:
        print_fields(msgspec.structs.asdict(story.order).items())
    if story.patch is not None:
        fields, by, at = ", ".join(story.patch.fields), story.patch.decided_by, short(story.patch.decided_at)
        say(f"patched by {by} on {at} ({story.patch.reason}): {fields}")
    if story.cases:
        print()
    for case in story.cases:
        until = "open" if case.closed_at is None else f"closed {short(case.closed_at)}, {case.closed_how}"
        say(f"{case.kind} ({case.owner}, {until}): {case.sentence}")
    if story.paid_out:
        print()
        print_table(
            ("paid out by", "payout", "status", "what", "amount", "fee", "net"),
            [_paid_out_cells(each) for each in story.paid_out],
        )
    print()
    print_table(
        ("at", "by", "what", "values"),
        [(short(fact.ended_at), fact.actor, fact.kind, pairs(fact.values)) for fact in story.timeline],
    )


@orders.command
def explain(order: OrderName, *, config: ConfigPath = CONFIG, json: AsJson = False) -> None:
    """In plain words: where the order stands, why, whose move it is and what it is; the equations of its proof with
    their figures, those that fail first, as long as its payload is stored; and what happened.

    With --json the same in fields.
    """
    from flows.explain import explain as in_words  # noqa: PLC0415

    story, now = story_of(config, order, "orders explain"), to_datetime(SystemClock().now())
    equations = _equations(story.key, config)
    if json:
        print_json(_explanation(story, equations, now))
    else:
        say(*in_words(story, now, equations or ()).split("\n"))


@schema.command(name="order")
def order_schema() -> None:
    """The JSON Schema of Seamline's own order format."""
    from flows.formats.seamline import order_json_schema  # noqa: PLC0415

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(order_json_schema())).decode() + "\n")


# -- below the commands ------------------------------------------------------------------------------------------------


def _paid_out_cells(each: Any) -> tuple[str, ...]:
    from flows.model.money import figure  # noqa: PLC0415

    amount, fee, net = (figure(Decimal(text), each.currency) for text in (each.amount, each.fee, each.net))
    words = (each.status.replace("_", " "), each.kind.replace("_", " "))
    return each.provider, each.payout, *words, f"{amount} {each.currency}", fee, net


def _equations(key: str, config: Path) -> Any:
    """The equations of an order; None where nothing says them, also because its sales channel is not configured as it
    should be: the story is told all the same.
    """
    from flows.reading.proof import equations_of  # noqa: PLC0415

    try:
        channels = loaded(config, "sales_channels").sales_channels
    except ConfigInvalid:
        return None
    return read_store(config, lambda read: equations_of(read, key, channels))


def _explanation(story: Any, equations: Any, now: datetime) -> Any:
    """What is known of an order, in fields."""
    from flows.explain import explained  # noqa: PLC0415

    outcome = None if story.order is None else story.order.proof
    found = msgspec.structs.asdict(explained(story, now))
    return {**found, "proof": {"outcome": outcome, "equations": equations}}


def _probed(vendor: Vendor, effects: frozenset[Any], config: Path, timeout_s: float, *, confirmed: bool) -> Any:
    """Ask; only the section of whom is asked has to be in order, and the first sales channel of Fulfil's orders."""
    from flows import probe as probing  # noqa: PLC0415

    settings = getattr(loaded(config, vendor), vendor)
    if settings is None:
        raise NotFound(f"{config} has no [{vendor}] section, so there is nobody to ask")
    channels = loaded(config, "sales_channels").sales_channels if vendor == "fulfil" else {}
    if "writes" in effects:
        probing.may_write(settings, confirmed=confirmed)
    question = probing.question(settings, channels, effects, SystemClock(), version_of("seamline"), timeout_s)
    return anyio.run(question)


def main(arguments: list[str] | None = None) -> None:
    """The entry point: runs a command, and turns a failure into one sentence and an exit status."""
    try:
        status = app(arguments, exit_on_error=True, print_error=True, result_action="return_value")
        sys.stdout.flush()
    except Stop as stop:
        say(*f"seamline: {stop}".split("\n"), to=sys.stderr)
        sys.exit(stop.exit_status)
    except SeamlineError as error:
        say(*f"seamline: {error}".split("\n"), to=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # `seamline orders list | head`; what is left has nowhere to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(status if isinstance(status, int) else 0)
