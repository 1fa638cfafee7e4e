"""What payouts cost beyond merely decoding their files: read, classified, proven, and matched with their orders.

For N orders there are 1.3 N balance transactions in payouts of a thousand lines. Each figure is of a process of its
own, so that its peak memory is its own, too: the file is written by another one. `decode` is a typed decode of the same
file and nothing else (JSON), or its rows as lists of text (CSV); `plain` is one without types: dictionaries of all that
is there. Time has to grow with N and no faster.

The goal is 8 times a decode. Of a CSV it is judged by `plain`: rows by their columns are to it what a typed decode is
to JSON, and a list of texts is less than that. All ways take turns, each for about as long, so that whatever else runs
here hinders them alike; what is said is the try with the median ratio.

Run: python -m tests.benchmarks.payouts [--orders 1000 10000 100000] [--formats shopify stripe stripe-csv]
"""

from __future__ import annotations

import argparse
import csv
import gc
import io
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from flows.app import _GC_THRESHOLDS
from flows.model.payout import OF_ORDERS
from flows.model.payout_links import Known, orders_of
from flows.model.payout_proof import prove_payout
from flows.payout_import.file import formats_of, opened
from flows.payouts.examining import Examined
from flows.payouts.shopify import TransactionIn as ShopifyTransaction
from flows.payouts.stripe import _TransactionIn as StripeTransaction

SIZES = (1_000, 10_000, 100_000)
FORMATS = ("shopify", "stripe", "stripe-csv")
PER_PAYOUT, PER_PAGE = 1_000, 250
TRIES = 5
RATIO_MAX, MEMORY_MIB_MAX = 8, 400
T = TypeVar("T")
_HEAD = (
    "automatic_payout_id,automatic_payout_effective_at_utc,balance_transaction_id,created_utc,available_on_utc,"
    "currency,gross,fee,net,reporting_category,source_id,description,charge_id,payment_intent_id"
)


# -- the files ---------------------------------------------------------------------------------------------------------


