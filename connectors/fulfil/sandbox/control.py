"""The sandbox's own endpoints, below `/sandbox/`. They are not Fulfil, need no token and are never faulty.

GET  /sandbox/books          every sale, counts of calls by route and status, look-ups, what create_order did;
                             `?sales=0` leaves the sales out
GET  /sandbox/books/digest   canonical SHA-256 over the books, without server ids and times
POST /sandbox/products       add products (`ProductSeed` array), or change those whose SKU is known
POST /sandbox/faults         replace the fault plan (`FaultRule` array)
POST /sandbox/down           `{"down": true, "mode": "refuse_503" | "drop"}`, and back with `{"down": false}`
POST /sandbox/play           play an event, or an array of them in order; answers what each answered. 409 with a
                             sentence for the first that cannot happen, and its place
GET  /sandbox/clock          the tenant's time; `{"event": "advance", "seconds": 60}` puts it forward
GET  /sandbox/ledger         the balance of every account, and whether debit is credit
GET  /sandbox/ledger/moves   every posted move with its lines
GET  /sandbox/webhooks       deliveries that wait, were sent, or failed
"""

from __future__ import annotations

from http import HTTPStatus
from itertools import islice
from typing import Any, Literal

import msgspec
from aiohttp import web

from connectors.fulfil.sandbox.answers import JSON
from connectors.fulfil.sandbox.calls import Calls
from connectors.fulfil.sandbox.config import ProductSeed
from connectors.fulfil.sandbox.encoding import encode
from connectors.fulfil.sandbox.playing import Stage
from connectors.fulfil.sandbox.refusals import UserError
from connectors.fulfil.sandbox.script import AnyEvent
from connectors.fulfil.sandbox.statement import books_digest, ledger_statement, moves_statement, sale_statements
from connectors.fulfil.sandbox.webhooks import Webhooks
from runtime.clock import to_datetime
from runtime.testing.faults import FaultPlan, FaultRule

SALES_PER_CHUNK = 1_000
DownMode = Literal["refuse_503", "drop"]


class Down(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A wish to be down, or up again."""

    down: bool
    mode: DownMode = "refuse_503"


class Control:
    """What can be asked of, and done to, a running sandbox."""

    def __init__(self, stage: Stage, calls: Calls, plan: FaultPlan, webhooks: Webhooks) -> None:
        self.stage = stage
        self.books = stage.books
        self.webhooks = webhooks
        self.calls = calls
        self.plan = plan
        self.down: DownMode | None = None

    def routes(self) -> list[web.RouteDef]:
        """The endpoints."""
        return [
            web.get("/sandbox/books", self._books),
            web.get("/sandbox/books/digest", self._digest),
            web.post("/sandbox/products", self._products),
            web.post("/sandbox/faults", self._faults),
            web.post("/sandbox/down", self._down),
            web.post("/sandbox/play", self._play),
            web.get("/sandbox/clock", self._clock),
            web.get("/sandbox/ledger", self._ledger),
            web.get("/sandbox/ledger/moves", self._moves),
            web.get("/sandbox/webhooks", self._webhooks),
        ]

    async def _books(self, request: web.Request) -> web.StreamResponse:
        """All of the books, in pieces, so that 100,000 sales need no second copy in memory."""
        head = {
            "parties": len(self.books.parties),
            "products": len(self.books.products),
            "sales_count": len(self.books.sales),
            **self.calls.statement(),
        }
        response = web.StreamResponse(headers={"Content-Type": JSON})
        await response.prepare(request)
        await response.write(encode(head)[:-1] + b',"sales":[')
        sales = iter(()) if request.query.get("sales") == "0" else sale_statements(self.books)
        before = b""
        while chunk := list(islice(sales, SALES_PER_CHUNK)):
            await response.write(before + b",".join(chunk))
            before = b","
        await response.write(b"]}")
        await response.write_eof()
        return response

    async def _digest(self, _: web.Request) -> web.Response:
        return _json({"digest": books_digest(self.books)})

    async def _products(self, request: web.Request) -> web.Response:
        seeds = await _body(request, list[ProductSeed])
        self.books.begin()
        count = self.books.add_products(seeds)
        self.webhooks.collect()
        return _json({"products": count})

    async def _faults(self, request: web.Request) -> web.Response:
        rules = await _body(request, list[FaultRule])
        self.plan.replace(rules)
        return _json({"faults": len(rules)})

    async def _play(self, request: web.Request) -> web.Response:
        events = await _body(request, list[AnyEvent] | AnyEvent)
        answers = []
        for place, event in enumerate(events if isinstance(events, list) else [events]):
            try:
                answers.append(self.stage.play(event))
            except UserError as error:
                return _json({"error": error.message, "place": place, "answers": answers}, HTTPStatus.CONFLICT)
            finally:
                self.webhooks.collect()
        return _json(answers if isinstance(events, list) else answers[0])

    async def _clock(self, _: web.Request) -> web.Response:
        return _json({"now": to_datetime(self.books.transaction.time()).isoformat()})

    async def _ledger(self, _: web.Request) -> web.Response:
        return _json(ledger_statement(self.books))

    async def _moves(self, _: web.Request) -> web.Response:
        return _json(moves_statement(self.books))

    async def _webhooks(self, _: web.Request) -> web.Response:
        webhooks = self.webhooks
        return _json({"waiting": len(webhooks.waiting), "sent": webhooks.sent, "failed": webhooks.failed})

    async def _down(self, request: web.Request) -> web.Response:
        wish = await _body(request, Down)
        self.down = wish.mode if wish.down else None
        return _json({"down": self.down})


async def _body(request: web.Request, shape: Any) -> Any:
    try:
        return msgspec.json.decode(await request.read(), type=shape)
    except msgspec.DecodeError as error:
        text = encode({"error": str(error)}).decode()
        raise web.HTTPBadRequest(text=text, content_type=JSON) from None


def _json(value: Any, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(body=encode(value), status=status, content_type=JSON)
