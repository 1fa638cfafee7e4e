"""Every actor there is, constructed and wired into the engine: a part of the composition root."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec

from connectors.contract import Identification, Unidentifiable
from connectors.patchworks.items import Items
from connectors.patchworks.replies import Replies
from flows.audit_log import AuditLog
from flows.backfill import Backfill
from flows.capabilities import fulfil_api, fulfil_capabilities
from flows.catalogue import Catalogue
from flows.catalogue_refresh import CatalogueRefresh, RefreshPolicy
from flows.config import Config, FulfilSettings
from flows.customers import Customers
from flows.desk import NAME as DESK
from flows.desk import Desk
from flows.flow_starts import FlowStartsActor
from flows.formats import FORMATS
from flows.fulfilment_watcher import FulfilmentWatcher, OrderFulfilments, WatchPolicy
from flows.ledger import ClearingMonths, Ledger, LedgerChecks, PostingMapper
from flows.ledger import Rules as PostingRules
from flows.listings import Listings
from flows.manifests import Manifests
from flows.missing_orders import MissingOrders
from flows.model.bundles import Bundle
from flows.model.fulfilments import FulfilmentSettings
from flows.model.on_demand import OnDemandSettings
from flows.model.outgoing import FlowTarget, What
from flows.model.payments import PaymentSettings
from flows.model.posting_matrix import PostingSettings
from flows.model.reconciliation import ReconciliationSettings, zone_of_company
from flows.model.stock import StockSettings, place_of, subtracting
from flows.month_ends import MonthEnds
from flows.order_importer import CAUTIOUS, RESENDS_MAX, OrderImporter, Policy
from flows.order_importer import NAME as ORDER_IMPORTER
from flows.order_poll import OrderPoll
from flows.payment_mapper import PaymentMapper, PaymentRecorder, RecordRules
from flows.payout_importer import PayoutImporter
from flows.pulse import Pulse
from flows.reconciler import (
    ClosePolicy,
    Closing,
    CostOrigin,
    Following,
    Part,
    ReconcilePolicy,
    Reconciler,
    SaleChecks,
    ShipmentCosts,
    Statements,
    StatePolicy,
)
from flows.release import CauseReleases
from flows.run_follower import RunFollower
from flows.run_recovery import RunRecovery, recovery_policy
from flows.sku_aliases import SkuAliases
from flows.stock.backlog import StockBacklog
from flows.stock.drift import StockDrift
from flows.stock.figures import Figures
from flows.stock.moves import StockMoves
from flows.stock.publisher import StockPublisher
from flows.stock.reader import ReadPolicy, StockReader
from flows.stock.sightings import StockSightings
from flows.stock.unsettled import Unsettled
from flows.suspense_clearing import SuspenseClearing
from flows.unshipped import Unshipped, UnshippedPolicy
from runtime.actor import Actor
from runtime.channel import BULK, LIVE
from runtime.delivery import Delivery, Receipt, digest
from runtime.engine import Engine, Outside
from runtime.journal.journal import Journal
from runtime.schedule import Interval
from runtime.telemetry.tracing import sampled


def engine_of(
    config: Config,
    journal: Journal,
    catalogue: Catalogue,
    outsides: Sequence[Outside],
    emit: Callable[[Any], None],
    stock_pulse: Pulse,
) -> Engine:
    """The engine with every actor there is."""
    stock = stock_settings(config)
    settles = config.reconciliation is not None and bool(config.reconciliation.closing)
    importer = OrderImporter(
        config.sales_channels,
        catalogue.index,
        journal,
        emit,
        policy=order_policy(
            config.fulfil,
            counts_units=bool(stock),
            subtracting=frozenset(subtracting(stock)),
            tells_payments=config.payments is not None,
            is_read_back=config.reconciliation is not None,
            settles=settles,
        ),
        fetches=config.on_demand,
        nudge=stock_pulse.nudge,
    )
    actors: list[Actor] = [
        importer,
        catalogue,
        CatalogueRefresh(catalogue.index, journal, _refresh_policy(config.fulfil), emit),
        SkuAliases(catalogue.index, check_every=timedelta(seconds=config.fulfil.catalogue_every_s), emit=emit),
        Customers(journal, read_after=timedelta(seconds=config.fulfil.customers_read_after_s), emit=emit),
        AuditLog(journal, emit),
        CauseReleases(journal),
        SuspenseClearing(),
        Desk(emit),
        PayoutImporter(
            journal,
            emit,
            {name: each.tariffs for name, each in config.sales_channels.items()},
            tells_postings=config.postings is not None,
        ),
    ]
    if config.postings is not None:
        actors.append(PostingMapper(config.postings, journal, emit))
        rules = posting_rules(config.fulfil, config.postings)
        actors += [Ledger(rules, journal, emit), LedgerChecks(rules, journal, emit)]
        actors.append(ClearingMonths(config.postings, emit))

    async def accept(deliveries: Sequence[Delivery], priority: int = LIVE) -> Sequence[Receipt]:
        return await engine.accept(deliveries, ORDER_IMPORTER, priority)

    items = Items(partial(identify, config), items_max=config.intake.items_max)
    replies = Replies(items, accept, journal.clock)
    actors += [
        Manifests(journal, emit, states=config.reconciliation is not None),
        MissingOrders(config.on_demand, replies, journal, emit),
    ]
    bundles = {name: settings.bundles for name, settings in config.sales_channels.items()}
    actors.append(Listings(config.listings, catalogue.index, journal, emit, bundles))
    if config.on_demand:
        later = Replies(items, partial(accept, priority=BULK), journal.clock)
        actors.append(OrderPoll(polled(config), replies, journal, emit))
        actors.append(
            Backfill(config.on_demand, config.sales_channels, later, journal, emit, time_zone=company_zone(config))
        )
    unsettled = Unsettled(config.sales_channels, catalogue.index, journal)
    actors.append(StockBacklog(journal, unsettled.units_in, stock, nudge=stock_pulse.nudge))
    if stock:
        figures = Figures(stock, bundles, catalogue.index, unsettled, journal)
        actors.append(StockDrift(stock, bundles, figures, journal, emit))
        actors += _stock_actors(config, stock, figures, journal, emit, stock_pulse)
    if config.patchworks is not None:
        actors += [_flow_starts(config, journal, emit, unsettled), RunFollower(emit)]
    if config.reconciliation is not None:
        actors += _proving(config, config.reconciliation, journal, emit)
    read_back = config.reconciliation is not None
    actors.append(Following(journal, importer.paid_by, "money" if settles else "sales" if read_back else ""))
    told, formats = told_channels(config), {name: each.format for name, each in config.sales_channels.items()}
    if config.payments is not None:
        gather, zone = timedelta(seconds=config.payments.gather_s), config.payments.time_zone
        named = payment_reference(config.fulfil) or REFERENCE
        actors.append(PaymentMapper(payment_rules(config, config.payments), emit))
        actors.append(PaymentRecorder(journal, emit, gather=gather, reference_field=named, time_zone=zone))
    actors += [
        FulfilmentWatcher(watch_policy(config), journal, emit),
        OrderFulfilments(told, formats, journal, emit, subtracting=subtracting(stock), nudge=stock_pulse.nudge),
        Unshipped(unshipped_policy(config), journal, emit),
    ]
    if config.recovery is not None:
        actors.append(RunRecovery(recovery_policy(config.recovery), items, accept, journal, emit))
    share, exports = config.telemetry.trace_share, bool(config.telemetry.otlp_url)
    engine = Engine(
        journal,
        actors,
        outsides,
        config.engine,
        signals_to=DESK,
        sampled=(lambda key: sampled(key, share)) if exports else None,
        emit=emit,
        rng=random.Random(),  # noqa: S311 - spreads retries
    )
    return engine


def flow_targets(config: Config) -> dict[str, tuple[What, FlowTarget]]:
    """The flows that are started, by their ids in Patchworks, and what each takes."""
    found: dict[str, tuple[What, FlowTarget]] = {}
    for settings in config.sales_channels.values():
        if settings.stock is not None:
            found[settings.stock.flow.flow_id] = ("levels", settings.stock.flow)
        if settings.fulfilments is not None:
            found[settings.fulfilments.flow.flow_id] = ("fulfilments", settings.fulfilments.flow)
    return found


def _flow_starts(
    config: Config, journal: Journal, emit: Callable[[Any], None], unsettled: Unsettled
) -> FlowStartsActor:
    notices_to = {name: each.flow.flow_id for name, each in told_channels(config).items()}
    return FlowStartsActor(flow_targets(config), journal, emit, unsettled=unsettled.lines, notices_to=notices_to)


def _proving(
    config: Config, settings: ReconciliationSettings, journal: Journal, emit: Callable[[Any], None]
) -> list[Actor]:
    actors: list[Actor] = [
        Statements(state_policy(config, settings), journal, emit),
        Reconciler(reconcile_policy(config, settings), journal, emit),
        SaleChecks(emit, timedelta(days=settings.refund_days)),
    ]
    if (origin := cost_origin(config, settings)) is not None:
        actors.append(ShipmentCosts(origin, journal, emit))
    if settings.closing:
        actors.append(Closing(close_policy(config, settings), journal, emit))
    return actors


def told_channels(config: Config) -> dict[str, FulfilmentSettings]:
    """The sales channels that hear of shipments."""
    return {name: each.fulfilments for name, each in config.sales_channels.items() if each.fulfilments is not None}


def watch_policy(config: Config) -> WatchPolicy:
    """How shipments are watched, and for whom."""
    told = told_channels(config)
    return WatchPolicy(
        every=timedelta(seconds=config.fulfil.fulfilments_every_s),
        overlap=timedelta(seconds=config.fulfil.fulfilments_overlap_s),
        kinds=("out", "drop") if config.fulfil.drop_shipments else ("out",),
        bundles={name: _bundles(config.sales_channels[name].bundles) for name in told},
        sales_channels={config.sales_channels[name].sale.channel_id: (name, each.since) for name, each in told.items()},
    )


def company_zone(config: Config) -> str:
    """The time zone of finance's company."""
    return zone_of_company(config.reconciliation, config.payments, config.postings)


