"""The inbox of an actor: a bounded window on its messages, serial per key, parallel across keys.

A key is given out once at a time. Messages for a key that is being decided wait behind it here; messages for a key
whose write is in flight go back to disk and are fetched, one by one, when the write's outcome is in. Two priorities
share the window: live messages go first, and every fifth turn belongs to bulk, so that neither starves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

import anyio
import msgspec

from runtime.clock import Clock
from runtime.decision import Message
from runtime.feed import Feed

LIVE, BULK = 0, 1
PRIORITIES = (LIVE, BULK)
BATCH_BYTES_MAX = 1_048_576
"""A batch takes no more messages once they carry so much: bounds how long other work waits while huge ones are read."""
_BULK_TURN = 5
_WAITING_PER_KEY_MAX = 8
"""Messages in memory behind one key that is being decided; more than that wait on disk, all of them."""


class Envelope(msgspec.Struct, kw_only=True):
    """A message on its way to its actor. `id` is its row (for an outcome, the intent's). `raw` is set when it was read
    from disk and `message` is not decoded yet; `attachment` is the body of the delivery it carries, when it has one.
    """

    id: int
    key: str
    message: Message | None = None
    raw: bytes = b""
    attachment: bytes | None = None
    priority: int = LIVE
    outcome: bool = False

    @property
    def size_bytes(self) -> int:
        """What it carries."""
        return len(self.raw) + (0 if self.attachment is None else len(self.attachment))


class ChannelStatistics(msgspec.Struct, frozen=True):
    """A look at a channel: messages in memory that wait, places in its windows, keys being decided, keys whose messages
    are set aside on disk.
    """

    depth: int
    capacity: int
    busy_keys: int
    deferred_keys: int
    behind: bool
    passed_by_total: int
    waited_s_total: float


class Channel:
    """See the module. One consumer side: `receive`, then exactly one of `done`, `defer`, `park`, `put_back` each."""

    def __init__(
        self,
        name: str,
        capacity: int,
        bytes_max: int,
        fetch: Callable[[int, int, int, int], Awaitable[tuple[list[Envelope], bool]]],
        fetch_oldest: Callable[[str], Awaitable[Envelope | None]],
        clock: Clock,
    ) -> None:
        self.name = name
        self.paused = False
        self.paused_partitions: set[str] = set()
        self._capacity = capacity
        self._clock = clock
        self._fetch_oldest = fetch_oldest
        self._feeds = {
            priority: Feed[Envelope](capacity, bytes_max, partial(fetch, priority)) for priority in PRIORITIES
        }
        self._ahead: deque[Envelope] = deque()
        self._held_back: list[Envelope] = []
        """What would be ahead, but for a pause."""
        self._waiting: dict[str, deque[Envelope]] = {}
        self._deferred: set[str] = set()
        """Keys whose messages stay on disk, from where they are called one by one."""
        self._parked: set[str] = set()
        """Deferred keys that stay so until a restart."""
        self._unblocked: dict[str, bool] = {}
        """Deferred keys that may go on -> whether a message was left on disk since the last look there."""
        self._unblocked_later: set[str] = set()
        """Those that may go on, but for a pause."""
        self._called: dict[str, int] = {}
        """Deferred key -> its message that is here now."""
        self._doubles: set[int] = set()
        """Ids of called messages that lie in the window, too."""
        self._looking = False
        self._news = anyio.Event()
        self._turn = 0
        self._passed_by_total = 0
        self._waited_s_total = 0.0

    # -- producing -----------------------------------------------------------------------------------------------------

    def offer(self, envelope: Envelope) -> None:
        """A committed message: into the window when there is room, else left on disk to be fetched later."""
        feed = self._feeds[envelope.priority]
        if feed.reserve():
            feed.offer(envelope)
        else:
            feed.pass_by(envelope.id)
            self._passed_by_total += 1
        self._news.set()

    def nudge(self, id_: int, priority: int = LIVE) -> None:
        """The message with this id is committed, and is not offered here: it is to be fetched."""
        self._feeds[priority].pass_by(id_)
        self._news.set()

    def bring_outcome(self, envelope: Envelope) -> None:
        """The outcome of an outside call. It goes ahead of all messages, and past the limits of the window: there are
        never more outcomes than calls in flight.
        """
        self._ahead.append(envelope)
        self._news.set()

    def unblock(self, key: str) -> None:
        """The key's last step left no write in flight: what was set aside for it on disk may come, one by one."""
        if key in self._deferred and key not in self._parked:
            self._unblocked[key] = True
            self._news.set()

    def pause(self, partition: str | None) -> None:
        """Give out nothing more (of one partition). Outcomes still come through: they end what has begun."""
        if partition is None:
            self.paused = True
        else:
            self.paused_partitions.add(partition)

    def resume(self, partition: str | None) -> None:
        """Go on, with what was left on disk."""
        if partition is None:
            self.paused = False
        else:
            self.paused_partitions.discard(partition)
            self._leave_on_disk(partition)  # older ones were left there: all come again, in their order
        self._ahead.extendleft(reversed(self._held_back))
        self._held_back.clear()
        self._unblocked.update(dict.fromkeys(self._unblocked_later, True))
        self._unblocked_later.clear()
        for feed in self._feeds.values():
            feed.rewind()
        self._news.set()

    # -- consuming -----------------------------------------------------------------------------------------------------

    async def receive(self, count_max: int) -> list[Envelope]:
        """At least one envelope, each of another key, each key free until `done`. Cancelled, it takes nothing."""
        while True:
            await self._fetch_more()
            batch = self._take(count_max)
            if batch:
                return batch
            if any(feed.wants_refill for feed in self._feeds.values()) and not self.paused:
                continue
            began = self._clock.monotonic()
            await self._news.wait()
            if self._news.is_set():  # else another consumer has renewed it already
                self._news = anyio.Event()
            self._waited_s_total += self._clock.monotonic() - began

    def done(self, envelope: Envelope) -> None:
        """The envelope is consumed; its key may be given out again. If no write of the key is in flight, `unblock` has
        to follow.
        """
        self._forget(envelope)
        self._free(envelope.key)

    def defer(self, envelope: Envelope) -> None:
        """The key cannot go on now, its write is in flight: the envelope stays on disk until `unblock`, and so does
        everything that comes for the key meanwhile.
        """
        self._forget(envelope)
        self._set_aside(envelope.key)
        self._free(envelope.key)

    def park(self, envelope: Envelope) -> None:
        """The envelope was set aside on disk, and everything for its key waits behind it until a restart. Outcomes of
        calls in flight still come through.
        """
        self._parked.add(envelope.key)
        self._unblocked.pop(envelope.key, None)
        self._unblocked_later.discard(envelope.key)
        self.defer(envelope)

    def put_back(self, envelope: Envelope) -> None:
        """The envelope was not decided on, through no fault of its own: it is given out again."""
        self._free(envelope.key)
        if envelope.key in self._deferred and not envelope.outcome:
            self._called[envelope.key] = envelope.id
        self._ahead.appendleft(envelope)
        self._news.set()

    @property
    def outcomes_waiting(self) -> bool:
        """Whether outcomes of calls are still to be decided on."""
        return any(envelope.outcome for envelope in self._ahead)

    @property
    def has_work(self) -> bool:
        """Whether a consumer that asks now would be given something, or would have to read for it."""
        return bool(self._ahead) or (
            not self.paused and any(feed.items or feed.behind for feed in self._feeds.values())
        )

    def statistics(self) -> ChannelStatistics:
        """A look at the channel, for metrics and tests."""
        return ChannelStatistics(
            depth=sum(len(feed.items) for feed in self._feeds.values())
            + len(self._ahead)
            + len(self._held_back)
            + sum(map(len, self._waiting.values())),
            capacity=sum(feed.capacity for feed in self._feeds.values()),
            busy_keys=len(self._waiting),
            deferred_keys=len(self._deferred),
            behind=any(feed.behind for feed in self._feeds.values()),
            passed_by_total=self._passed_by_total,
            waited_s_total=self._waited_s_total,
        )

    async def _fetch_more(self) -> None:
        if self.paused:
            return
        if self._unblocked and not self._looking:
            self._looking = True
            try:
                await self._call_set_aside()
            finally:
                self._looking = False
        for feed in self._feeds.values():
            if feed.wants_refill:
                await feed.refill()
                self._news.set()

    async def _call_set_aside(self) -> None:
        """Call the oldest message of each unblocked key; a key without one is an ordinary key again."""
        while keys := self._callable():
            for key in keys:
                self._unblocked[key] = False
                oldest = await self._fetch_oldest(key)
                if key not in self._unblocked:  # parked meanwhile
                    continue
                if oldest is not None:
                    self._call(oldest)
                elif not self._unblocked[key]:
                    del self._unblocked[key]
                    self._deferred.discard(key)

    def _callable(self) -> list[str]:
        """Unblocked keys of which no message is here, as many as the window bears."""
        paused = [key for key in self._unblocked if self._is_paused(key)]
        for key in paused:
            del self._unblocked[key]
        self._unblocked_later.update(paused)
        room = self._capacity - len(self._ahead)
        return [key for key in self._unblocked if key not in self._called][: max(0, room)]

    def _call(self, oldest: Envelope) -> None:
        del self._unblocked[oldest.key]
        self._called[oldest.key] = oldest.id
        live = self._feeds[oldest.priority].live
        if oldest.id in live:
            self._doubles.add(oldest.id)
        live.add(oldest.id)
        self._ahead.append(oldest)

    def _leave_on_disk(self, partition: str) -> None:
        """Take what is of the partition out of the window."""
        for feed in self._feeds.values():
            for each in feed.leave(lambda envelope: envelope.key.partition("/")[0] == partition):
                if each.id in self._doubles:
                    self._drop_double(each)
                else:
                    self._forget(each)

    def _take(self, count_max: int) -> list[Envelope]:
        batch: list[Envelope] = []
        while self._ahead and len(batch) < count_max:  # giving may replace the queue: see _set_aside
            envelope = self._ahead.popleft()
            if envelope.outcome or not self._is_paused(envelope.key):
                self._give(envelope, batch)
            else:
                self._held_back.append(envelope)
        size_bytes = sum(envelope.size_bytes for envelope in batch)
        while len(batch) < count_max and size_bytes < BATCH_BYTES_MAX and not self.paused:
            next_ = self._next()
            if next_ is None:
                break
            size_bytes += next_.size_bytes
            if self._doubles and next_.id in self._doubles:
                self._drop_double(next_)
            elif next_.key in self._deferred:
                self._forget(next_)
                if next_.key in self._unblocked:
                    self._unblocked[next_.key] = True
            elif self._is_paused(next_.key):
                self._forget(next_)
            else:
                self._give(next_, batch)
        return batch

    def _is_paused(self, key: str) -> bool:
        partitions = self.paused_partitions
        return self.paused or (bool(partitions) and key.partition("/")[0] in partitions)

    def _next(self) -> Envelope | None:
        self._turn += 1
        order: Iterable[int] = PRIORITIES if self._turn % _BULK_TURN else reversed(PRIORITIES)
        for priority in order:
            feed = self._feeds[priority]
            if feed.items:
                return feed.take()
        return None

    def _give(self, envelope: Envelope, batch: list[Envelope]) -> None:
        waiting = self._waiting.get(envelope.key)
        if waiting is None:
            self._waiting[envelope.key] = deque()
            batch.append(envelope)
        elif len(waiting) < _WAITING_PER_KEY_MAX or envelope.outcome:
            waiting.append(envelope)
        else:
            self._forget(envelope)
            self._set_aside(envelope.key)

    def _set_aside(self, key: str) -> None:
        """The key goes on from disk: its messages that wait here, or are ahead, are left there. Outcomes stay."""
        self._deferred.add(key)
        self._waiting[key] = self._without(self._waiting[key], key)
        if any(each.key == key and not each.outcome for each in self._ahead):
            self._ahead = self._without(self._ahead, key)
        self._held_back = list(self._without(self._held_back, key))

    def _without(self, envelopes: Iterable[Envelope], key: str) -> deque[Envelope]:
        """The envelopes without the key's messages, which are left on disk."""
        kept: deque[Envelope] = deque()
        for each in envelopes:
            if each.outcome or each.key != key:
                kept.append(each)
            else:
                self._forget(each)
        return kept

    def _free(self, key: str) -> None:
        waiting = self._waiting.pop(key)
        if waiting:
            self._ahead.extendleft(reversed(waiting))
            self._news.set()

    def _forget(self, envelope: Envelope) -> None:
        if envelope.outcome:
            return
        if envelope.id not in self._doubles:  # else a read must not bring it into the window once more
            self._feeds[envelope.priority].forget(envelope.id)
        if self._called.get(envelope.key) == envelope.id:
            del self._called[envelope.key]

    def _drop_double(self, envelope: Envelope) -> None:
        """Of a message that was called the other copy is out of the window; it stays live only while it is here."""
        self._doubles.discard(envelope.id)
        if self._called.get(envelope.key) != envelope.id:
            self._feeds[envelope.priority].forget(envelope.id)
