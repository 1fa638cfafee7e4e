"""What an order costs beyond its typed decode, for each format: read, proven, mapped to its sale, and that as bytes.

One paired run: all ways take the same few orders, one way after the other, and then the next few; each figure is the
median over such pairs. No order is met twice, so nothing is remembered of it; a few at a time, as an actor takes them.

Run: python -m tests.benchmarks.formats [Shopify ...]
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Any

from connectors.fulfil.wire import CreateOrder, encode_create_order
from flows.app import _GC_THRESHOLDS
from flows.formats import FORMATS
from flows.model.order import Order
from flows.model.proof import prove
from flows.model.sale import SaleSettings, sale_for
from runtime.actor import BATCH_MAX
from tests.benchmarks.payloads import ROWS, Measured

_PAIRS, _WARM = 60, 6


def _settings(orders: Sequence[Order]) -> SaleSettings:
    """Everything that these orders name, mapped."""
    taxes = {tax.name for order in orders for line in (*order.lines, *order.shipping_lines) for tax in line.taxes}
    gateways = {payment.gateway or "" for order in orders for payment in order.payments}
    return SaleSettings(
        channel_id=1,
        rounding_sku="ROUNDING",
        taxes=dict.fromkeys(taxes, "Tax"),
        withheld_taxes=dict.fromkeys(taxes, "Tax"),
        tax_rates={"Tax": Decimal(0)},
        gateways=dict.fromkeys(gateways, "card"),
    )


def _read(row: Measured, body: bytes) -> Order:
    order = FORMATS[row.format].read("web", body)
    assert isinstance(order, Order), order
    return order


def _cpu_us(do: Callable[[Any], Any], items: Sequence[Any]) -> tuple[list[Any], float]:
    began = time.process_time_ns()
    done = [do(item) for item in items]
    return done, (time.process_time_ns() - began) / 1e3 / len(items)


def _pair(row: Measured, bodies: Sequence[bytes], settings: SaleSettings) -> tuple[float, ...]:
    """Microseconds of each way for an order: decoded, read, proven, mapped, sent; each with what leads there."""

    def mapped(order: Order) -> CreateOrder:
        sale = sale_for(order, settings)
        assert isinstance(sale, CreateOrder), sale
        return sale

    decode_us = _cpu_us(row.decode, bodies)[1]  # what was decoded is let go, as it is while an order is read
    orders, read_us = _cpu_us(lambda body: _read(row, body), bodies)
    proofs, prove_us = _cpu_us(prove, orders)
    assert all(proof.holds for proof in proofs)
    sales, map_us = _cpu_us(mapped, orders)
    encode_us = _cpu_us(lambda sale: encode_create_order(1, sale), sales)[1]
    return decode_us, *accumulate((read_us, prove_us, map_us, encode_us))


def measured(name: str, pairs: int = _PAIRS) -> str:
    """One row of the table."""
    row = ROWS[name]
    bodies = row.bodies(BATCH_MAX * (pairs + _WARM))
    batches = [bodies[at : at + BATCH_MAX] for at in range(0, len(bodies), BATCH_MAX)]
    settings = _settings([_read(row, body) for body in batches[0]])
    found = [_pair(row, batch, settings) for batch in batches][_WARM:]
    decode_us, *others_us = (statistics.median(column) for column in zip(*found, strict=True))
    ratios = (statistics.median(pair[column] / pair[0] for pair in found) for column in (1, 2, 3, 4))
    size = statistics.mean(map(len, bodies)) / 1000
    figures = "".join(f"{us:9.1f}{ratio:6.2f} x" for us, ratio in zip(others_us, ratios, strict=True))
    return f"{name:12}{size:5.1f} KB{decode_us:9.1f}{figures}"


def table(names: Sequence[str]) -> Iterator[str]:
    """The heading, and a row for each format."""
    heading = "".join(f"{way:>9}{'':8}" for way in ("read", "proven", "mapped", "sent"))
    yield f"{'CPU per order, us':20}{'decoded':>9}{heading}".rstrip()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)  # as the process does
    yield from map(measured, names)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("formats", nargs="*", choices=[*ROWS, []], help="which; all of them when none is named")
    for line in table(parser.parse_args().formats or list(ROWS)):
        sys.stdout.write(line + "\n")
