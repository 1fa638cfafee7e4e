"""The configuration of Seamline: one TOML file. `seamline check` reads it and lists every problem at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from connectors.fulfil.capabilities import FulfilProbeSettings
from connectors.fulfil.config import FulfilConfig, WebhookSettings
from connectors.patchworks.capabilities import PatchworksProbeSettings
from connectors.patchworks.config import IntakeSettings, PatchworksConfig
from connectors.patchworks.requests import Id
from flows.formats import FORMATS
from flows.model.bundles import Bundle, rules_broken
from flows.model.customer import CustomerSettings
from flows.model.fulfilments import FulfilmentSettings
from flows.model.gate import OPEN_GATE, GateSettings
from flows.model.listings import ListingSettings
from flows.model.on_demand import OnDemandSettings
from flows.model.payments import PaymentSettings
from flows.model.posting_matrix import PostingSettings
from flows.model.reconciliation import ReconciliationSettings
from flows.model.sale import SaleSettings
from flows.model.stock import StockSettings
from flows.model.tariff import TariffSettings
from flows.payouts import PAYOUT_FORMATS, GenericPayoutSettings
from runtime.config import Secret, suggestion
from runtime.engine import EngineConfig
from runtime.journal.upkeep import Room
from runtime.rule import RuleBroken

_INTAKE_PORT: Final = next(field.default for field in msgspec.structs.fields(IntakeSettings) if field.name == "port")


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything that must survive is kept."""

    path: str = "var/seamline.db"
    """The file; its directory is created. One process at a time holds it."""
    room: Room = Room()
    """How much of the disk it may use."""


class OpsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The listener of operators' machines: `/livez`, `/readyz`, `/metrics`, and control."""

    host: str = "127.0.0.1"
    """The address to listen on. Metrics and control are not for the public."""
    port: Annotated[int, Meta(ge=0, le=65_535)] = 9090
    """The port to listen on; 0 takes any free one."""
    control_key: Secret | None = None
    """The key that `seamline pause`, `resume` and `holds release` present. Not set: those commands are refused."""


class FulfilSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The Fulfil tenant, and how hard it may be called."""

    api: FulfilConfig
    """Address and manner of the API."""
    token: Secret
    """A personal access token, or the token of an API user."""
    webhooks: WebhookSettings | None = None
    """Fulfil's webhooks: hints to look sooner. Not set: no route for them; changes are read on schedule alone."""
    requests_per_s: Annotated[float, Meta(gt=0)] | None = 10.0
    """The rate to begin with; Fulfil's own answers teach the real one."""
    lost_answer_wait_s: Annotated[float, Meta(ge=0)] = 2.0
    """How long to wait after a lost answer before the first look, so that Fulfil can finish what it began."""
    catalogue_every_s: Annotated[float, Meta(gt=0)] = 60.0
    """How often changed products are read."""
    catalogue_overlap_s: Annotated[float, Meta(ge=0)] = 300.0
    """How far before the last sync each sync reads again, because late commits carry earlier times."""
    catalogue_refresh_every_s: Annotated[float, Meta(ge=1, le=31_536_000)] = 86_400.0
    """How often all products are read again, which alone shows those that are gone."""
    catalogue_refresh_page_every_s: Annotated[float, Meta(ge=0, le=3_600)] = 2.0
    """The distance between two pages of that, so that it never takes the calls of orders."""
    catalogue_gone_max: Annotated[int, Meta(ge=0, le=100_000)] = 1_000
    """So many products may be gone at once; when more are, none is believed to be, and it is a case."""
    fulfilments_every_s: Annotated[float, Meta(gt=0, le=3_600)] = 10.0
    """How often shipments that changed are read, where a sales channel hears of them."""
    fulfilments_overlap_s: Annotated[float, Meta(ge=0, le=86_400)] = 300.0
    """How far before the last look each look at shipments reads again, because late commits carry earlier times."""
    unshipped_every_s: Annotated[float, Meta(gt=0, le=86_400)] = 3_600.0
    """How often it is looked which orders have not left by the time that was promised."""
    drop_shipments: bool = True
    """Whether shipments that suppliers make are watched, too; false for a tenant that has none, and refuses to tell."""
    stock_every_s: Annotated[float, Meta(gt=0, le=3_600)] = 10.0
    """How often it is asked which products moved; only where stock is published."""
    stock_overlap_s: Annotated[float, Meta(ge=0, le=86_400)] = 120.0
    """How far before the last look each one reads again, because late commits carry earlier times."""
    stock_sweep_every_s: Annotated[float, Meta(ge=60, le=31_536_000)] = 86_400.0
    """How often the levels of all products are read again."""
    stock_sweep_page_every_s: Annotated[float, Meta(ge=0, le=3_600)] = 1.0
    """The distance between two pages of that, so that it never takes the calls of orders."""
    customers_read_after_s: Annotated[float, Meta(gt=0, le=86_400)] = 900.0
    """How long a new sale may wait to be read back for whose it is, so that many are read with one call; a hundred do
    not wait."""
    capabilities: str = ""
    """The file in which `seamline probe fulfil` keeps what this tenant can do. Empty: nothing is known, and the least
    is assumed."""
    probe: FulfilProbeSettings = FulfilProbeSettings()
    """What `seamline probe fulfil` may do."""


