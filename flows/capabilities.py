"""What is known of the two tenants while Seamline runs, and what `seamline check` says about it.

A capability file is named in the configuration (`fulfil.capabilities`, `patchworks.capabilities`); explicit settings
win over what it says, and without a file everything is `unknown`, which strategies take for the least.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from connectors.capability import CapabilityFile, CapabilityFileInvalid, missing_in, read_file, values_of
from connectors.fulfil.capabilities import FulfilCapabilities, applied, contradictions
from connectors.fulfil.config import FulfilConfig
from connectors.patchworks.capabilities import PatchworksCapabilities
from flows.config import Config, FulfilSettings, PatchworksSettings
from flows.model.posting_matrix import LedgerEvent, PostingSettings
from flows.model.sale import SaleSettings
from flows.model.several import are
from runtime.config import Problem
from runtime.errors import ConfigInvalid

T = TypeVar("T", bound=msgspec.Struct)


def fulfil_capabilities(settings: FulfilSettings) -> FulfilCapabilities:
    """What is known of the Fulfil tenant. Raises ConfigInvalid for a file that cannot be read, or is of another one."""
    return values_of(FulfilCapabilities, _fulfil_file(settings).capabilities)[0] if settings.capabilities else _NOTHING


def fulfil_api(settings: FulfilSettings) -> FulfilConfig:
    """The settings of the Fulfil connector with what was found about the tenant: what `FulfilApi` is made with.

    Raises ConfigInvalid for a file that cannot be read, or is of another tenant.
    """
    if not settings.capabilities:
        return settings.api
    file = _fulfil_file(settings)
    return applied(settings.api, values_of(FulfilCapabilities, file.capabilities)[0], file.names)


def patchworks_capabilities(settings: PatchworksSettings) -> PatchworksCapabilities:
    """What is known of the company's Patchworks. Raises ConfigInvalid as `fulfil_capabilities` does."""
    if not settings.capabilities:
        return PatchworksCapabilities()
    return values_of(PatchworksCapabilities, _patchworks_file(settings).capabilities)[0]


def _fulfil_file(settings: FulfilSettings) -> CapabilityFile:
    return _file("fulfil", settings.capabilities, fulfil_address(settings.api.base_url))


def _patchworks_file(settings: PatchworksSettings) -> CapabilityFile:
    return _file("patchworks", settings.capabilities, settings.core_url)


def _file(vendor: str, path: str, tenant: str) -> CapabilityFile:
    """The file of this tenant. Raises ConfigInvalid."""
    makes = f"make it with `seamline probe {vendor} --to {shlex.quote(path)}`"
    try:
        file = read_file(Path(path))
    except CapabilityFileInvalid as error:
        raise ConfigInvalid(f"{vendor}.capabilities: {error}; {makes}") from None
    if file.vendor != vendor:
        raise ConfigInvalid(f"{vendor}.capabilities: {path} is about {file.vendor}; name the file of this one")
    if file.tenant != tenant:
        raise ConfigInvalid(f"{vendor}.capabilities: {path} is of {file.tenant}, and not of {tenant}; {makes}")
    return file


def fulfil_address(base_url: str) -> str:
    """A tenant's address as a capability file has it."""
    return base_url.rstrip("/")


_NOTHING: Final = FulfilCapabilities()
_SECOND_SALE: Final = (
    "one key made two sales on this tenant (same_key_changed), so a create that becomes visible only after it was "
    "looked for could be made twice; raise fulfil.lost_answer_wait_s, and ask Fulfil why"
)


# -- what `seamline check` says ----------------------------------------------------------------------------------------


def remarks(config: Config) -> tuple[list[Problem], list[str]]:
    """What is wrong with the capability files (nothing would be started), and what is only worth knowing."""
    problems: list[Problem] = []
    notes: list[str] = []
    if config.fulfil.capabilities:
        try:
            notes += _notes("fulfil", FulfilCapabilities, _fulfil_file(config.fulfil))
            notes += _contradictions(config.fulfil)
        except ConfigInvalid as error:
            problems.append(_problem("fulfil.capabilities", error))
    notes += _prices_unread(config)
    if not problems:
        notes += _returns(config)
        notes += _payments(config)
        notes += _postings(config)
        notes += _unproven(config)
        notes += _costs(config)
        notes += _payouts_never_paid(config)
    if config.patchworks is not None and config.patchworks.capabilities:
        try:
            notes += _notes("patchworks", PatchworksCapabilities, _patchworks_file(config.patchworks))
        except ConfigInvalid as error:
            problems.append(_problem("patchworks.capabilities", error))
    return problems, notes


def _prices_unread(config: Config) -> list[str]:
    """Prices that are to be compared with list prices that nobody reads."""
    asked = sorted(name for name, settings in config.listings.items() if settings.compare_prices)
    if not asked or config.fulfil.api.names.get("product.product.list_price"):
        return []
    unnamed = "fulfil.api.names does not say what product.product.list_price is called"
    return [f"listings.{asked[0]}.compare_prices compares nothing: {unnamed}"]


def _returns(config: Config) -> list[str]:
    """Sales channels that want what the tenant is not known to do."""
    if fulfil_capabilities(config.fulfil).returns == "readable":
        return []
    return [
        f'sales_channels.{name}.returns is "create", and fulfil.capabilities does not say that returns can be read: '
        "until it does, none is made, and goods that come back are cases (order.returned)"
        for name, settings in config.sales_channels.items()
        if settings.returns == "create"
    ]


