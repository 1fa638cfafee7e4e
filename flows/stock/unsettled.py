"""What may still take stock though nobody has counted it: orders that were received and are not decided on yet.

A figure that is published must not be above what is provable from everything received (rule 10). What was decided on
stands in the table of units; the payloads that wait for their decision are read here, as the importer will. Each is
read once: while it waits, what it needs is remembered in memory. What is in a figure already does not keep it back: an
order may wait for hours, while its sales channel is paused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from zlib import crc32

import anyio.lowlevel
import msgspec

from flows.config import SalesChannelSettings
from flows.formats import FORMATS
from flows.formats.patched import order_in
from flows.model.aliases import under_fulfils_skus
from flows.model.bundles import bundles_in, exploded
from flows.model.order import Order
from flows.model.skus import SkuIndex
from flows.model.stock_names import Names
from flows.model.units import Units, at_least, units_of
from runtime.journal.journal import Journal
from runtime.key import partition_of

WAITING_MAX = 20_000
"""When more orders wait to be decided on, nothing is published until they are fewer."""
_LINGERS_AFTER = timedelta(seconds=10)
_READ_AT_ONCE = 50
_DECIDES = "order_importer"
_NOTHING: Units = {}


class _Read(msgspec.Struct, frozen=True):
    """What a payload was read as: as of which change of the catalogue (a new alias may change it), with which patch,
    and its units.
    """

    version: int
    patch: bytes | None
    units: Units
    received_at: int


class Unsettled:
    """Looks at what waits. Several may ask at once."""

    def __init__(self, sales_channels: Mapping[str, SalesChannelSettings], index: SkuIndex, journal: Journal) -> None:
        self._sales_channels, self._index, self._journal = sales_channels, index, journal
        self._names = Names({name: each.bundles for name, each in sales_channels.items()}, index.aliases)
        self._counted = False
        self._read: dict[int, _Read] = {}
        """By delivery."""
        self.lingering: frozenset[str] = frozenset()
        """The SKUs that orders need which had waited for a while when it was looked last: those are paused, or parked,
        and not just about to be decided on.
        """

    async def orders(self) -> Mapping[str, Units] | None:
        """By order, the most that any waiting version of it needs of each SKU; None when too many wait, or those that
        were decided on before anybody counted have not been counted yet.
        """
        if not self._counted:
            self._counted = bool(await self._journal.query("stock_counted"))
            if not self._counted:
                return None
        rows = await self._journal.query("orders_unread", _DECIDES, WAITING_MAX + 1)
        if len(rows) > WAITING_MAX:
            return None
        patches = dict(await self._journal.query("patches_unread", _DECIDES)) if rows else {}
        version, known, unread = self._index.changes, {}, []
        for delivery, key in rows:
            read = self._read.get(delivery)
            if read is not None and (read.version, read.patch) == (version, patches.get(key)):
                known[delivery] = read
            else:
                unread.append((delivery, key))
        for start in range(0, len(unread), _READ_AT_ONCE):
            known.update(await self._units(unread[start : start + _READ_AT_ONCE], version, patches))
            await anyio.lowlevel.checkpoint()
        self._read = known
        before = self._journal.clock.now() - int(_LINGERS_AFTER.total_seconds() * 1e6)
        self.lingering = frozenset(sku for each in known.values() if each.received_at <= before for sku in each.units)
        found: dict[str, Units] = {}
        for delivery, key in rows:
            if delivery in known and known[delivery].units:
                found[key] = at_least(found.get(key, _NOTHING), known[delivery].units)
        return found

    async def _units(
        self, deliveries: Sequence[tuple[int, str]], version: int, patches: Mapping[str, bytes]
    ) -> dict[int, _Read]:
        keys = dict(deliveries)
        found: dict[int, _Read] = {}
        for delivery, received_at, body in await self._journal.query_list("bodies_unread", list(keys)):
            patch = patches.get(keys[delivery])
            found[delivery] = _Read(version, patch, self.units_in(keys[delivery], body, patch), received_at)
        return found

    def units_in(self, key: str, body: bytes, patch: bytes | None) -> Units:
        """What the order in a payload needs, read with its patch, if it has one; nothing of one that nobody can read,
        which is never imported, either.
        """
        sales_channel = partition_of(key)
        settings = self._sales_channels.get(sales_channel)
        if settings is None:
            return _NOTHING
        try:
            order = order_in(FORMATS[settings.format], sales_channel, body, patch)
            if not isinstance(order, Order) or order.cancelled_at is not None:
                return _NOTHING
            return units_of(self._under_fulfils_skus(exploded(order, bundles_in(order, settings.bundles))))
        except Exception:  # noqa: BLE001 - the fence: such a payload parks its own message, and nobody else's
            return _NOTHING

    def _under_fulfils_skus(self, order: Order) -> Order:
        aliases = {
            line.sku: other
            for line in order.lines
            if line.sku and not self._index.sellable(line.sku) and (other := self._index.sold_as(line.sku)) is not None
        }
        return under_fulfils_skus(order, aliases)

    async def lines(self) -> frozenset[str] | None:
        """Names under which figures are published that may be too high this instant: what is due, or needed by orders
        that wait and are not in the figure; None when too many wait.
        """
        orders = await self.orders()
        if orders is None:
            return None
        due = await self._journal.query("stock_due_now")
        counted = dict(await self._journal.query("stock_waiting"))
        news = (sku for sku, mark in marks_of(orders).items() if counted.get(sku) != mark)
        return self._names.of((*news, *(sku for (sku,) in due)))


def marks_of(orders: Mapping[str, Units]) -> dict[str, int]:
    """By SKU a mark of what needs it: another one as soon as it is other orders, or other units of them."""
    found: dict[str, int] = {}
    for key, units in orders.items():
        for sku, wanted in units.items():
            found[sku] = found.get(sku, 0) + crc32(f"{wanted} {key}".encode())
    return found
