"""What those are told who work on schedule, each time the process starts: one transaction, before anything else."""

from __future__ import annotations

from collections.abc import Iterator

from flows.actors import cost_origin, places_of, polled, posting_rules, stock_settings
from flows.catalogue import KEY as CATALOGUE_KEY
from flows.catalogue import NAME as CATALOGUE
from flows.catalogue import Sync
from flows.catalogue_refresh import KEY as REFRESH_KEY
from flows.catalogue_refresh import NAME as CATALOGUE_REFRESH
from flows.catalogue_refresh import Refresh
from flows.config import Config
from flows.customers import KEY as CUSTOMERS_KEY
from flows.customers import NAME as CUSTOMERS
from flows.customers import ReadBack
from flows.fulfilment_watcher import NAME as FULFILMENT_WATCHER
from flows.fulfilment_watcher import LookAtHeld, Watch, held_key, watch_key, watched_models
from flows.ledger import CheckBatches
from flows.listings import NAME as LISTINGS
from flows.listings import Expect
from flows.listings import key_of as listings_key_of
from flows.model.outgoing import FLOW_STARTS, FLOWS_KEY, LookForRetired
from flows.model.postings import (
    LEDGER,
    LEDGER_CHECKS,
    LEDGER_MONTHS,
    LEDGER_MONTHS_KEY,
    PostDue,
    ReadMonths,
    check_key,
    ledger_key,
)
from flows.model.stock import STOCK_READER, LookLevels, place_key
from flows.month_ends import KEY as MONTH_ENDS_KEY
from flows.month_ends import NAME as MONTH_ENDS
from flows.month_ends import KeepStock
from flows.order_poll import NAME as ORDER_POLL
from flows.order_poll import Poll
from flows.order_poll import key_of as poll_key_of
from flows.payment_mapper import RECORDER as PAYMENT_RECORDER
from flows.payment_mapper import RECORDER_KEY, LookAtBlocked, RecordNow
from flows.reconciler import (
    CLOSING,
    CLOSING_KEY,
    COSTS,
    COSTS_KEY,
    FOLLOWING,
    FOLLOWING_KEY,
    RECONCILER,
    RECONCILER_KEY,
    STATEMENTS,
    CloseOrders,
    FollowOrders,
    LookAtCosts,
    Reconcile,
    StateDays,
    statements_key,
)
from flows.run_recovery import NAME as RUN_RECOVERY
from flows.run_recovery import SWEEP_KEY, Sweep
from flows.sku_aliases import KEY as ALIASES_KEY
from flows.sku_aliases import NAME as SKU_ALIASES
from flows.sku_aliases import CheckAliases
from flows.stock.backlog import KEY as BACKLOG_KEY
from flows.stock.backlog import NAME as STOCK_BACKLOG
from flows.stock.backlog import CountUnits
from flows.stock.drift import NAME as STOCK_DRIFT
from flows.stock.drift import SumUp
from flows.stock.drift import key_of as drift_key_of
from flows.stock.moves import KEY as MOVES_KEY
from flows.stock.moves import NAME as STOCK_MOVES
from flows.stock.moves import ReadMoves
from flows.stock.publisher import KEY as PUBLISHER_KEY
from flows.stock.publisher import NAME as STOCK_PUBLISHER
from flows.stock.publisher import PublishDue
from flows.stock.sightings import KEY as SIGHTINGS_KEY
from flows.stock.sightings import NAME as STOCK_SIGHTINGS
from flows.stock.sightings import LookForSales
from flows.unshipped import KEY as UNSHIPPED_KEY
from flows.unshipped import NAME as UNSHIPPED
from flows.unshipped import LookForUnshipped
from runtime.decision import Emit, Message


def first_messages(config: Config) -> tuple[Emit, ...]:
    """To whom, by which key, what."""
    return tuple(Emit(channel=channel, key=key, message=message) for channel, key, message in _first(config))


def at_each_beat() -> tuple[Emit, ...]:
    """The same, of those who look at figures of stock and at sales whenever the pulse beats."""
    return (
        Emit(channel=STOCK_PUBLISHER, key=PUBLISHER_KEY, message=PublishDue()),
        Emit(channel=STOCK_SIGHTINGS, key=SIGHTINGS_KEY, message=LookForSales()),
    )


def _first(config: Config) -> Iterator[tuple[str, str, Message]]:
    yield CATALOGUE, CATALOGUE_KEY, Sync()
    yield CATALOGUE_REFRESH, REFRESH_KEY, Refresh()
    yield SKU_ALIASES, ALIASES_KEY, CheckAliases()
    yield CUSTOMERS, CUSTOMERS_KEY, ReadBack()
    if config.patchworks is not None:
        yield FLOW_STARTS, FLOWS_KEY, LookForRetired()
    if config.recovery is not None:
        yield RUN_RECOVERY, SWEEP_KEY, Sweep()
    for name in polled(config):
        yield ORDER_POLL, poll_key_of(name), Poll()
    for name in config.listings:
        yield LISTINGS, listings_key_of(name), Expect()
    yield STOCK_BACKLOG, BACKLOG_KEY, CountUnits()
    yield FOLLOWING, FOLLOWING_KEY, FollowOrders()
    yield from _of_stock(config)
    yield from _of_money(config)
    for kind in watched_models().values():
        yield FULFILMENT_WATCHER, watch_key(kind), Watch()
    yield UNSHIPPED, UNSHIPPED_KEY, LookForUnshipped()
    yield FULFILMENT_WATCHER, held_key(), LookAtHeld()  # a carrier may have been mapped


def _of_stock(config: Config) -> Iterator[tuple[str, str, Message]]:
    if stock := stock_settings(config):  # the moves, and every level once; the pulse sees to figures and sightings
        yield STOCK_MOVES, MOVES_KEY, ReadMoves()
        for place in places_of(stock):
            yield STOCK_READER, place_key(place), LookLevels()
        yield MONTH_ENDS, MONTH_ENDS_KEY, KeepStock()
        for name in stock:
            yield STOCK_DRIFT, drift_key_of(name), SumUp()


def _of_money(config: Config) -> Iterator[tuple[str, str, Message]]:
    if config.payments is not None:
        yield PAYMENT_RECORDER, RECORDER_KEY, RecordNow()
        yield PAYMENT_RECORDER, RECORDER_KEY, LookAtBlocked()  # a gateway may have been mapped
    if config.postings is not None:
        for name in config.sales_channels:
            yield LEDGER, ledger_key(name), PostDue()
            if posting_rules(config.fulfil, config.postings).reads_back:
                yield LEDGER_CHECKS, check_key(name), CheckBatches()
        yield LEDGER_MONTHS, LEDGER_MONTHS_KEY, ReadMonths()
    if config.reconciliation is not None:
        for name in config.sales_channels:
            yield STATEMENTS, statements_key(name), StateDays()
        yield RECONCILER, RECONCILER_KEY, Reconcile()
        if cost_origin(config, config.reconciliation) is not None:
            yield COSTS, COSTS_KEY, LookAtCosts()
        if config.reconciliation.closing:
            yield CLOSING, CLOSING_KEY, CloseOrders()
