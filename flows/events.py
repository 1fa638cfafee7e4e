"""Every event of the business: what becomes of orders and exceptions. Labels are names of sales channels and of kinds;
never an order, a SKU or a person.
"""

from __future__ import annotations

from typing import Final

from runtime.telemetry.event import Counter, Event, Gauge, Histogram, Key

_SHIPPING_SECONDS: Final = (5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3_600.0, 21_600.0, 86_400.0)
_IMPORT_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3_600.0, 21_600.0, 86_400.0)


class OrderSettled(Event, frozen=True):
    """An order came to rest in a state: imported, held or cancelled."""

    event = "order.settled"
    metrics = (
        Counter("seamline_orders_settled_total", "Orders that came to rest in the state.", ("sales_channel", "state")),
    )
    sales_channel: str
    state: str


class OrderImported(Event, frozen=True):
    """An order became a sale, this long after its first delivery was accepted."""

    event = "order.imported"
    metrics = (
        Histogram(
            "seamline_order_import_seconds",
            "From the first delivery of an order until its sale was recorded.",
            ("sales_channel",),
            value="seconds",
            buckets=_IMPORT_SECONDS,
        ),
    )
    sales_channel: str
    seconds: float


class CustomersCompared(Event, frozen=True):
    """It was compared whose party these sales have with what was known of their customers."""

    event = "customers.compared"
    metrics = (
        Counter("seamline_customer_sales_compared_total", "Sales whose party in Fulfil was compared.", amount="sales"),
    )
    sales: int


class PaymentSettled(Event, frozen=True):
    """A payment that came after the import was recorded in Fulfil (in that state), or was not."""

    event = "payment.settled"
    metrics = (
        Counter(
            "seamline_payments_settled_total",
            "Payments after the import: recorded (authorized, completed, cancelled), or why they are not.",
            ("sales_channel", "state"),
        ),
    )
    sales_channel: str
    state: str


class PaymentCalls(Event, frozen=True):
    """Calls to Fulfil were begun that record payments, or read what there is of them."""

    event = "payment.calls"
    metrics = (
        Counter("seamline_payment_calls_total", "Calls to Fulfil for payments after the import.", amount="calls"),
    )
    calls: int


class PostingsDue(Event, frozen=True):
    """Something of a payout is due to be posted."""

    event = "postings.due"
    metrics = (
        Counter(
            "seamline_postings_due_total",
            "Postings that followed from payouts, corrections among them.",
            ("sales_channel",),
            amount="postings",
        ),
    )
    sales_channel: str
    postings: int
    key: Key


class PostingBatchPosted(Event, frozen=True):
    """A batch is in the ledger."""

    event = "postings.posted"
    level = "info"
    metrics = (Counter("seamline_posting_batches_total", "Batches that are in the ledger.", ("sales_channel",)),)
    sales_channel: str
    key: Key


class PostingCalls(Event, frozen=True):
    """Calls to Fulfil were begun that post, or read what the ledger has."""

    event = "postings.calls"
    metrics = (Counter("seamline_posting_calls_total", "Calls to Fulfil for postings.", amount="calls"),)
    calls: int


class CaseOpened(Event, frozen=True):
    """Exceptions of one kind began, and wait for their owner: one for each cause."""

    event = "case.opened"
    level = "info"
    metrics = (Counter("seamline_cases_opened_total", "Exceptions that began.", ("kind", "owner"), amount="cases"),)
    kind: str
    owner: str
    key: Key
    cases: int = 1


class CaseClosed(Event, frozen=True):
    """Exceptions of one kind ended."""

    event = "case.closed"
    level = "info"
    metrics = (Counter("seamline_cases_closed_total", "Exceptions that ended.", ("kind", "owner"), amount="cases"),)
    kind: str
    owner: str
    key: Key
    cases: int = 1


class CatalogueSynced(Event, frozen=True):
    """The catalogue is as new as Fulfil's last answer."""

    event = "catalogue.synced"
    metrics = (
        Gauge("seamline_catalogue_skus", "SKUs that can be sold.", value="products"),
        Counter("seamline_catalogue_syncs_total", "Complete reads of changed products."),
    )
    products: int


class CatalogueRefreshed(Event, frozen=True):
    """All products were read again; `gone` of those that were known are no longer in Fulfil."""

    event = "catalogue.refreshed"
    level = "info"
    metrics = (
        Counter("seamline_catalogue_refreshes_total", "Complete reads of all products."),
        Counter("seamline_products_gone_total", "Products that a full read found to be gone.", amount="gone"),
    )
    products: int
    gone: int


class AliasDecided(Event, frozen=True):
    """Somebody gave a SKU an alias, or took it away."""

    event = "alias.decided"
    level = "info"
    metrics = (Counter("seamline_aliases_decided_total", "Decisions on aliases of SKUs.", ("action",)),)
    action: str


