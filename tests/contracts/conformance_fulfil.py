"""The Fulfil connector, as the conformance suite is told of it: its calls, and Fulfil's answers from the facts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec

from connectors.fulfil.changes import Page, Seen, Watermark, advance, begin_or_go_on, fresh
from connectors.fulfil.client import FulfilApi
from connectors.fulfil.config import FulfilConfig
from connectors.fulfil.sales import SALES, Sale
from connectors.fulfil.shipments import Package
from connectors.fulfil.table import WRITES
from connectors.http import outgoing
from runtime.api import Api, RateReading
from runtime.errors import Refused, Unauthorised, Unavailable, Unknown
from runtime.testing.conformance import (
    Answers,
    Asked,
    Call,
    Conditions,
    Connector,
    Expected,
    Look,
    Paging,
    Record,
    Reply,
    json_reply,
)
from tests.contracts.fulfil_cases import CASES, Case

TOKEN = "token-0001"
PREFIX = "/api/v2/model/"
PAGE_SIZE = 3
BASE = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def odd(content: Any) -> bytes:
    """JSON as no encoder of ours would write it: what is sent can only be what was stored."""
    return json.dumps(content, indent=1, separators=(" ,", ":  ")).encode()


# -- answers (facts 5 and 6) -------------------------------------------------------------------------------------------


def error(status: int, **content: Any) -> Reply:
    return json_reply(content, status=status)


USER_ERROR = {"type": "UserError", "code": "E1000", "message": "Cannot do that.", "description": ""}
ANSWERS = Answers(
    refused=error(400, **USER_ERROR),
    refused_code="E1000",
    unauthorised=error(401, message="The API key is not valid."),
    throttled=json_reply(
        {"code": 429, "name": "Too Many Requests", "description": "This user has exceeded an allotted request count."},
        status=429,
        Retry_After="7",
    ),
    throttled_after_s=7.0,
    failed=Reply(status=500, headers={"X-Sentry-ID": "0" * 32}, body=b"<html>Internal Server Error</html>"),
    others=(
        Expected(
            reply=error(403, code=403, message="Invalid API key"),
            write=Unauthorised,
            read=Unauthorised,
            source="facts 5, row 403: a bad key at older servers",
        ),
        Expected(
            reply=error(403, message="You do not have access to the model."),
            write=Refused,
            read=Refused,
            source="facts 1: model and field access apply",
        ),
        *(
            Expected(reply=error(status, message="No."), write=Refused, read=Refused, source=f"facts 5, row {status}")
            for status in (404, 405, 409, 414)
        ),
        Expected(reply=error(422, **USER_ERROR), write=Refused, read=Refused, source="facts 5, row 422"),
        Expected(
            reply=error(429, message="Page size 501 cannot exceed 500."),
            write=Refused,
            read=Refused,
            source="facts 5, row 429 (fake)",
        ),
        Expected(reply=error(400, description="Bad Request"), write=Refused, read=Refused, source="facts 5, last row"),
        Expected(reply=json_reply(USER_ERROR), write=Refused, read=Refused, source="facts 5: failures answered 200"),
        Expected(reply=json_reply("Error"), write=Unknown, read=Unavailable, source="facts 5: 'Error' with 200"),
        Expected(reply=Reply(status=502, body=b"<html>"), write=Unknown, read=Unavailable, source="facts 5, row 5xx"),
    ),
    rate_headers={"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "4"},
    rate=RateReading(limit_per_s=10.0, remaining=4),
)

# -- calls (facts 2, 8, 10) --------------------------------------------------------------------------------------------


def call_of(case: Case) -> Call:
    """One row of the table of writes, with bytes of an odd form."""
    write = WRITES[case.ask.kind]
    sent = odd(case.sent)
    body = sent
    if write.on_record:
        stored = json.loads(case.ask.body)
        body = msgspec.json.encode({**stored, "send": msgspec.Raw(sent)})

    def showing(rows: Any) -> Any:
        looked = PREFIX + case.look
        return lambda asked: json_reply(rows) if asked.path == looked else error(404, message="No such method.")

    found = case.result if case.found is None else case.found
    return Call(
        kind=case.ask.kind,
        body=body,
        verb=case.verb,
        path=PREFIX + case.path,
        sent=sent,
        answer=json_reply(case.answer),
        result=case.result,
        is_write=True,
        look=Look(there=showing(case.there), absent=showing(case.absent), found=found),
    )


READS = (
    Call(
        kind="changed_sales",
        body=b'{"limit": 3}',
        verb="PUT",
        path=f"{PREFIX}sale.sale/search_read",
        answer=Reply(
            headers={"Content-Type": "application/json", "Date": "Fri, 20 Nov 2026 09:00:00 GMT"},
            body=b'[{"id": 7, "number": "SO7"}]',
        ),
        result=Page(rows=(Sale(id=7, number="SO7"),), last_id=7, complete=True, answered_at=BASE),
    ),
    Call(
        kind="read_packages",
        body=b'{"ids": [5]}',
        verb="PUT",
        path=f"{PREFIX}stock.package/read",
        answer=json_reply([{"id": 5}]),
        result=(Package(id=5),),
    ),
)

# -- lists that change (facts 2, paging) -------------------------------------------------------------------------------


def moment(stamp: int) -> datetime:
    return BASE + timedelta(minutes=stamp)


def search_read(asked: Asked, records: Sequence[Record]) -> Reply:
    """`search_read` with `id >`, `write_date >=`, order by id, offset and limit."""
    domain, offset, limit, order, _fields = json.loads(asked.body)
    assert order == [["id", "ASC"]]
    above, since = 0, None
    for clause in domain:
        if clause[0] == "OR":
            since = datetime.fromisoformat(clause[1][2]["iso_string"]).replace(tzinfo=UTC)
        elif clause[:2] == ["id", ">"]:
            above = clause[2]
        else:
            raise AssertionError(f"a clause that nobody expected: {clause}")
    rows = sorted(
        (each for each in records if each.id > above and (since is None or moment(each.stamp) >= since)),
        key=lambda each: each.id,
    )[offset : offset + limit]
    named = {"create_date": {"__class__": "datetime", "iso_string": BASE.replace(tzinfo=None).isoformat()}}
    content = [
        {
            "id": each.id,
            **named,
            "write_date": {
                "__class__": "datetime",
                "iso_string": moment(each.stamp).replace(tzinfo=None).isoformat(),
            },
        }
        for each in rows
    ]
    now = moment(max(each.stamp for each in records))
    return json_reply(content, Date=format_datetime(now, usegmt=True))


async def read_changes(api: Api) -> list[Record]:
    """Sweeps as an actor makes them: three, of which changes happen in the first."""
    mark, seen, read = Watermark(), Seen(), list[Record]()
    for _ in range(3):
        while True:
            mark, question = begin_or_go_on(mark, BASE + timedelta(days=1), limit=PAGE_SIZE)
            ask = SALES.changed(question)
            page: Page[Sale] = await api.perform(ask.kind, ask.body)
            rows, seen = fresh(seen, page.rows)
            read += [Record(id=row.id, stamp=_stamp(row)) for row in rows]
            mark = advance(mark, page, overlap=timedelta(minutes=2))
            if mark.began is None:
                break
    return read


def _stamp(row: Sale) -> int:
    assert row.write_date is not None
    return (row.write_date - BASE) // timedelta(minutes=1)


# -- the connector -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def open_fulfil(conditions: Conditions) -> AsyncIterator[Api]:
    config = FulfilConfig(
        base_url=conditions.url,
        request_timeout_s=conditions.request_timeout_s,
        answer_bytes_max=conditions.answer_bytes_max,
        page_size=PAGE_SIZE,
    )
    async with outgoing(
        connections_max=config.concurrency_max,
        connect_timeout_s=config.connect_timeout_s,
        request_timeout_s=config.request_timeout_s,
    ) as session:
        yield FulfilApi(config, TOKEN, session, observe=conditions.observe)


FULFIL = Connector(
    name="fulfil",
    open=open_fulfil,
    calls=(*map(call_of, CASES), *READS),
    answers=ANSWERS,
    secret=TOKEN,
    paging=(
        Paging(
            name="sales that changed",
            serve=search_read,
            read=read_changes,
            changes=frozenset({"insert", "change", "delete"}),
        ),
    ),
)
