"""What is known of the two tenants while Seamline runs, and what each capability means for its promises.

A capability file is named in the configuration (`fulfil.capabilities`, `patchworks.capabilities`); explicit settings
win over what it says, and without a file everything is `unknown`, which strategies take for the least.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from connectors.capability import CapabilityFile, CapabilityFileInvalid, missing_in, read_file, values_of
from connectors.fulfil.capabilities import FulfilCapabilities, applied, contradictions
from connectors.fulfil.config import FulfilConfig
from connectors.patchworks.capabilities import PatchworksCapabilities
from flows.config import Config, FulfilSettings, PatchworksSettings
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
    try:
        file = read_file(Path(path))
    except CapabilityFileInvalid as error:
        raise ConfigInvalid(f"{vendor}.capabilities: {error}") from None
    if file.vendor != vendor:
        raise ConfigInvalid(f"{vendor}.capabilities: {path} is about {file.vendor}; name the file of this one")
    if file.tenant != tenant:
        raise ConfigInvalid(
            f"{vendor}.capabilities: {path} is of {file.tenant}, and not of {tenant}; "
            f"make one with `seamline probe {vendor} --to {path}`"
        )
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
    if config.patchworks is not None and config.patchworks.capabilities:
        try:
            notes += _notes("patchworks", PatchworksCapabilities, _patchworks_file(config.patchworks))
        except ConfigInvalid as error:
            problems.append(_problem("patchworks.capabilities", error))
    return problems, notes


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


# -- what it means -----------------------------------------------------------------------------------------------------

MEANS: Final[Mapping[str, str]] = {
    # Fulfil
    "create_order_answer": "any answer is understood; without a record the sale's total is proven by a read",
    "total_mismatch": "accepted: Fulfil is no second check of totals, the proof before the send is the only one",
    "order_problem": "exception: a failed sale is repaired in Fulfil, and is no hold of ours",
    "same_key_changed": "existing: repeats are safe; updated: no repeat after a later version; second_sale: no repeat",
    "processing": "asynchronous: the sale's state after the create is not its last",
    "line_write": "accepted: edits of an imported order can be applied by writing lines",
    "cancel_after_confirm": "refused: a cancel after the import is an exception for a person",
    "plain_channel_identifier": "not kept: sales are only ever made by create_order",
    "create_list": "one_by_one: a refused list may have been applied in part, and is looked for row by row",
    "user_warnings": "seen: a refused cancel may be a question, and is an exception",
    "stale_write": "ignored: two writers overwrite each other unseen; figures are written as absolute values",
    "refusal_status": "both are understood",
    "sellable_field": "none: products that must not be sold are not recognised",
    "missing_fields": "some: these fields are not read, and what needs them says so",
    "identifier_model": "none: barcodes other than the product's own are not read",
    "street2_field": "the second line of an address is read and written under this name",
    "payment_reference_field": "none: a payment is recognised by its amount",
    "gateway_fee_field": "none: fees are posted as ledger moves",
    "shipped_at_field": "none: shipping is known to the day",
    "credit_note": "which sign money that goes back has",
    "webhook_model": "none: changes are seen by polling alone",
    "record_events": "none: shipments are seen by polling alone",
    "channel_orders": "not used",
    "shipments": "not readable: nothing can be told to sales channels",
    "inventory": "not readable: no stock can be published",
    "stock_moves": "not readable: stock is seen by polling figures",
    "payments": "not readable: payments cannot be proven",
    "invoices": "not readable: what was invoiced cannot be proven",
    "ledger": "not readable: postings cannot be made or proven",
    "returns": "not readable: goods that come back are not seen",
    "date_generation": "all are understood",
    "time_precision": "second: changes of one second are told apart by their content",
    "filter_precision": "coarser: each poll reads some records twice, and recognises them",
    "filter_time_zone": "not used: filters carry typed instants",
    "get_without_fields": "not used: fields are always named",
    "missing_record": "not used: records are searched for",
    "missing_model": "404 and 500 are both taken for a missing module here",
    "stranger": "both stop the lane and raise one signal",
    "report_answer": "not used",
    "page_cap": "pages are never larger",
    "list_max": "reads by ids are never larger than 500",
    "body_bytes": "a large order may be refused with 413, and is held",
    "url_bytes": "not used: questions travel in bodies",
    "rate_limit_per_s": "not told: the rate is the configured one",
    "retry_after": "not told: pauses double until calls pass",
    # Patchworks
    "auth": "the way that is configured",
    "resource_style": "all are understood",
    "run_id": "ids are text here, whatever they look like",
    "time_format": "all are understood",
    "log_payloads": "single: other payloads of a failed step are found by their rows",
    "retry_link": "both are looked at, so a retry is never made twice",
    "caught_has_warnings": "unset: every successful run's log has to be looked at to find caught failures",
    "per_page_default": "not used: a size is always asked for",
    "per_page_max": "pages are never larger",
    "per_page_overflow": "not used: no more than 100 is asked for",
    "unknown_query": "not used: only documented filters are asked for",
    "run_filters": "ignored: looking for a run means reading all of them",
    "iso_times": "not used: filters carry milliseconds",
    "dropped_marks": "never: which payloads failed is told by the run's log alone",
    "queue": "refused: a start whose answer was lost is found only once it has begun",
    "tracked": "refused: batches are not searched by their tracked key",
    "restricted": "a lack of rights concerns one call, and stops nothing else",
    "payload_gone": "all are understood",
    "payload_retention": "shorter: failed payloads have to be fetched sooner than documented, or are lost",
    "start_reply": "message_only: every start is looked for, since nobody tells its run",
    "start_status": "any 2xx is acceptance",
    "start_payload_form": "taken: the older form can be configured",
    "start_bare_object": "not used",
    "start_disabled": "runs: a disabled flow is no protection against starts",
    "raw_array": "not used: a payload is always an object",
    "queued_run": "hidden: a lost start is looked for in the queue first",
    "retry_reply": "empty: a retry is looked for",
    "bad_signature": "one trigger is stopped, and no other call",
    "hmac_encoding": "hmac_encoding of the webhook has to be this",
    "webhook_signature_header": "not used: the signature stays in the address",
    "refused_trigger": "a refusal, shown with its status",
    "callback": "fails: what a sales channel holds cannot be asked for",
    "callback_failure": "a read that is tried again when it is 5xx",
    "limit_headers": "none: the rate is the configured one, and pauses double",
    "limit_scope": "company: other systems' keys take from our limit; lower limit_share",
    "start_shares_core": "unknown counts as yes: one budget for both",
    "calls_per_min": "not told: the rate is the configured one",
    "webhooks_per_min": "not told: the rate is the configured one",
    "callbacks_per_min": "not told: the rate is the configured one",
}
"""What each capability means for the promises, in a few words: the value at which one of them is weaker."""