def state_policy(config: Config, settings: ReconciliationSettings) -> StatePolicy:
    """When business days end, and are stated."""
    return StatePolicy(time_zone=company_zone(config), after=timedelta(seconds=settings.state_after_s))


def reconcile_policy(config: Config, settings: ReconciliationSettings) -> ReconcilePolicy:
    """How sales are read back: beside them what this tenant is known to tell."""
    known = fulfil_capabilities(config.fulfil)
    # without what marks shipping lines they cannot be told from goods
    tells_lines = fulfil_api(config.fulfil).names.get("sale.line.shipment_cost", "named")
    can: dict[Part, str] = {
        "sales": "readable", "lines": "readable" if tells_lines else "no",
        "payments": known.payments, "invoices": known.invoices,
    }  # fmt: skip
    return ReconcilePolicy(
        every=timedelta(seconds=settings.every_s),
        overlap=timedelta(seconds=settings.overlap_s),
        reads=frozenset(part for part, told in can.items() if told == "readable"),
        watched=frozenset(told_channels(config)),
        settles=bool(settings.closing),
    )


def close_policy(config: Config, settings: ReconciliationSettings) -> ClosePolicy:
    """By which evidence orders are settled."""
    posts = config.postings is not None and config.postings.mode == "live"
    return ClosePolicy(
        closing=settings.closing,
        watched=frozenset(told_channels(config)),
        posts=posts,
        every=timedelta(seconds=settings.settle_every_s),
        gateways={name: each.sale.gateways for name, each in config.sales_channels.items()},
    )