def drawn(orders: int) -> Iterator[tuple[int, int, str, int, int]]:
    """For each line: number, order, type, amount and fee in cents."""
    draw = random.Random(7)
    for number in range(orders):
        amount = draw.randrange(500, 50_000)
        yield number, number, "charge", amount, amount * 29 // 1000 + 30
    for number in range(orders, orders * 13 // 10):
        kind = draw.choice(("refund", "refund", "adjustment"))
        yield number, draw.randrange(orders), kind, -draw.randrange(100, 5_000), 0


def _cents(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def write_shopify(path: Path, orders: int) -> None:
    """Pages as the API answers them, one to a line; at the end the payouts."""
    totals: dict[int, int] = {}
    page: list[dict[str, Any]] = []
    with path.open("w", encoding="utf-8") as file:
        for number, order, kind, amount, fee in drawn(orders):
            payout = number // PER_PAYOUT + 1
            totals[payout] = totals.get(payout, 0) + amount - fee
            page.append({
                "id": number + 10**9, "type": kind, "test": False, "payout_id": payout, "payout_status": "paid",
                "currency": "USD", "amount": _cents(amount), "fee": _cents(fee), "net": _cents(amount - fee),
                "source_id": number + 10**8, "source_type": kind, "source_order_id": order + 10**7,
                "source_order_transaction_id": number + 10**6,
                "processed_at": f"2026-01-05T{number % 24:02d}:{number % 60:02d}:{number % 59:02d}-05:00",
                "adjustment_order_transactions": None, "adjustment_reason": None,
            })  # fmt: skip
            if len(page) == PER_PAGE:
                file.write(json.dumps({"transactions": page}) + "\n")
                page = []
        file.write(json.dumps({"transactions": page}) + "\n")
        payouts = [{"id": id_, "status": "paid", "date": "2026-01-07", "currency": "USD", "amount": _cents(total)}
                   for id_, total in totals.items()]  # fmt: skip
        file.write(json.dumps({"payouts": payouts}) + "\n")


def write_stripe(path: Path, orders: int) -> None:
    """One list of balance transactions, in one payout."""
    total = 0
    with path.open("w", encoding="utf-8") as file:
        file.write('{"object": "list", "has_more": false, "url": "/v1/balance_transactions", "data": [\n')
        for number, order, kind, amount, fee in drawn(orders):
            total += amount - fee
            source = {"id": f"{'re' if kind == 'refund' else 'ch'}_{number}", "object": kind, "amount": amount,
                      "currency": "usd", "charge": f"ch_{order}", "payment_intent": f"pi_{order}",
                      "metadata": {"order_id": str(order + 10**7)}}  # fmt: skip
            row = {
                "id": f"txn_{number}", "object": "balance_transaction", "amount": amount, "available_on": 1_767_225_600,
                "created": 1_767_225_600 + number % 86_400, "currency": "usd", "description": "Order", "fee": fee,
                "exchange_rate": None, "net": amount - fee, "reporting_category": kind, "source": source,
                "status": "available", "type": kind,
                "fee_details": [{"amount": fee, "application": None, "currency": "usd", "type": "stripe_fee"}],
            }  # fmt: skip
            file.write(json.dumps(row) + ",\n")
        last = {"id": "txn_p", "object": "balance_transaction", "amount": -total, "created": 1_767_312_000,
                "currency": "usd", "fee": 0, "net": -total, "type": "payout", "source": "po_1"}  # fmt: skip
        file.write(json.dumps(last) + "]}\n")


def write_stripe_csv(path: Path, orders: int) -> None:
    """The report, itemized."""
    with path.open("w", encoding="utf-8") as file:
        file.write(_HEAD + "\n")
        for number, order, kind, amount, fee in drawn(orders):
            file.write(
                f"po_{number // PER_PAYOUT},2026-01-07 00:00:00,txn_{number},2026-01-05 10:00:00,2026-01-07 00:00:00,"
                f"usd,{_cents(amount)},{_cents(fee)},{_cents(amount - fee)},{kind},src_{number},"
                f"Order,ch_{order},pi_{order}\n"
            )


WRITERS = {"shopify": write_shopify, "stripe": write_stripe, "stripe-csv": write_stripe_csv}


# -- the two ways ------------------------------------------------------------------------------------------------------


def decode(format_: str, content: bytes) -> int:
    """Merely decode a file; how many lines it has."""
    if format_ == "stripe-csv":
        return sum(1 for _ in csv.reader(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")))
    if format_ == "stripe":
        page = msgspec.defstruct("Page", [("data", list[StripeTransaction])])
        return len(msgspec.json.decode(content, type=page).data)
    page = msgspec.defstruct("Page", [("transactions", list[ShopifyTransaction], msgspec.field(default_factory=list))])
    decoder = msgspec.json.Decoder(page)
    return sum(len(decoder.decode(line).transactions) for line in content.split(b"\n") if line)


def plain(format_: str, content: bytes) -> None:
    """Decode a file into whatever it holds, without types: dictionaries of all fields, or rows by their columns."""
    if format_ == "stripe-csv":
        for _ in csv.DictReader(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")):
            pass
    else:
        for line in [content] if format_ == "stripe" else content.split(b"\n"):
            msgspec.json.decode(line or b"null")


def known_of(orders: int) -> Known:
    """What the store knows of the orders."""
    keys = {f"web/{number + 10**7}" for number in range(orders)}
    tenders = {f"ch_{number}": (f"web/{number + 10**7}",) for number in range(orders)}
    return Known(orders=keys, tenders=tenders, numbers={})


def reconcile(path: Path, format_: str, known: Known) -> tuple[int, int, int]:
    """Read, classify, prove and match: lines, lines with an order, payouts that are proven."""
    examined, linked, lines = Examined(), 0, 0
    with opened(path, formats_of({}), format_) as file:
        for line in file.lines(examined):
            lines += 1
            if line.kind in OF_ORDERS:
                linked += len(orders_of("web", line, known)) == 1
        proofs = [prove_payout(header, examined.sums(id_)) for id_, header in examined.headers.items()]
    return lines, linked, sum(proof.verdict != "contradicted" for proof in proofs)


def measured(path: Path, format_: str, orders: int) -> dict[str, Any]:
    """All ways, in CPU seconds of this process, and its peak memory (MiB) before anything else than reconciling."""
    gc.set_threshold(*_GC_THRESHOLDS)
    known = known_of(orders)
    reconcile(path, format_, known)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    content = path.read_bytes()
    found = []
    for _ in range(TRIES):
        (lines, linked, payouts), took = _timed(lambda: reconcile(path, format_, known))
        _, decoding = _timed(lambda: decode(format_, content), RATIO_MAX)
        _, plainly = _timed(lambda: plain(format_, content), RATIO_MAX)
        found.append((took / decoding, took, decoding, plainly))
    _, took, decoding, plainly = sorted(found)[TRIES // 2]
    return {
        "orders": orders, "format": format_, "lines": lines, "linked": linked, "payouts": payouts, "cpu_s": took,
        "decode_s": decoding, "plain_s": plainly, "peak_mib": peak, "mb": len(content) / 1e6,
    }  # fmt: skip


def _timed(do: Callable[[], T], times: int = 1) -> tuple[T, float]:
    """What it answers, and the CPU that it takes, of so many times in a row."""
    began = time.process_time()
    for _ in range(times - 1):
        do()
    answer = do()
    return answer, (time.process_time() - began) / times


def main() -> None:
    """Measure, and say it in a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", nargs="*", type=int, default=list(SIZES))
    parser.add_argument("--formats", nargs="*", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--one", nargs=3)
    given = parser.parse_args()
    if given.one:
        path, format_, orders = given.one
        sys.stdout.write(json.dumps(measured(Path(path), format_, int(orders))))
        return
    heads = ("format", "orders", "lines", "linked", "MB", "CPU s", "us/line", "x decode", "x plain", "peak MiB")
    sys.stdout.write("".join(f"{head:>11}" for head in heads) + "\n")
    with tempfile.TemporaryDirectory() as directory:
        for format_ in given.formats:
            for orders in given.orders:
                path = Path(directory) / f"{format_}-{orders}"
                WRITERS[format_](path, orders)
                command = [sys.executable, "-m", "tests.benchmarks.payouts", "--one", str(path), format_, str(orders)]
                found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
                sys.stdout.write(_row(found) + "\n")


def _row(found: dict[str, Any]) -> str:
    ratio, plainly = found["cpu_s"] / found["decode_s"], found["cpu_s"] / found["plain_s"]
    judged = plainly if found["format"].endswith("-csv") else ratio
    over = judged > RATIO_MAX or found["peak_mib"] > MEMORY_MIB_MAX
    missed = " missed" if over and found["orders"] >= max(SIZES) else ""
    figures = (
        f"{found['format']:>11}{found['orders']:>11}{found['lines']:>11}{found['linked']:>11}{found['mb']:>11.1f}"
        f"{found['cpu_s']:>11.2f}{found['cpu_s'] / found['lines'] * 1e6:>11.1f}{ratio:>11.1f}{plainly:>11.1f}"
    )
    return f"{figures}{found['peak_mib']:>11.0f}{missed}"


if __name__ == "__main__":
    main()
