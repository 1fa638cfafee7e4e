"""What may still take stock though nobody has counted it: orders that were received and are not decided on yet.

A figure that is published must not be above what is provable from everything received (rule 10). What was decided on
stands in the table of units; the few payloads that wait for their decision are read here, as the importer will.
"""

from __future__ import annotations

from collections.abc import Mapping

from flows.config import SalesChannelSettings
from flows.formats import FORMATS
from flows.model.aliases import under_fulfils_skus
from flows.model.bundles import bundles_in, exploded
from flows.model.order import Order
from flows.model.skus import SkuIndex
from flows.model.units import Units, at_least, units_of
from runtime.journal.journal import Journal
from runtime.key import partition_of

UNREAD_MAX = 500
"""So many payloads are read; when more wait, nothing is published until they are fewer."""
_DECIDES = "order_importer"


class Unsettled:
    """Looks at what waits."""

    def __init__(self, sales_channels: Mapping[str, SalesChannelSettings], index: SkuIndex, journal: Journal) -> None:
        self._sales_channels, self._index, self._journal = sales_channels, index, journal

    async def orders(self) -> Mapping[str, Units] | None:
        """By order, the most that any waiting version of it needs of each SKU; None when too many wait."""
        rows = await self._journal.query("orders_unread", _DECIDES, UNREAD_MAX + 1)
        if len(rows) > UNREAD_MAX:
            return None
        found: dict[str, Units] = {}
        for key, body in rows:
            sales_channel = partition_of(key)
            settings = self._sales_channels[sales_channel]
            order = FORMATS[settings.format].read(sales_channel, body)
            if isinstance(order, Order) and order.cancelled_at is None:
                pieces = exploded(order, bundles_in(order, settings.bundles))
                found[key] = at_least(found.get(key, {}), units_of(self._under_fulfils_skus(pieces)))
        return found

    def _under_fulfils_skus(self, order: Order) -> Order:
        aliases = {
            line.sku: other
            for line in order.lines
            if line.sku and not self._index.sellable(line.sku) and (other := self._index.sold_as(line.sku)) is not None
        }
        return under_fulfils_skus(order, aliases)

    async def skus(self) -> frozenset[str] | None:
        """SKUs whose figures may be too high this instant: due, or needed by what waits; None when too many wait."""
        orders = await self.orders()
        if orders is None:
            return None
        due = await self._journal.query("stock_due_next", 100_000)
        return frozenset((*(sku for units in orders.values() for sku in units), *(row[0] for row in due)))