def cost_origin(config: Config, settings: ReconciliationSettings) -> CostOrigin | None:
    """What entries of cost name as their origin; None: it is not looked for any, or nobody knows."""
    said = settings.cost_moves or fulfil_capabilities(config.fulfil).cost_origin
    return said if said in ("shipment", "stock_move") else None


def unshipped_policy(config: Config) -> UnshippedPolicy:
    """How it is watched what has not left, and for whom."""
    return UnshippedPolicy(
        every=timedelta(seconds=config.fulfil.unshipped_every_s),
        sales_channels={name: each.ship_within for name, each in told_channels(config).items()},
    )


def _bundles(rules: Mapping[str, Bundle]) -> dict[str, dict[str, int]]:
    return {sku: {name: part.quantity for name, part in rule.components.items()} for sku, rule in rules.items()}


def stock_settings(config: Config) -> dict[str, StockSettings]:
    """The sales channels whose stock is published."""
    return {name: each.stock for name, each in config.sales_channels.items() if each.stock is not None}


def places_of(stock: Mapping[str, StockSettings]) -> dict[str, tuple[int, ...]]:
    """The sets of locations that are read, by their names."""
    return {place_of(each.locations): tuple(sorted(set(each.locations))) for each in stock.values()}


def _stock_actors(
    config: Config,
    stock: Mapping[str, StockSettings],
    figures: Figures,
    journal: Journal,
    emit: Callable[[Any], None],
    pulse: Pulse,
) -> list[Actor]:
    """What publishes stock."""
    fulfil, places = config.fulfil, places_of(stock)
    policy = ReadPolicy(
        sweep=Interval(fulfil.stock_sweep_every_s),
        sweep_page_every=timedelta(seconds=fulfil.stock_sweep_page_every_s),
        page_size=fulfil.api.page_size,
    )
    return [
        StockMoves(
            tuple(places),
            emit,
            every=timedelta(seconds=fulfil.stock_every_s),
            overlap=timedelta(seconds=fulfil.stock_overlap_s),
            page_size=fulfil.api.page_size,
        ),
        StockReader(places, journal, policy, emit, subtracting=subtracting(stock), nudge=pulse.nudge),
        StockSightings(tuple(places), journal, emit, page_size=fulfil.api.page_size),
        StockPublisher(stock, figures, journal, emit),
        MonthEnds(company_zone(config), journal, emit),
    ]


