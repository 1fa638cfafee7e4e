"""The formats that Seamline reads: each is two pure functions, and `FORMATS` names them for the configuration.

A new format is one module with `identify` and `read`, its fixtures, and one entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from connectors.contract import Identification
from flows.formats import amazon, bigcommerce, magento1, magento2, onx, seamline, shopify, woocommerce
from flows.model.order import Order, Unreadable

__all__ = ["FORMATS", "Format", "Unreadable"]


class Format(msgspec.Struct, frozen=True):
    """How the payloads of a sales channel are named and read. Neither function raises; one that does is a defect.

    `identify(raw)` is cheap, and runs for every request before anything is stored. `read(sales_channel, raw)` runs when
    the item is durable; whatever it cannot read is an `Unreadable` with a reason. Both give an order the same id and
    version.
    """

    identify: Callable[[bytes], Identification]
    read: Callable[[str, bytes], Order | Unreadable]


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "shopify": Format(shopify.identify, shopify.read),
        "magento2": Format(magento2.identify, magento2.read),
        "magento1": Format(magento1.identify, magento1.read),
        "woocommerce": Format(woocommerce.identify, woocommerce.read),
        "amazon": Format(amazon.identify, amazon.read),
        "bigcommerce": Format(bigcommerce.identify, bigcommerce.read),
        "onx": Format(onx.identify, onx.read),
        "seamline": Format(seamline.identify, seamline.read),
    }
)
"""By the name that a sales channel's configuration uses."""