class PersonDecided(Event, frozen=True):
    """A decision of a person was written into the audit log. Who it was stands there, and nowhere else."""

    event = "person.decided"
    level = "info"
    metrics = (Counter("seamline_decisions_recorded_total", "Decisions of people on record.", ("action",)),)
    action: str


class RunRecovered(Event, frozen=True):
    """A failed Patchworks run was dealt with: these orders came only by it, those were known. `lost`: not all of it."""

    event = "run.recovered"
    level = "info"
    metrics = (
        Counter("seamline_runs_recovered_total", "Failed Patchworks runs dealt with.", ("sales_channel", "lost")),
        Counter(
            "seamline_orders_recovered_total",
            "Orders that came only by the recovery of a failed run.",
            ("sales_channel",),
            amount="orders",
        ),
    )
    sales_channel: str
    lost: bool
    orders: int
    known: int
    key: Key


class OrdersPolled(Event, frozen=True):
    """A poll ended: what it brought that nothing else had, and what was known. `complete`: it read to the end."""

    event = "orders.polled"
    metrics = (
        Counter("seamline_polls_total", "Polls that ended.", ("sales_channel", "complete")),
        Counter(
            "seamline_orders_polled_total",
            "Versions of orders that came first by a poll.",
            ("sales_channel",),
            amount="orders",
        ),
    )
    sales_channel: str
    complete: bool
    orders: int
    known: int
    key: Key


class OrderMissed(Event, frozen=True):
    """An order was not pushed in time: `found_by` a poll, or a manifest, and accepted now."""

    event = "order.missed"
    level = "warning"
    metrics = (
        Counter(
            "seamline_orders_missed_total", "Orders that a push should have brought and did not.", ("sales_channel",)
        ),
    )
    sales_channel: str
    found_by: str
    key: Key


class ManifestCompared(Event, frozen=True):
    """A manifest of a sales channel was compared with what was received: what it found at that moment."""

    event = "manifest.compared"
    level = "info"
    metrics = (
        Counter("seamline_manifests_compared_total", "Manifests that were compared.", ("sales_channel",)),
        Counter(
            "seamline_manifest_orders_missing_total",
            "Orders that a manifest listed and that had never been received.",
            ("sales_channel",),
            amount="missing",
        ),
        Counter(
            "seamline_manifest_orders_unlisted_total",
            "Orders that were here and that a manifest of their window did not list.",
            ("sales_channel",),
            amount="unlisted",
        ),
    )
    sales_channel: str
    listed: int
    missing: int
    outdated: int
    unlisted: int
    key: Key


class PayoutJudged(Event, frozen=True):
    """A payout was told in full: whether its lines are what was paid, and how many have no order."""

    event = "payout.judged"
    level = "info"
    metrics = (
        Counter(
            "seamline_payouts_judged_total",
            "Payouts that were imported, by whether their lines are what was paid.",
            ("sales_channel", "verdict"),
        ),
    )
    sales_channel: str
    verdict: str
    lines: int
    unlinked: int
    key: Key


class ListingsCompared(Event, frozen=True):
    """What a sales channel offers was compared with Fulfil's products: with so many mismatches, several at one listing
    counted each.
    """

    event = "listings.compared"
    level = "info"
    metrics = (
        Counter("seamline_listing_checks_total", "Comparisons of what sales channels offer.", ("sales_channel",)),
        Gauge("seamline_listings_checked", "Listings that were compared last.", ("sales_channel",), value="listings"),
    )
    sales_channel: str
    listings: int
    mismatches: int
    key: Key


class ListingsMismatched(Event, frozen=True):
    """So many listings of a sales channel have this wrong with them, says its last comparison."""

    event = "listings.mismatched"
    metrics = (
        Gauge(
            "seamline_listing_mismatches",
            "Active listings with this wrong, as of the last comparison.",
            ("sales_channel", "cause"),
            value="listings",
        ),
    )
    sales_channel: str
    cause: str
    listings: int


class BackfillEnded(Event, frozen=True):
    """A back-fill ended: done, refused or stopped; so many orders were accepted by it, and so many were known."""

    event = "backfill.ended"
    level = "info"
    metrics = (
        Counter("seamline_backfills_total", "Back-fills that ended, dry runs too.", ("sales_channel", "status")),
        Counter(
            "seamline_orders_backfilled_total",
            "Orders that a back-fill has brought.",
            ("sales_channel",),
            amount="orders",
        ),
    )
    sales_channel: str
    status: str
    orders: int
    known: int
    key: Key


class FlowStarted(Event, frozen=True):
    """A flow of Patchworks has taken a start."""

    event = "flow.started"
    metrics = (Counter("seamline_flow_starts_total", "Starts of flows that Patchworks took.", ("flow",)),)
    flow: str


class PossibleRepeat(Event, frozen=True):
    """A start whose run could not be found was sent again: its flow may have run twice."""

    event = "flow.possible_repeat"
    level = "info"
    metrics = (Counter("seamline_flow_possible_repeats_total", "Starts that may have run twice.", ("flow",)),)
    flow: str


