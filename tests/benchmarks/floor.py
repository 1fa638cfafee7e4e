"""The floor: the least that taking orders in durably and creating each once can cost in this language.

What it does, and all it does:
 1. POST /orders: reads the order id out of the JSON; inserts id and raw body into SQLite (WAL, synchronous=FULL).
 2. Group commit: one writer; it commits at once when idle, otherwise when the previous commit completes.
 3. Answers 201 after the commit (an id that is already stored is answered the same, and not created again).
 4. Creates the order: one PUT with the order id as the key; at most 64 calls in flight; three attempts.
 5. Writes the outcome (the sale's id) through the same group commit; then the order counts as done.
 6. After a restart, creates what is stored without an outcome.
 7. GET /stats: done, accepted, commits, CPU of this process. Ends on SIGTERM. uvloop; no telemetry.

Not done: authentication, formats, checks, edits, unknown outcomes, holds, backpressure, retention.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import signal

import aiohttp
import aiosqlite
import msgspec
import uvloop
from aiohttp import web

IN_FLIGHT = 64
SCHEMA = """
PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
CREATE TABLE IF NOT EXISTS received (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS outcome (id INTEGER PRIMARY KEY, sale INTEGER NOT NULL);
"""
RECEIVE = "INSERT OR IGNORE INTO received VALUES (?, ?)"
OUTCOME = "INSERT OR IGNORE INTO outcome VALUES (?, ?)"
UNDONE = "SELECT id, body FROM received WHERE id NOT IN (SELECT id FROM outcome)"


class Order(msgspec.Struct):
    id: int


class Sale(msgspec.Struct):
    id: int


order_of = msgspec.json.Decoder(Order).decode
sale_of = msgspec.json.Decoder(Sale).decode


class Floor:
    def __init__(self, db: aiosqlite.Connection, session: aiohttp.ClientSession, create_url: str) -> None:
        self.db, self.session, self.create_url = db, session, create_url
        self.received: list[tuple[int, bytes]] = []
        self.outcomes: list[tuple[int, int]] = []
        self.waiting: list[asyncio.Future[None]] = []
        self.written = asyncio.Event()
        self.to_create: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        self.known: set[int] = set()
        self.accepted = self.done = self.commits = 0

    async def commit_forever(self) -> None:
        while True:
            await self.written.wait()
            self.written.clear()
            received, self.received = self.received, []
            outcomes, self.outcomes = self.outcomes, []
            waiting, self.waiting = self.waiting, []
            for statement, rows in ((RECEIVE, received), (OUTCOME, outcomes)):
                if rows:
                    await self.db.executemany(statement, rows)
            await self.db.commit()
            self.commits += 1
            self.done += len(outcomes)
            for future in waiting:
                if not future.done():
                    future.set_result(None)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            order_id = order_of(body).id
        except msgspec.MsgspecError:
            return web.Response(status=400)
        new = order_id not in self.known
        self.known.add(order_id)
        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.received.append((order_id, body))
        self.waiting.append(committed)
        self.written.set()
        await committed
        self.accepted += 1
        if new:
            self.to_create.put_nowait((order_id, body))
        return web.Response(status=201)

    async def create_forever(self) -> None:
        while True:
            order_id, body = await self.to_create.get()
            payload = b'[1,{"channel_identifier":"%d","order":%b}]' % (order_id, body)
            for attempt in range(1, 4):
                try:
                    async with self.session.put(self.create_url, data=payload) as answer:
                        answer.raise_for_status()
                        sale = sale_of(await answer.read()).id
                    break
                except (aiohttp.ClientError, msgspec.MsgspecError):
                    if attempt == 3:
                        raise
            self.outcomes.append((order_id, sale))
            self.written.set()

    async def stats(self, _: web.Request) -> web.Response:
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu_s = used.ru_utime + used.ru_stime
        counted = {"accepted": self.accepted, "done": self.done, "commits": self.commits, "cpu_s": cpu_s}
        return web.json_response(counted)


async def main(port: int, database: str, create_url: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiosqlite.connect(database) as db, aiohttp.ClientSession(connector=connector) as session:
        await db.executescript(SCHEMA)
        floor = Floor(db, session, create_url)
        floor.known = {row[0] for row in await db.execute_fetchall("SELECT id FROM received")}
        for row in await db.execute_fetchall(UNDONE):
            floor.to_create.put_nowait((row[0], row[1]))
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(floor.commit_forever())]
            running += [tasks.create_task(floor.create_forever()) for _ in range(IN_FLIGHT)]
            app = web.Application(client_max_size=1 << 20)
            app.add_routes([web.post("/orders", floor.take), web.get("/stats", floor.stats)])
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port, backlog=512).start()
            await stop.wait()
            await runner.cleanup()
            for task in running:
                task.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--create-url", required=True)
    arguments = parser.parse_args()
    uvloop.run(main(arguments.port, arguments.database, arguments.create_url))
