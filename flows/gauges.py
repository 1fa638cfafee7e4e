"""Figures of the running process that are read when somebody scrapes. Nothing is touched before."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flows.forecast import Forecast
from flows.standing import Standing
from flows.stock.standing import StockStanding
from runtime.engine import Engine
from runtime.telemetry.metrics import Read

RegisterGauge = Callable[[str, str, Sequence[str], Read], None]
"""(name, help, labels, read), as `Telemetry.register_gauge`."""


def register_gauges(
    gauge: RegisterGauge, engine: Engine, standing: Standing, forecast: Forecast, stock: StockStanding
) -> None:
    """Register them all."""

    def of_channels(field: str) -> Callable[[], list[tuple[list[str], float]]]:
        return lambda: [([name], getattr(each.statistics(), field)) for name, each in engine.channels.items()]

    gauge("seamline_channel_depth", "Messages in the window of an inbox.", ["channel"], of_channels("depth"))
    gauge("seamline_channel_capacity", "Places in the window of an inbox.", ["channel"], of_channels("capacity"))
    gauge("seamline_channel_behind", "1 while more waits on disk.", ["channel"], of_channels("behind"))
    gauge("seamline_channel_busy_keys", "Keys that are being decided.", ["channel"], of_channels("busy_keys"))
    gauge("seamline_channel_deferred_keys", "Keys set aside on disk.", ["channel"], of_channels("deferred_keys"))
    by_kind = ["kind", "owner"]
    gauge("seamline_cases_open", "Open exceptions.", by_kind, lambda: standing.open())  # noqa: PLW0108 - see above
    gauge(
        "seamline_case_oldest_seconds",
        "How long the oldest open exception has waited.",
        by_kind,
        lambda: standing.oldest_s(),  # noqa: PLW0108 - see above
    )
    gauge("seamline_stock_waiting", "Levels that wait to be sent.", ["sales_channel"], lambda: stock.waiting())  # noqa: PLW0108 - see above
    gauge(
        "seamline_stock_oldest_seconds",
        "How long the oldest change of stock waits to be sent.",
        ["sales_channel"],
        lambda: stock.oldest_s(),  # noqa: PLW0108 - see above
    )
    by_channel = ["sales_channel"]
    gauge(
        "seamline_fulfilments_untold",
        "Shipments that have left and are not known to be told.",
        by_channel,
        lambda: standing.untold(),  # noqa: PLW0108 - see above
    )
    gauge(
        "seamline_fulfilments_untold_late",
        "Those of them that were seen more than 15 minutes ago.",
        by_channel,
        lambda: standing.untold_late(),  # noqa: PLW0108 - see above
    )
    gauge(
        "seamline_fulfilments_untold_oldest_seconds",
        "How long the oldest of them has been known here.",
        by_channel,
        lambda: standing.untold_oldest_s(),  # noqa: PLW0108 - see above
    )
    gauge(
        "seamline_payments_unrecorded",
        "Payments after the import that Fulfil should have and has not.",
        by_channel,
        lambda: standing.unrecorded(),  # noqa: PLW0108 - see above
    )
    gauge(
        "seamline_payments_unrecorded_oldest_seconds",
        "How long the oldest of them is known.",
        by_channel,
        lambda: standing.unrecorded_oldest_s(),  # noqa: PLW0108 - see above
    )
    gauge(
        "seamline_payments_due_oldest_seconds",
        "How long the oldest of them is known that nothing stands against.",
        by_channel,
        lambda: standing.payments_due_oldest_s(),  # noqa: PLW0108 - see above
    )
    gauge(
        "seamline_postings_unposted",
        "Postings that are due and not in the ledger.",
        ["sales_channel", "currency"],
        lambda: standing.unposted(),  # noqa: PLW0108 - see above
    )
    gauge(
        "seamline_postings_unposted_amount",
        "What they are worth, in units of the currency.",
        ["sales_channel", "currency"],
        lambda: standing.unposted_amount(),  # noqa: PLW0108 - see above
    )
    gauge(
        "seamline_postings_unposted_oldest_seconds",
        "How long the oldest of them is due.",
        by_channel,
        lambda: standing.unposted_oldest_s(),  # noqa: PLW0108 - see above
    )
    gauge(
        "seamline_orders_overdue",
        "Imported orders that have not left by the time that was promised, by why not.",
        ["sales_channel", "cause"],
        lambda: standing.overdue(),  # noqa: PLW0108 - see above
    )
    gauge(
        "seamline_orders_overdue_oldest_seconds",
        "How long ago the first of them was to leave.",
        by_channel,
        lambda: standing.overdue_oldest_s(),  # noqa: PLW0108 - see above
    )
    gauge(
        "seamline_orders_unsettled",
        "Imported orders that are not settled, by what they wait for first; counted every five minutes.",
        ["sales_channel", "waits_for"],
        lambda: standing.unsettled(),  # noqa: PLW0108 - see above
    )
    gauge(
        "seamline_carriers_coverage",
        "Share of the last 30 days' shipments whose carrier and service were mapped.",
        by_channel,
        lambda: standing.coverage(),  # noqa: PLW0108 - see above
    )
    gauge(
        "seamline_orders_waiting",
        "Orders that were received, and wait to be decided on or for their call to Fulfil.",
        [],
        lambda: forecast.waiting(),  # noqa: PLW0108 - see above
    )
    gauge(
        "seamline_orders_drain_seconds",
        "Until the orders that wait now are done, at the rate they go in (absent: it is not known).",
        [],
        lambda: forecast.seconds(),  # noqa: PLW0108 - see above
    )
    gauge(
        "seamline_calls_in_flight",
        "Outside calls under way.",
        ["api"],
        lambda: [([name], lane.in_flight) for name, lane in engine.lanes.items()],
    )
    gauge(
        "seamline_calls_waiting",
        "Outside calls in memory that wait to be begun.",
        ["api", "share"],
        lambda: [
            ([name, share], depth) for name, lane in engine.lanes.items() for share, depth in lane.depth().items()
        ],
    )
    gauge(
        "seamline_outcomes_open",
        "Writes whose outcome is not known yet.",
        ["api"],
        lambda: [([name], lane.unknown_count) for name, lane in engine.lanes.items()],
    )
    gauge(
        "seamline_budget_rate",
        "Calls per second in use now (absent: no limit is known).",
        ["api"],
        lambda: [
            ([name], rate)
            for name, lane in engine.lanes.items()
            if (rate := lane.budget.statistics().rate_per_s) is not None
        ],
    )