def payment_rules(config: Config, settings: PaymentSettings) -> dict[str, RecordRules]:
    """How payments of each sales channel are recorded, by what is known of the tenant."""
    known = fulfil_capabilities(config.fulfil).payments
    unable = "" if known == "readable" else _PAYMENTS_UNKNOWN
    if not unable and not payment_reference(config.fulfil):
        unable = "payments of this tenant have no field for the provider's id, so nothing would be found again"
    return {
        name: RecordRules(
            gateways=each.sale.gateways,
            suspense=None if each.sale.suspense is None else each.sale.suspense.gateway,
            targets=settings.gateways,
            unable=unable,
            time_zone=settings.time_zone,
        )
        for name, each in config.sales_channels.items()
    }


def posting_rules(settings: FulfilSettings, postings: PostingSettings) -> PostingRules:
    """What the ledger goes by, as far as it is known of the tenant."""
    unable = "" if fulfil_capabilities(settings).ledger == "readable" else _LEDGER_UNKNOWN
    matrix = digest(msgspec.json.encode(postings)).hex()
    return PostingRules(settings=postings, unable=unable, matrix=matrix, tells_months=True)


_LEDGER_UNKNOWN = "what this tenant does with its ledger is not known (`seamline probe fulfil`)"
_PAYMENTS_UNKNOWN = "what this tenant does with payments is not known (`seamline probe fulfil`)"
REFERENCE = "reference"


def payment_reference(settings: FulfilSettings) -> str:
    """Where payments of this tenant keep the provider's id; empty: nowhere."""
    return fulfil_api(settings).names.get("sale.payment.reference", REFERENCE)


def order_policy(
    settings: FulfilSettings,
    *,
    counts_units: bool = False,
    subtracting: frozenset[str] = frozenset(),
    tells_payments: bool = False,
    is_read_back: bool = False,
    settles: bool = False,
) -> Policy:
    """What orders may ask of the tenant, by what is known of it."""
    known = fulfil_capabilities(settings)
    return Policy(
        attempts_max=RESENDS_MAX if known.repeats_create else 1,
        amends=known.amending,
        cancels=known.cancel_after_confirm == "accepted",
        counts_units=counts_units,
        subtracting=subtracting,
        tells_payments=tells_payments,
        is_read_back=is_read_back,
        settles=settles,
        no_returns="" if known.returns == "readable" else CAUTIOUS.no_returns,
    )


def _refresh_policy(settings: FulfilSettings) -> RefreshPolicy:
    return RefreshPolicy(
        page_size=settings.api.page_size,
        schedule=Interval(settings.catalogue_refresh_every_s),
        page_every=timedelta(seconds=settings.catalogue_refresh_page_every_s),
        gone_max=settings.catalogue_gone_max,
    )


def identify(config: Config, sales_channel: str, item: bytes) -> Identification:
    """Name an item with the format of its sales channel; where that finds no id, say which format that was."""
    name = config.sales_channels[sales_channel].format
    answer = FORMATS[name].identify(item)
    if isinstance(answer, Unidentifiable):
        return Unidentifiable(f"{answer.reason} It was read as `{name}`, the format of this sales channel.")
    return answer


def polled(config: Config) -> Mapping[str, OnDemandSettings]:
    """The sales channels that are polled."""
    return {name: settings for name, settings in config.on_demand.items() if settings.poll is not None}
