"""Moving records through their states: `process`, `cancel`, `hold`, `post` and the like, each `[[ids]]`.

A state is never written, only reached through a method. Nothing dedupes these calls, so each is looked for before it is
repeated: it was applied when every one of its records is in a state that the method leads to, or one beyond it. States
and transitions: developers.fulfil.io, and the Tryton modules that Fulfil derives from; whether a tenant allows one from
where a record stands is for the tenant to say, and a refusal is `Refused`.

What a method answers is not relied on: null, a record, or a task (then the client waits for it).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from connectors.fulfil.calls import Applied, Ask, Read, Sought, Spoken, Write, encode, said_nothing, search_read
from connectors.fulfil.models import Ids
from connectors.fulfil.tenant import Tenant
from connectors.fulfil.typed import Undecodable
from connectors.http import Answer
from runtime.errors import Unavailable


class Standing(msgspec.Struct, frozen=True):
    """Where one record stands: the value of its state field."""

    id: int
    state: str | bool | None


_decode_ids: Final = msgspec.json.Decoder(tuple[tuple[int, ...]]).decode
_decode_held: Final = msgspec.json.Decoder(tuple[tuple[int, ...], str]).decode
_decode_rows: Final = msgspec.json.Decoder(list[dict[str, Any]]).decode


class Step:
    """One method that moves records on. Calling it gives the `Ask`; `write` is its entry in the table of calls."""

    def __init__(
        self, kind: str, model: str, method: str, reached: frozenset[str | bool], *, field: str = "state"
    ) -> None:
        self.kind, self.model, self.field, self._reached = kind, model, field, reached
        self.standing = Read(
            kind=f"standing_{kind}", question=Ids, speak=self._speak_standing, decode=self._decode_standing
        )
        self.write: Write[Applied] = Write(
            kind=kind,
            path=f"model/{model}/{method}",
            decode=self._applied,
            sought=lambda body: Sought(self.standing, Ids(self.ids(body))),
            verdict=self._verdict,
        )

    def __call__(self, ids: Sequence[int]) -> Ask[Applied]:
        """The call for these records. Raises ValueError for none."""
        return self.write.ask(encode((_some(ids),)))

    def ids(self, body: bytes) -> tuple[int, ...]:
        """The records that the stored bytes are about. Raises msgspec.DecodeError."""
        return _decode_ids(body)[0]

    def _applied(self, answer: Answer, body: bytes) -> Applied:
        said_nothing(answer)
        return Applied(self.ids(body))

    def _speak_standing(self, asked: Ids, tenant: Tenant) -> Spoken:
        """A search rather than a read: one of them may be gone, which would make a read fail."""
        fields = (tenant.field(self.model, self.field),)
        return search_read(tenant.model(self.model), (("id", "in", asked.ids),), fields, len(asked.ids))

    def _decode_standing(self, answer: Answer, asked: Ids, tenant: Tenant) -> tuple[Standing, ...]:
        field = tenant.field(self.model, self.field)
        found = []
        for raw in _decode_rows(answer.body):
            if raw.get("id") not in asked.ids:
                raise Unavailable(f"Fulfil answered a read of {self.model} with others than were asked for")
            if field not in raw:
                raise Undecodable("a record does not say where it stands")
            found.append(Standing(raw["id"], raw[field]))
        return tuple(found)

    def _verdict(self, body: bytes, found: tuple[Standing, ...]) -> Applied | None:
        ids = self.ids(body)
        there = {each.id for each in found if each.state in self._reached}
        return Applied(ids) if there.issuperset(ids) else None


class NotedStep(Step):
    """A method that also takes a note: `[[ids], note]`."""

    def __call__(self, ids: Sequence[int], note: str = "") -> Ask[Applied]:
        """The call for these records, with a note for people. Raises ValueError for no record."""
        return self.write.ask(encode((_some(ids), note)))

    def ids(self, body: bytes) -> tuple[int, ...]:
        """The records that the stored bytes are about. Raises msgspec.DecodeError."""
        return _decode_held(body)[0]


def _some(ids: Sequence[int]) -> tuple[int, ...]:
    if not ids:
        raise ValueError("a step without a record does nothing; name at least one")
    return tuple(ids)


def _states(*names: str) -> frozenset[str | bool]:
    return frozenset(names)


_CANCELLED: Final = _states("cancel", "cancelled")
"""Newer Tryton says `cancelled`."""

# -- sales -------------------------------------------------------------------------------------------------------------

QUOTE_SALE: Final = Step("quote_sale", "sale.sale", "quote", _states("quotation", "confirmed", "processing", "done"))
CONFIRM_SALE: Final = Step("confirm_sale", "sale.sale", "confirm", _states("confirmed", "processing", "done"))
PROCESS_SALE: Final = Step("process_sale", "sale.sale", "process", _states("processing", "done"))
CANCEL_SALE: Final = Step("cancel_sale", "sale.sale", "cancel", _CANCELLED)
DRAFT_SALE: Final = Step("draft_sale", "sale.sale", "draft", _states("draft"))

# -- shipments ---------------------------------------------------------------------------------------------------------

_OUT: Final = "stock.shipment.out"
HOLD_SHIPMENT: Final = NotedStep("hold_shipment", _OUT, "hold", frozenset({True}), field="on_hold")
UNHOLD_SHIPMENT: Final = NotedStep("unhold_shipment", _OUT, "unhold", frozenset({False}), field="on_hold")
WAIT_SHIPMENT: Final = Step("wait_shipment", _OUT, "wait", _states("waiting", "assigned", "packed", "done"))
ASSIGN_SHIPMENT: Final = Step("assign_shipment", _OUT, "assign_try", _states("assigned", "packed", "done"))
PACK_SHIPMENT: Final = Step("pack_shipment", _OUT, "pack", _states("packed", "done"))
FINISH_SHIPMENT: Final = Step("finish_shipment", _OUT, "done", _states("done"))
CANCEL_SHIPMENT: Final = Step("cancel_shipment", _OUT, "cancel", _CANCELLED)
FINISH_DROP_SHIPMENT: Final = Step("finish_drop_shipment", "stock.shipment.drop", "done", _states("done"))
SHIP_DROP_SHIPMENT: Final = Step("ship_drop_shipment", "stock.shipment.drop", "ship", _states("shipped", "done"))

# -- money -------------------------------------------------------------------------------------------------------------

_TRANSACTION: Final = "payment_gateway.transaction"
AUTHORISE_TRANSACTION: Final = Step(
    "authorise_transaction", _TRANSACTION, "authorize", _states("authorized", "completed", "posted")
)
CAPTURE_TRANSACTION: Final = Step("capture_transaction", _TRANSACTION, "capture", _states("completed", "posted"))
PROCESS_TRANSACTION: Final = Step("process_transaction", _TRANSACTION, "process", _states("completed", "posted"))
SETTLE_TRANSACTION: Final = Step("settle_transaction", _TRANSACTION, "settle", _states("completed", "posted"))
POST_TRANSACTION: Final = Step("post_transaction", _TRANSACTION, "post", _states("posted"))
CANCEL_TRANSACTION: Final = Step("cancel_transaction", _TRANSACTION, "cancel", _CANCELLED)
POST_LEDGER_MOVE: Final = Step("post_ledger_move", "account.move", "post", _states("posted"))

STEPS: Final[tuple[Step, ...]] = (
    *(QUOTE_SALE, CONFIRM_SALE, PROCESS_SALE, CANCEL_SALE, DRAFT_SALE),
    *(HOLD_SHIPMENT, UNHOLD_SHIPMENT, WAIT_SHIPMENT, ASSIGN_SHIPMENT, PACK_SHIPMENT, FINISH_SHIPMENT, CANCEL_SHIPMENT),
    *(FINISH_DROP_SHIPMENT, SHIP_DROP_SHIPMENT),
    *(AUTHORISE_TRANSACTION, CAPTURE_TRANSACTION, PROCESS_TRANSACTION, SETTLE_TRANSACTION),
    *(POST_TRANSACTION, CANCEL_TRANSACTION, POST_LEDGER_MOVE),
)
