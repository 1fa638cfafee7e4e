"""The channel integration API: `/services/channels/v1/`, a second door for one sales channel's orders (D S4).

Orders come as an array; a known channel_identifier updates the lines that are named. Where orders are posted, by which
verb, and what is answered is not public (facts 13.2): the first two are switches, the answer is create_order's, for
each order. The token is the channel's own: the tenant's with `:` and the channel's id, as Bearer or Basic password.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import web

from connectors.fulfil.sandbox import sale_workflow, shipments
from connectors.fulfil.sandbox.answers import Reply, http_error, result, user_error
from connectors.fulfil.sandbox.encoding import Malformed, decode_json, put_date
from connectors.fulfil.sandbox.operations import Operations
from connectors.fulfil.sandbox.order_document import read_order
from connectors.fulfil.sandbox.orders import answer, place_order
from connectors.fulfil.sandbox.records import Sale
from connectors.fulfil.sandbox.refusals import UserError
from connectors.fulfil.sandbox.stock_records import Shipment

BASE: Final = "/services/channels/v1/"
ORDERS_MAX: Final = 500


class ChannelApi:
    """The door of every sales channel of one tenant."""

    def __init__(self, operations: Operations) -> None:
        self.operations = operations
        self.books = operations.books

    def routes(self) -> list[web.RouteDef]:
        """The endpoints, at the path and by the verb of the switches."""
        config = self.books.config
        return [
            web.route(config.channel_orders_verb, BASE + config.channel_orders_path.lstrip("/"), self._orders),
            web.get(BASE + r"orders/{id:\d+}/fulfillments.json", self._fulfillments),
        ]

    async def _orders(self, request: web.Request) -> web.Response:
        channel = self._channel(request.headers)
        if channel is None:
            return _sent(http_error(HTTPStatus.UNAUTHORIZED, "The token is missing, or not a sales channel's."))
        body = await request.read()
        self.books.begin()
        self.operations.run_tasks()
        return _sent(self._place(channel, body))

    def _place(self, channel: int, body: bytes) -> Reply:
        try:
            orders = decode_json(body)
            if not isinstance(orders, list) or not 0 < len(orders) <= ORDERS_MAX:
                return http_error(HTTPStatus.BAD_REQUEST, "The body is not an array of orders.")
            answers = []
            for order in orders:
                one = msgspec.json.encode([channel, order])
                placed = place_order(self.books, *read_order(one), one, updates=True)
                answers.append(answer(self.books, placed.sale))
        except UserError as error:
            return user_error(error)
        except (Malformed, msgspec.DecodeError):
            return http_error(HTTPStatus.BAD_REQUEST, "The body cannot be read.")
        return result(answers)

    async def _fulfillments(self, request: web.Request) -> web.Response:
        """An array of shipments, empty until the order is processed; 404 for another channel's order."""
        channel = self._channel(request.headers)
        if channel is None:
            return _sent(http_error(HTTPStatus.UNAUTHORIZED, "The token is missing, or not a sales channel's."))
        self.books.begin()
        self.operations.run_tasks()
        sale = self.books.sales.get(int(request.match_info["id"]))
        if sale is None or sale.channel != channel:
            return _sent(http_error(HTTPStatus.NOT_FOUND, "The channel has no order with that id."))
        return _sent(result([self._fulfillment(sale, one) for one in sale_workflow.shipments_of(self.books, sale)]))

    def _fulfillment(self, sale: Sale, shipment: Shipment) -> dict[str, Any]:
        """Our choice of a shape: what a sales channel needs to tell its customer."""
        books, lines = self.books, {line.id: line for line in self.books.lines_of(sale)}
        rows = [move for move in shipments.moves_of(books, shipment) if move.line in lines and move.state != "cancel"]
        service = books.carrier_services.get(shipment.carrier_service)
        return {
            "id": shipment.id,
            "number": shipments.number(shipment),
            "model": shipment.model,
            "state": shipment.state,
            "effective_date": put_date(shipment.effective_date),
            "carrier_service": None if service is None else service.code,
            "tracking_numbers": [books.trackings[id_].tracking_number for id_ in shipment.trackings],
            "lines": [
                {
                    "channel_identifier": lines[move.line or 0].channel_identifier,
                    "sku": books.products[move.product].code,
                    "quantity": float(move.quantity),
                }
                for move in rows
            ],
        }

    def _channel(self, headers: Mapping[str, str]) -> int | None:
        """The channel whose token this is."""
        scheme, _, rest = headers.get("Authorization", "").partition(" ")
        token = rest.strip() if scheme.lower() == "bearer" else _basic_password(rest)
        tokens = {channel.id: f"{self.books.config.token}:{channel.id}" for channel in self.books.channels}
        found = [id_ for id_, known in tokens.items() if hmac.compare_digest(token.encode(), known.encode())]
        return found[0] if found else None


def _basic_password(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _sent(reply: Reply) -> web.Response:
    return web.Response(body=reply.body, status=reply.status, content_type=reply.content_type)