class StockDrifted(Event, frozen=True):
    """So many units are off at a sales channel for this cause, says the last comparison."""

    event = "stock.drifted"
    metrics = (
        Gauge(
            "seamline_stock_drift_units",
            "Units that a sales channel shows otherwise than it was told, as of the last comparison.",
            ("sales_channel", "cause"),
            value="units",
        ),
    )
    sales_channel: str
    cause: str
    units: int


class StockSent(Event, frozen=True):
    """The run that took a level has ended well, so long after the figure was due."""

    event = "stock.sent"
    metrics = (
        Histogram(
            "seamline_stock_freshness_seconds",
            "From when a figure was due to the end of the run that took it.",
            ("sales_channel",),
            value="seconds",
            buckets=(5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0),
        ),
    )
    sales_channel: str
    seconds: float


class FulfilmentHeld(Event, frozen=True):
    """What a sales channel should be told of a shipment is held: its carrier is not mapped, or the order not known."""

    event = "fulfilment.held"
    metrics = (Counter("seamline_fulfilments_held_total", "Notices of shipments that were held.", ("sales_channel",)),)
    sales_channel: str


class FulfilmentSent(Event, frozen=True):
    """A run has taken the notice of a shipment, this long after Fulfil wrote it. Whether it was told is open."""

    event = "fulfilment.sent"
    metrics = (
        Histogram(
            "seamline_fulfilment_sent_seconds",
            "From Fulfil's write of a shipment until a run of its flow had taken its notice.",
            ("sales_channel",),
            value="seconds",
            buckets=_SHIPPING_SECONDS,
        ),
    )
    sales_channel: str
    seconds: float


class FulfilmentTold(Event, frozen=True):
    """A sales channel says that it has the notice of a shipment, this long after the shipment was seen."""

    event = "fulfilment.told"
    metrics = (
        Histogram(
            "seamline_fulfilment_told_seconds",
            "From the first sight of a shipment until its sales channel said that it was told.",
            ("sales_channel",),
            value="seconds",
            buckets=_SHIPPING_SECONDS,
        ),
    )
    sales_channel: str
    seconds: float


class TrackingSuspect(Event, frozen=True):
    """Tracking numbers cannot be right for their courier: their check digit does not follow. They were told all the
    same.
    """

    event = "tracking.suspect"
    level = "info"
    metrics = (
        Counter(
            "seamline_tracking_suspect_total",
            "Tracking numbers whose check digit does not follow.",
            ("sales_channel",),
            amount="numbers",
        ),
    )
    sales_channel: str
    numbers: int


class StockPublished(Event, frozen=True):
    """Levels of a sales channel were decided on, and wait for its flow."""

    event = "stock.published"
    metrics = (
        Counter("seamline_stock_levels_total", "Levels that were published.", ("sales_channel",), amount="levels"),
    )
    sales_channel: str
    levels: int


class MonthStockKept(Event, frozen=True):
    """What was on stock when a month ended is kept, for the report of its value."""

    event = "month.stock_kept"
    level = "info"
    month: str
    levels: int


class DayStated(Event, frozen=True):
    """It was stated whether every order of a business day is accounted for, or the statement became another one."""

    event = "day.stated"
    level = "info"
    metrics = (
        Counter("seamline_statements_total", "Statements about business days.", ("sales_channel", "verdict")),
        Counter(
            "seamline_orders_missing_total",
            "Orders that statements miss, counted again in each version.",
            ("sales_channel",),
            amount="missing",
        ),
    )
    sales_channel: str
    verdict: str
    missing: int


class SalesProven(Event, frozen=True):
    """Sales were read back and compared with what they are to be."""

    event = "sales.proven"
    metrics = (
        Counter("seamline_sales_compared_total", "Sales that were read back and compared.", amount="sales"),
        Counter("seamline_sales_differing_total", "Those of them that differed, each time.", amount="differing"),
    )
    sales: int
    differing: int


class CostsLookedAt(Event, frozen=True):
    """It was looked in Fulfil's ledger whether the cost of shipments is booked."""

    event = "costs.looked_at"
    metrics = (
        Counter("seamline_costs_looked_at_total", "Shipments whose cost was looked for.", amount="shipments"),
        Counter("seamline_costs_missing_total", "Those of them whose cost was not booked.", amount="missing"),
        Counter("seamline_cost_calls_total", "Fulfil calls for that.", amount="calls"),
    )
    shipments: int
    missing: int
    calls: int


class OrdersClosed(Event, frozen=True):
    """Orders wait for nothing any more: shipped, told, collected, with the evidence that their gateways declare."""

    event = "orders.closed"
    metrics = (
        Counter("seamline_orders_closed_total", "Orders that were settled.", ("sales_channel",), amount="orders"),
    )
    sales_channel: str
    orders: int
