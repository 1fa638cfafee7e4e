"""The public doors: every route that Patchworks and Fulfil may call, and who stands behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec
from aiohttp import web

from connectors.fulfil.hints import Hint, hint_routes
from connectors.patchworks.admission import admission_of, readers_of
from connectors.patchworks.fulfilments import FulfilmentPage, read_fulfilments
from connectors.patchworks.intake import intake_routes
from connectors.patchworks.listings import ListingPage, read_listings
from connectors.patchworks.manifest_pages import ManifestDoor
from connectors.patchworks.manifests import ManifestPage, read_orders
from connectors.patchworks.pull import ReadRows, pull_routes
from connectors.patchworks.stock_manifests import StockPage, read_stock
from connectors.patchworks.tokens import Tokens, token_routes
from flows.actors import identify
from flows.config import Config
from runtime.clock import Clock
from runtime.delivery import Delivery, Receipt


class Doors(msgspec.Struct, frozen=True, kw_only=True):
    """Who stands behind the doors. What takes something returns when it is durable; a hint may be forgotten."""

    accept: Callable[[Sequence[Delivery]], Awaitable[Sequence[Receipt]]]
    take_manifest: Callable[[ManifestPage], Awaitable[None]]
    take_listings: Callable[[ListingPage], Awaitable[None]]
    take_stock: Callable[[StockPage], Awaitable[None]]
    read_stock: ReadRows
    """The levels that a sales channel was told, for those who fetch them."""
    take_fulfilments: Callable[[FulfilmentPage], Awaitable[None]]
    read_fulfilments: ReadRows
    hint: Callable[[Hint], None]
    pressure: Callable[[], float | None]
    """Seconds that a sender should wait before it tries again; None when there is room."""


def public_routes(config: Config, doors: Doors, clock: Clock, emit: Callable[[object], None]) -> list[web.RouteDef]:
    """The routes of the public listener."""
    tokens = Tokens(config.intake.oauth, clock, life_s=config.intake.oauth_token_s) if config.intake.oauth else None
    admission = admission_of(config.intake, tokens)
    routes = intake_routes(
        config.intake,
        sales_channels=config.sales_channels,
        admission=admission,
        identify=partial(identify, config),
        accept=doors.accept,
        clock=clock,
        emit=emit,
        pressure=doors.pressure,
    )
    manifests = ManifestDoor(
        config.intake,
        sales_channels=config.sales_channels,
        admission=admission,
        clock=clock,
        emit=emit,
        pressure=doors.pressure,
    )
    routes.append(manifests.route("orders", read_orders, doors.take_manifest))
    routes.append(manifests.route("listings", read_listings, doors.take_listings))
    routes.append(manifests.route("fulfilments", read_fulfilments, doors.take_fulfilments))
    readers = readers_of(config.intake, tokens)
    routes += pull_routes(
        "fulfilments",
        sales_channels=config.sales_channels,
        admission=readers,
        read=doors.read_fulfilments,
        emit=emit,
    )
    published = [name for name, settings in config.sales_channels.items() if settings.stock is not None]
    if published:
        routes.append(manifests.route("stock", read_stock, doors.take_stock))
        routes += pull_routes("stock", sales_channels=published, admission=readers, read=doors.read_stock, emit=emit)
    if tokens is not None:
        routes += token_routes(tokens, emit=emit)
    if config.fulfil.webhooks is not None:
        routes += hint_routes(config.fulfil.webhooks, hint=doors.hint, emit=emit)
    return routes