class PatchworksSettings(PatchworksConfig, frozen=True, kw_only=True):
    """How we call Patchworks: its Core API, its Start API, and the triggers of single flows."""

    capabilities: str = ""
    """The file in which `seamline probe patchworks` keeps what this company's Patchworks does. Empty: nothing is known,
    and the least is assumed."""
    probe: PatchworksProbeSettings = PatchworksProbeSettings()
    """What `seamline probe patchworks` may do."""


class RecoverySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Fetching what failed Patchworks runs were about to deliver; needs `[patchworks]`."""

    flows: Annotated[dict[Id, str], Meta(min_length=1)]
    """The flows that deliver orders to us, by their id in Patchworks, and the sales channel each delivers for."""
    every_s: Annotated[float, Meta(ge=30, le=86_400)] = 600.0
    """How often failed runs are looked for. Patchworks keeps payloads for 72 hours."""
    settle_s: Annotated[float, Meta(ge=0, le=86_400)] = 120.0
    """How long after its end a run is left alone, so that what Patchworks itself repeats is over."""
    runs_per_sweep_max: Annotated[int, Meta(ge=1, le=1_000)] = 50
    """The most runs recovered in one sweep: each costs three calls or more."""


class SalesChannelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One sales channel: how its orders are read, and what their sales look like."""

    format: str
    """The format of its payloads: shopify, woocommerce, bigcommerce, magento2, magento1, amazon, onx or seamline."""
    tolerance: Annotated[Decimal, Meta(ge=0)] = Decimal(0)
    """By how much the figures of an order may contradict each other, in its currency. Finance owns this figure."""
    sale: SaleSettings
    """How an order becomes a sale in Fulfil."""
    stock: StockSettings | None = None
    """How its stock is published; needs `[patchworks]`. Not set: it is not."""
    fulfilments: FulfilmentSettings | None = None
    """How it hears of shipments; needs `[patchworks]`. Not set: it does not."""
    gate: GateSettings = OPEN_GATE
    """Which orders are imported, wait, or never are."""
    bundles: dict[str, Bundle] = {}
    """What a SKU that it sells as one thing is made of in Fulfil, by that SKU."""
    customers: CustomerSettings = CustomerSettings()
    """How its customers become parties in Fulfil."""
    returns: Literal["create", "case"] = "case"
    """Goods that come back after they were shipped: `create` makes their returns in Fulfil, which needs the capability
    `returns`; `case` leaves them to operations. A return that is in Fulfil already is recognised by either."""
    tariffs: dict[str, TariffSettings] = {}
    """What payment providers agreed to take of a sale, by their names as `seamline payouts formats` has them. The fees
    of one that is not here are compared with nothing."""

    def __post_init__(self) -> None:
        """Refuse a format that nobody reads, and bundles that cannot be exploded."""
        found = {("bundles", *path): sentence for path, sentence in rules_broken(self.bundles).items()}
        if self.format not in FORMATS:
            found["format",] = f"{self.format!r} is not known; there are {', '.join(sorted(FORMATS))}"
        if found:
            raise RuleBroken(found)


class TelemetrySettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the process says of itself."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe event that is logged."""
    log_format: Literal["json", "logfmt"] = "json"
    """How a log line is written."""
    otlp_url: str = ""
    """Where spans are posted (OTLP over HTTP, ending in /v1/traces). Empty: spans are not exported."""
    trace_share: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """The share of healthy orders that are traced. An order that meets an exception is always traced, whole."""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything."""

    fulfil: FulfilSettings
    """The ERP."""
    intake: IntakeSettings
    """The public listener to which Patchworks delivers."""
    sales_channels: Annotated[
        dict[Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,62}$")], SalesChannelSettings], Meta(min_length=1)
    ]
    """The sales channels, by the name that stands in the intake's path."""
    patchworks: PatchworksSettings | None = None
    """How we call Patchworks. Not set: it only calls us."""
    recovery: RecoverySettings | None = None
    """Which failed runs of Patchworks are recovered. Not set: none."""
    on_demand: dict[str, OnDemandSettings] = {}
    """Callback flows of Patchworks that read the orders of a sales channel, by its name."""
    payments: PaymentSettings | None = None
    """How payments that come after the import are recorded in Fulfil. Not set: they are not."""
    postings: PostingSettings | None = None
    """Who posts what into the ledger. Not set: Fulfil what it posts itself, and Seamline nothing."""
    reconciliation: ReconciliationSettings | None = None
    """What is proven of what stands in Fulfil. Not set: nothing is."""
    listings: dict[str, ListingSettings] = {}
    """Sales channels whose listings are checked daily, by name."""
    payout_formats: dict[Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,62}$")], GenericPayoutSettings] = {}
    """Payout files of providers that no reader is there for, by the name that `payouts import --format` has."""
    store: StoreSettings = StoreSettings()
    """The journal."""
    ops: OpsSettings = OpsSettings()
    """The private listener."""
    telemetry: TelemetrySettings = TelemetrySettings()
    """Logs and traces."""
    engine: EngineConfig = EngineConfig()
    """Sizes of what is kept in memory."""

    def __post_init__(self) -> None:
        """Refuse two listeners at one address, and reads that could call nobody, or are for a sales channel that is not
        there.
        """
        found = {
            **self._listeners_clash(),
            **self._callbacks_lost("on_demand", self.on_demand),
            **self._callbacks_lost("listings", self.listings),
            **self._recovery_lost(),
            **self._targets_clash(),
            **self._unshipped_unknown(),
            **self._payout_formats_clash(),
            **self._zones_differ(),
            **self._closing_lost(),
            **self._posting_rows_lost(),
            **self._posting_providers_lost(),
        }
        if found:
            raise RuleBroken(found)

    def _targets_clash(self) -> dict[tuple[str, ...], str]:
        """A flow takes one kind of lines, and somebody has to start it."""
        found: dict[tuple[str, ...], str] = {}
        taken: dict[str, str] = {}
        for name, settings in self.sales_channels.items():
            for what, target in (("stock", settings.stock), ("fulfilments", settings.fulfilments)):
                if target is None:
                    continue
                place = ("sales_channels", name, what)
                if self.patchworks is None:
                    found[place] = "its flow is started at Patchworks: say under [patchworks] how to call it"
                elif what == "stock" and target.flow.flow_id in taken:
                    found[place] = f"the flow {target.flow.flow_id} is taken already; a level does not say whose it is"
                elif taken.setdefault(target.flow.flow_id, what) != what:
                    found[place] = f"the flow {target.flow.flow_id} takes {taken[target.flow.flow_id]} already"
        for named, flow, meant in self._other_flows():
            if flow in taken:
                found[named] = f"the flow {flow} takes {taken[flow]} already, and {meant}"
        return found

    def _other_flows(self) -> Iterator[tuple[tuple[str, ...], str, str]]:
        """Flows that are named for something else than to take lines: where, which, and what they are for."""
        for flow in self.recovery.flows if self.recovery is not None else ():
            yield ("recovery", "flows", flow), flow, "those that are recovered deliver orders"
        if self.patchworks is None:
            return
        probe, webhooks = self.patchworks.probe, self.patchworks.webhooks
        started = {"flow_id": probe.flow_id, "disabled_flow_id": probe.disabled_flow_id}
        for name, webhook in (("webhook", probe.webhook), ("disabled_webhook", probe.disabled_webhook)):
            started[name] = webhooks[webhook].flow_id if webhook in webhooks else None
        for name, started_flow in started.items():
            if started_flow:
                yield ("patchworks", "probe", name), started_flow, "a probe would start it"

    def _unshipped_unknown(self) -> dict[tuple[str, ...], str]:
        """Which of its units a sales channel still counts as unshipped is known by what it was told of shipments."""
        return {
            ("sales_channels", name, "stock", "quantity_semantics"): (
                f"{settings.stock.quantity_semantics} has its unshipped units added to its figures, and which they are "
                f"is known by what it is told of shipments: say how under [sales_channels.{name}.fulfilments]"
            )
            for name, settings in self.sales_channels.items()
            if settings.stock is not None and settings.stock.subtracts and settings.fulfilments is None
        }

    def _zones_differ(self) -> dict[tuple[str, ...], str]:
        """Finance's company has one time zone."""
        zone = self.reconciliation.time_zone if self.reconciliation is not None else ""
        for section, settings in (("payments", self.payments), ("postings", self.postings)):
            if zone and settings is not None and settings.time_zone != zone:
                sentence = f"finance's days end in {zone} here, and in {settings.time_zone} under [{section}]"
                return {("reconciliation", "time_zone"): sentence}
        return {}

    def _closing_lost(self) -> dict[tuple[str, ...], str]:
        """Every gateway that an order may be paid by has its evidence, and nothing else has one."""
        if self.reconciliation is None or not self.reconciliation.closing:
            return {}
        declared, codes = self.reconciliation.closing, self._gateways()
        place: tuple[str, ...] = ("reconciliation", "closing")
        found: dict[tuple[str, ...], str]
        found = {(*place, code): f"no sales channel has a gateway {code}" for code in declared if code not in codes}
        lacking = ", ".join(f"{code} (of {name})" for code, name in codes.items() if code not in declared)
        if lacking:
            tables = ", ".join(f"[reconciliation.closing.{code}]" for code in codes if code not in declared)
            found[place] = f"nothing says what closes orders paid by {lacking}; write {tables}"
        return found

    def _gateways(self) -> dict[str, str]:
        """Fulfil's codes of the gateways that payments can go to, each with the first sales channel that has it."""
        codes: dict[str, str] = {}
        for name, settings in self.sales_channels.items():
            suspense = settings.sale.suspense.gateway if settings.sale.suspense is not None else None
            for code in (*settings.sale.gateways.values(), *([suspense] if suspense else [])):
                codes.setdefault(code, name)
        return codes

    def _paid_through(self) -> set[str]:
        """Fulfil's codes of all gateways that payments go to, or are recorded by."""
        recorded = () if self.payments is None else self.payments.gateways
        return {*self._gateways(), *recorded}

    @property
    def providers(self) -> tuple[str, ...]:
        """Every provider whose payouts can be read."""
        return (*dict.fromkeys(each.provider for each in PAYOUT_FORMATS.values()), *self.payout_formats)

    @property
    def paid_out_through(self) -> frozenset[str]:
        """Fulfil's codes of the gateways that payouts lead to: only rows of these, and of all, are ever posted by."""
        return frozenset() if self.postings is None else self.postings.gateways_of(self.sales_channels, self.providers)

    def _posting_rows_lost(self) -> dict[tuple[str, ...], str]:
        """Rows of a gateway that is nowhere: the general row would count in their place, with its accounts."""
        rows = () if self.postings is None else self.postings.rows
        known = sorted(self.paid_out_through | self._paid_through())
        return {
            ("postings", f"rows[{place}]", "gateway"): (
                f"no payouts and no payments go to a gateway {row.gateway!r}, so this row never counts, and the one "
                f"for all gateways does; {suggestion(row.gateway, known)}"
            )
            for place, row in enumerate(rows)
            if row.gateway and row.gateway not in known
        }

    def _posting_providers_lost(self) -> dict[tuple[str, ...], str]:
        """Providers, sales channels of theirs, or gateways that there are not."""
        found: dict[tuple[str, ...], str] = {}
        if self.postings is None:
            return found
        of_rows = {row.gateway for row in self.postings.rows if row.gateway}
        known = sorted(self._paid_through() | of_rows | {*self.providers})
        for named, code in self.postings.providers.items():
            channel, slash, provider = named.rpartition("/")
            place = ("postings", "providers", named)
            if provider not in self.providers:
                found[place] = (
                    f"no payouts of a provider {provider!r} are read, and there is no [payout_formats.{provider}]; "
                    f"{suggestion(provider, sorted(self.providers))}"
                )
            elif slash and channel not in self.sales_channels:
                found[place] = (
                    f"there is no sales channel {channel!r}; {suggestion(channel, sorted(self.sales_channels))}"
                )
            elif code not in known:
                found[place] = f"no payments and no row go to a gateway {code!r}; {suggestion(code, known)}"
        return found

    def _payout_formats_clash(self) -> dict[tuple[str, ...], str]:
        return {
            ("payout_formats", name): f"{name} is a format that is there already; give this one another name"
            for name in self.payout_formats
            if name in PAYOUT_FORMATS
        }

    def _listeners_clash(self) -> dict[tuple[str, ...], str]:
        intake, ops = self.intake, self.ops
        hosts = {"127.0.0.1" if host == "localhost" else host for host in (intake.host, ops.host)}
        everywhere = "0.0.0.0" in hosts and not any(":" in host for host in hosts)  # noqa: S104 - read, not listened on
        if intake.port != ops.port or ops.port == 0 or not (len(hosts) == 1 or everywhere):
            return {}
        place = ("ops", "port") if intake.port == _INTAKE_PORT else ("intake", "port")
        sentence = f"intake.port and ops.port are both {ops.port} on {ops.host}; give one of them another port"
        return {place: sentence}

    def _callbacks_lost(
        self, section: str, asked: Mapping[str, OnDemandSettings | ListingSettings]
    ) -> dict[tuple[str, ...], str]:
        callbacks = self.patchworks.callbacks if self.patchworks is not None else {}
        found: dict[tuple[str, ...], str] = {}
        for name, settings in asked.items():
            if name not in self.sales_channels:
                found[section, name] = f"{section} names a sales channel that is not configured: {name}"
            elif settings.callback not in callbacks and (settings.callback or section == "on_demand"):
                found[section, name, "callback"] = f"there is no [patchworks.callbacks.{settings.callback}]"
        return found

    def _recovery_lost(self) -> dict[tuple[str, ...], str]:
        if self.recovery is None:
            return {}
        found: dict[tuple[str, ...], str] = {}
        if self.patchworks is None:
            found["recovery", "flows"] = "their runs are asked for at Patchworks: say under [patchworks] how to call it"
        there = ", ".join(sorted(self.sales_channels))
        for flow, name in self.recovery.flows.items():
            if name not in self.sales_channels:
                found["recovery", "flows", flow] = f"there is no sales channel {name!r}; there are {there}"
        return found