def _payments(config: Config) -> list[str]:
    """What keeps payments after the import from being recorded, and gateways that no sales channel maps to."""
    if config.payments is None:
        return []
    notes = []
    if fulfil_capabilities(config.fulfil).payments != "readable":
        notes.append(
            "[payments] is set, and fulfil.capabilities does not say that payments can be read: until it does, every "
            "later payment is a case (payment.unrecorded)"
        )
    codes = {code for each in config.sales_channels.values() for code in _codes(each.sale)}
    unrecorded, unused = (
        sorted(codes - config.payments.gateways.keys()),
        sorted(config.payments.gateways.keys() - codes),
    )
    if unrecorded:
        notes.append(
            f"later payments through {', '.join(unrecorded)} are cases: [payments.gateways] has no table of that name"
        )
    if unused:
        notes.append(f"payments.gateways.{unused[0]} is the target of no sales channel's gateways")
    known = fulfil_capabilities(config.fulfil).gateway_fee_field
    for code, each in config.payments.gateways.items():
        if each.fee.field and known not in ("unknown", each.fee.field):
            notes.append(f"payments.gateways.{code}.fee.field is {each.fee.field!r}, and the tenant's is {known!r}")
    return notes


def _postings(config: Config) -> list[str]:
    """What keeps postings from being made, and gaps that somebody should mean."""
    if config.postings is None:
        return []
    notes = []
    postings, payments = config.postings, config.payments
    if fulfil_capabilities(config.fulfil).ledger != "readable":
        then = (
            "nothing is posted, and that is a case (ledger.refused)" if postings.mode == "live" else "nothing is read"
        )
        notes.append(
            "[postings] is set, and fulfil.capabilities does not say that the ledger can be read: until it does, "
            f"{then}"
        )
    if payments is not None and payments.time_zone != postings.time_zone:
        notes.append(
            f"payments have their day in {payments.time_zone} (payments.time_zone), and postings in "
            f"{postings.time_zone} (postings.time_zone); both are the zone of finance's company"
        )
    there = {row.event for row in postings.rows}
    missing = [event.value for event in _ALWAYS if event not in there and event not in postings.of_fulfil]
    if missing:
        notes.append(f"nobody posts {', '.join(missing)}: [postings] has no row for it (`seamline postings matrix`)")
    return [*notes, *_rows_of_no_payouts(config, postings)]


def _rows_of_no_payouts(config: Config, postings: PostingSettings) -> list[str]:
    """Rows of a gateway that takes payments and that no payouts lead to."""
    lost = sorted({row.gateway for row in postings.rows if row.gateway} - config.paid_out_through)
    return [
        f"[postings] has a row of the gateway {code}, to which no provider's payouts lead: it never counts, and the "
        f'one for all gateways does; say under [postings.providers] whose gateway it is, as {{ stripe = "{code}" }}'
        for code in lost
    ]


def _unproven(config: Config) -> list[str]:
    """Money that is recorded or posted, and that nobody proves."""
    sections = (("payments", config.payments), ("postings", config.postings))
    there = [f"[{name}]" for name, settings in sections if settings is not None]
    if not there or config.reconciliation is not None:
        return []
    then = "nothing of it is proven, no day is stated, and no month can be clean"
    return [f"{' and '.join(there)} {are(len(there))} set, and [reconciliation] is not: {then}"]


def _costs(config: Config) -> list[str]:
    """A document of cost that the tenant is known not to name."""
    said = "" if config.reconciliation is None else config.reconciliation.cost_moves
    known = fulfil_capabilities(config.fulfil).cost_origin
    if said in ("", "none") or known in ("unknown", said):
        return []
    return [f"reconciliation.cost_moves is {said!r}, the tenant was found to have {known!r}; the setting wins"]


def _payouts_never_paid(config: Config) -> list[str]:
    """Maps of columns that leave every payout on its way."""
    return [
        f"payout_formats.{name} can never say that a payout was paid: none of them arrives, unless --bank-amount is "
        "given; name the words of the payout's own row (payout_types), or map a column `status` and say which word of "
        'it is "paid" (statuses)'
        for name, settings in config.payout_formats.items()
        if not settings.tells_paid
    ]


_ALWAYS: Final = (LedgerEvent.FEE, LedgerEvent.PAYOUT)
"""What every gateway has."""


def _codes(sale: SaleSettings) -> set[str]:
    """Fulfil's gateways that payments of a sales channel can go to."""
    suspense = sale.suspense.gateway if sale.suspense is not None else None
    return {*sale.gateways.values(), *([suspense] if suspense else [])}


def _contradictions(settings: FulfilSettings) -> list[str]:
    file = _fulfil_file(settings)
    known = values_of(FulfilCapabilities, file.capabilities)[0]
    found = contradictions(settings.api, known, file.names)
    risky = () if known.repeats_create else (_SECOND_SALE,)
    return [*found, *risky]


def _notes(vendor: str, kind: type[T], file: CapabilityFile) -> list[str]:
    _, strange = values_of(kind, file.capabilities)
    missing = missing_in(kind, file.capabilities)
    notes = []
    if missing:
        notes.append(f"{vendor}.capabilities has nothing about {', '.join(missing)}, which therefore count as unknown")
    if strange:
        notes.append(f"{vendor}.capabilities: this version does not understand {', '.join(strange)}; probe again")
    return notes


def _problem(path: str, error: ConfigInvalid) -> Problem:
    return Problem(path, None, str(error).removeprefix(f"{path}: "))
