"""What is asked of, and done at, the Fulfil sandbox: its books, its products, and the people who play in its warehouse.

Everything is an HTTP call to its process.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import msgspec

from connectors.fulfil.sandbox import ProductSeed
from flows.demo.ledger import Move
from flows.demo.observer import Books, Warehouse
from flows.demo.settings import ERP_STOCK, WAREHOUSE
from flows.demo.world import Ask

_EVENTS_AT_ONCE = 200
_PAGE = 500


class _Ledger(msgspec.Struct, frozen=True):
    difference: Decimal


class _Stocked(msgspec.Struct, frozen=True):
    id: int
    code: str
    quantity_available: Decimal


class Erp:
    """See the module."""

    def __init__(self, ask: Ask, url: str, token: str) -> None:
        self._ask, self._url = ask, url
        self._headers = {"X-API-KEY": token, "Content-Type": "application/json"}

    async def books(self, *, sales: bool) -> Books:
        """The books, with or without the sales."""
        content = await self._ask(f"{self._url}/sandbox/books?sales={int(sales)}")
        return msgspec.json.decode(content, type=Books)

    async def digest(self) -> str:
        """One text for everything in the books but server ids and times; sales have the day of their purchase."""
        digest: str = msgspec.json.decode(await self._ask(f"{self._url}/sandbox/books/digest"))["digest"]
        return digest

    async def add_products(self, skus: Sequence[str]) -> None:
        """Somebody creates the products, and counts what is there of them."""
        body = msgspec.json.encode([ProductSeed(sku=sku, stock=Decimal(ERP_STOCK)) for sku in skus])
        await self._ask(f"{self._url}/sandbox/products", body)

    async def play(self, events: Sequence[Any]) -> list[Any]:
        """Let these things happen, in order; what each answered. Raises DemoFailed for what cannot happen."""
        answers: list[Any] = []
        for start in range(0, len(events), _EVENTS_AT_ONCE):
            body = msgspec.json.encode(events[start : start + _EVENTS_AT_ONCE])
            answers += msgspec.json.decode(await self._ask(f"{self._url}/sandbox/play", body))
        return answers

    async def warehouse(self) -> Warehouse:
        """What the ERP says of its warehouse and its ledger, asked as any client would."""
        ledger = msgspec.json.decode(await self._ask(f"{self._url}/sandbox/ledger"), type=_Ledger)
        return Warehouse(
            shipped=await self._count("stock.shipment.out", ["state", "=", "done"]),
            packed=await self._count("stock.shipment.out", ["state", "=", "packed"]),
            on_hold=await self._count("stock.shipment.out", ["on_hold", "=", True], ["state", "!=", "cancel"]),
            parcels=await self._count("shipment.tracking"),
            moves=await self._count("stock.move", ["state", "=", "done"]),
            ledger_difference=ledger.difference,
        )

    async def moves(self) -> list[Move]:
        """Every move that is posted in its ledger."""
        return msgspec.json.decode(await self._ask(f"{self._url}/sandbox/ledger/moves"), type=list[Move])

    async def available(self) -> dict[str, Decimal]:
        """What may still be promised of each product in the warehouse, below zero where too much was."""
        found: dict[str, Decimal] = {}
        context = quote(msgspec.json.encode({"locations": [WAREHOUSE]}).decode())
        url = f"{self._url}/api/v2/model/product.product/search_read?context={context}"
        after = 0
        while True:
            asked = [[["id", ">", after]], 0, _PAGE, [["id", "ASC"]], ["id", "code", "quantity_available"]]
            content = await self._ask(url, msgspec.json.encode(asked), headers=self._headers, verb="PUT")
            rows = msgspec.json.decode(content, type=list[_Stocked])
            found |= {row.code: row.quantity_available for row in rows}
            if len(rows) < _PAGE:
                return found
            after = rows[-1].id

    async def _count(self, model: str, *domain: Any) -> int:
        """How many records of a model there are."""
        url = f"{self._url}/api/v2/model/{model}/search_count"
        content = await self._ask(url, msgspec.json.encode([domain]), headers=self._headers, verb="PUT")
        found: int = msgspec.json.decode(content)
        return found
