"""How a flow of the sandbox is put together: its triggers, its shapes, and the system it delivers to.

Names are those of the only public view of step configuration (facts 2.1): `batch` with `path` and `size`, connector
with `timeout`, `wrapping_behaviour`, `allow_unsuccessful_statuses`, retries 0 to 2 (facts 3.2).
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from yarl import URL

Source = Literal[
    "payload", "order_events", "orders_updated", "order_ids", "listings", "stock_levels", "fulfilments", "target"
]
"""Where a run's first payload comes from: from whoever triggers it; a sales channel's webhook (one order per run); the
orders it changed since the flow's last run; its manifests (ids of orders, what it offers, stock figures, fulfilments
it has); or pages that we serve."""


def check_loopback(url: str) -> None:
    """Raise ValueError unless the URL leads to this machine: the sandbox never calls anybody else."""
    host = URL(url).host or ""
    try:
        local = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise ValueError(f"{host or 'the address'} is not the loopback; the sandbox delivers to this machine only")


def _check_path(path: str) -> None:
    try:
        filled = path.format(sales_channel="web")
    except (LookupError, ValueError):
        filled = ""
    if not filled.startswith("/"):
        raise ValueError("a path begins with / and has nothing to fill in but {sales_channel}")


class Auth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How deliveries prove who sends them: the types that the connector builder has (facts 3.1)."""

    kind: Literal["none", "header", "bearer", "basic", "client_credentials"] = "none"
    header: str = "X-API-Key"
    value: str = ""
    """Of `header`, or the token of `bearer`."""
    user: str = ""
    password: str = ""
    token_url: str = ""
    """Of `client_credentials`; relative ones start at the target."""
    client_id: str = ""
    client_secret: str = ""

    def __post_init__(self) -> None:
        """Refuse a token endpoint elsewhere."""
        if self.token_url and not self.token_url.startswith("/"):
            check_loopback(self.token_url)


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The system that flows deliver to (in Patchworks' words a connector for our product, and its instance)."""

    url: str = ""
    """Its base; only the loopback is allowed. Empty: every delivery fails to connect."""
    headers: dict[str, str] = {}
    auth: Auth = Auth()
    hmac_secret: str = ""
    """Not empty: a script signs each body and puts the hex digest into `X-HMAC-HASH`."""

    def __post_init__(self) -> None:
        """Refuse an address elsewhere."""
        if self.url:
            check_loopback(self.url)


class ResponseRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of a response script (facts 3.2): for this status, and with this text in the body, the call ends so.

    0 continue; 1 fail the step and try again; 2 fail the flow and queue a retry; 3 fail the flow for good;
    4 log in again and try again.
    """

    status_from: int
    status_to: int
    code: Literal[0, 1, 2, 3, 4]
    body_has: str = ""


class Batch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Flow control: cut the array at `path` (`*` is the root) into pieces of `size`."""

    path: str = "*"
    size: Annotated[int, Meta(ge=1, le=10_000)] = 1


class Dedupe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Filter and track by one field of the payload, in one pool (facts 5: not atomic)."""

    pool: str
    key: str
    entity_type_id: int = 58


class Send(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A connector step that sends: to our endpoints, or to the sales channel's."""

    to: Literal["target", "stock", "fulfilments"] = "target"
    method: str = "POST"
    path: str = "/v1/orders/{sales_channel}"
    wrapping_behaviour: Literal["Raw", "First"] = "First"
    """Raw sends an array of one as an array, First as its one item; longer arrays stay arrays."""
    timeout_s: Annotated[float, Meta(gt=0, le=1_800)] = 30
    retries: Annotated[int, Meta(ge=0, le=2)] = 2
    allow_unsuccessful_statuses: bool = False
    response_script: tuple[ResponseRule, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a path with anything to fill in but the sales channel."""
        _check_path(self.path)


class Receive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A connector step that reads our pages until one is empty or names no next: each page is a payload (facts 3.1)."""

    path: str
    since_parameter: str = "since"
    next_field: str = "next"
    items_field: str = "items"
    pages_max: Annotated[int, Meta(ge=1)] = 1_000

    def __post_init__(self) -> None:
        """Refuse a path with anything to fill in but the sales channel."""
        _check_path(self.path)


class Webhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A webhook trigger; the reply can be customised (facts 4.2)."""

    id: str
    signature: str
    hmac_secret: str = ""
    """Not empty: `X-HMAC-HASH` must be the SHA-256 of the raw body. RIPEMD-128 is documented, and not offered here."""
    reply_status: int = 200
    reply_type: str = "application/json"
    reply_body: str = '{"message":"Flow initialised."}'


class Callback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A callback trigger: whoever calls gets what its first callback shape has, inside an array (facts 4.3)."""

    id: str
    signature: str
    reply_type: str = "application/json"


class FlowSeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One flow: a line of shapes from its source to where it sends. Shapes that are not set are not in the flow."""

    id: Annotated[int, Meta(ge=1)]
    name: str = ""
    sales_channel: str = ""
    source: Source = "payload"
    every_s: Annotated[float, Meta(ge=0)] = 0
    """A schedule, in real seconds; 0: only when a script says so."""
    receive: Receive | None = None
    batch: Batch | None = None
    map: dict[str, str] = {}
    """Target field: source field. Empty: no map shape, the payload passes as it is."""
    dedupe: Dedupe | None = None
    track: str = ""
    """A field whose values are kept for search (facts 2.4)."""
    send: Send | None = None
    catch: Literal["none", "partial_success", "succeed", "fail"] = "none"
    """What becomes of the run when payloads entered the catch route."""
    flow_tries: Annotated[int, Meta(ge=1, le=5)] = 1
    """How often a failing flow is tried before it is logged as failed. The documentation says three times, which may
    mean the connector's own tries."""
    webhook: Webhook | None = None
    callback: Callback | None = None
    is_enabled: bool = True
    is_deployed: bool = True
    versions: Annotated[int, Meta(ge=1, le=20)] = 1

    def __post_init__(self) -> None:
        """Refuse shapes that lack what they read from or write to."""
        reads = self.source not in {"payload", "target"}
        writes = self.send is not None and self.send.to != "target"
        if (reads or writes) and not self.sales_channel:
            raise ValueError(f"flow {self.id} reads from or writes to a sales channel, and names none")
        if (self.source == "target") is not (self.receive is not None):
            raise ValueError(f"flow {self.id}: `receive` and the source `target` belong together")
