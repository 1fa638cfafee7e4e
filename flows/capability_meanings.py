"""What each capability means for the promises, in a few words for whoever reads a probe's table.

A table from capability and value to words. A value that is not named has nothing against it; the empty one stands for
all values. What is `unknown` counts as the least that may be true.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

IN_FULL: Final = "nothing is weaker for it"
_NOT_USED: Final = {"": "not used"}
_UNDERSTOOD: Final = {"": "all forms are understood"}


def _unless_readable(loss: str) -> Mapping[str, str]:
    return {"missing": loss, "no_permission": f"{loss}; give the API user the right to read it"}


MEANS: Final[Mapping[str, Mapping[str, str]]] = {
    # making and changing sales in Fulfil
    "create_order_answer": _UNDERSTOOD,
    "total_mismatch": {"accepted": "the proof before the send is the only check of totals"},
    "order_problem": {
        "exception": "an order may become a failed sale, which is repaired in Fulfil",
        "accepted": "what an order names is not checked by Fulfil",
    },
    "same_key_changed": {
        "existing": "a repeat changes nothing",
        "refused": "a repeat changes nothing",
        "updated": "nothing of an earlier version is sent again; edits can be sent under the key",
        "second_sale": "a create that shows late could be made twice; ask Fulfil why the key is none",
    },
    "processing": {"asynchronous": "the sale's state right after its create is not its last"},
    "line_write": {"accepted": "edits can be written into lines", "refused": "edits are exceptions for a person"},
    "cancel_after_confirm": {"refused": "a cancel after the import is an exception for a person"},
    "plain_channel_identifier": {"": "not used: sales are made by create_order alone"},
    "create_list": {"one_by_one": "a refused list may have been applied in part, and is looked for row by row"},
    "user_warnings": {"seen": "a refused cancel may be a question, and is an exception for a person"},
    "stale_write": {"ignored": "two writers overwrite each other unseen, so figures are written as absolute values"},
    "refusal_status": _UNDERSTOOD,
    # names that Fulfil's tenants have
    "sellable_field": {"none": "products that must not be sold are not recognised", "": "read under this name"},
    "missing_fields": {"some": "these fields are not read, and what needs them says so"},
    "identifier_model": {"none": "barcodes other than the product's own are not read"},
    "street2_field": {"": "the second line of an address has this name"},
    "payment_reference_field": {
        "none": "a payment is recognised by its amount",
        "": "read and written under this name",
    },
    "gateway_fee_field": {"none": "fees can only be posted as ledger moves"},
    "shipped_at_field": {"none": "shipping is known to the day"},
    "credit_note": {"": "which sign money that goes back has"},
    "cost_origin": {
        "none": "the cut-off does not say what was shipped without a move of cost",
        "": "by this document it is looked for whether the cost of a shipment is booked",
    },
    "webhook_model": {"none": "changes are seen by polling alone"},
    "record_events": {"none": "sales and shipments are seen by polling alone"},
    "channel_orders": _NOT_USED,
    # what can be read of Fulfil
    "shipments": _unless_readable("sales channels cannot be told what was shipped"),
    "inventory": _unless_readable("no stock can be published"),
    "stock_moves": _unless_readable("stock is seen by its figures alone"),
    "payments": _unless_readable("payments after the import are cases for finance"),
    "invoices": _unless_readable("what was invoiced cannot be proven"),
    "ledger": _unless_readable("postings can be neither made nor proven"),
    "returns": _unless_readable("goods that come back are cases for operations"),
    # forms and limits of Fulfil's API
    "date_generation": _UNDERSTOOD,
    "time_precision": {"second": "changes of one second are told apart by their content"},
    "filter_precision": {"coarser": "each poll reads some records twice, and recognises them"},
    "filter_time_zone": {"": "not used: filters carry typed instants"},
    "get_without_fields": {"": "not used: fields are always named"},
    "missing_record": {"": "not used: records are searched for"},
    "missing_model": _UNDERSTOOD,
    "stranger": {"": "a refused token stops the calls and raises one signal"},
    "report_answer": _NOT_USED,
    "page_cap": {"": "pages are never larger"},
    "list_max": {"not_met": "reads by ids are of 500 at most", "": "reads by ids of 500 are refused above this"},
    "body_bytes": {
        "below_64_kb": "a large order may be refused with 413, and is held",
        "below_1_mb": "a very large order may be refused with 413, and is held",
    },
    "url_bytes": {"": "not used: questions travel in bodies"},
    "rate_limit_per_s": {"not_told": "the rate is the configured one", "": "the rate follows what answers say"},
    "retry_after": {"not_told": "pauses double until calls pass"},
    # forms of Patchworks' API
    "auth": {"": "as configured"},
    "resource_style": _UNDERSTOOD,
    "run_id": _UNDERSTOOD,
    "time_format": _UNDERSTOOD,
    "log_payloads": {"single": "other payloads of a failed step are found by their rows"},
    "retry_link": {"": "both runs are looked at, so that none is retried twice"},
    "caught_has_warnings": {"unset": "caught failures are found by the errors in the log alone"},
    # lists of Patchworks' API
    "per_page_default": {"": "not used: a size is always asked for"},
    "per_page_max": {"": "pages are of 100 at most"},
    "per_page_overflow": {"": "not used: no more than 100 is asked for"},
    "unknown_query": {"": "not used: only documented filters are asked for"},
    "run_filters": {"ignored": "looking for a run means reading all of them"},
    "iso_times": {"": "not used: filters carry milliseconds"},
    "dropped_marks": {"never": "which payloads failed is told by the log alone"},
    "queue": {"refused": "a start whose answer was lost is found only once its run has begun"},
    "tracked": {"refused": "batches cannot be searched for by their key"},
    "restricted": {"none_met": IN_FULL, "": "a lack of rights concerns one call, and stops no other"},
    "payload_gone": _UNDERSTOOD,
    "payload_retention": {"shorter": "failed payloads have to be fetched sooner than documented, or are lost"},
    # starts, triggers and limits of Patchworks
    "start_reply": {"message_only": "nobody tells the run of a start; it is known only by its payload"},
    "start_status": {"": "any 2xx is acceptance"},
    "start_payload_form": {"taken": "start_form may be payload", "refused": "start_form has to be raw"},
    "start_bare_object": _NOT_USED,
    "start_disabled": {"runs": "a disabled flow is no protection against starts"},
    "raw_array": {"": "not used: a payload is always an object"},
    "queued_run": {"hidden": "a lost start is looked for in the queue first"},
    "retry_reply": _UNDERSTOOD,
    "bad_signature": {"": "it stops one trigger, and no other call"},
    "hmac_encoding": {"": "hmac_encoding of the webhook has to be this"},
    "webhook_signature_header": {"": "not used: the signature stays in the address"},
    "refused_trigger": {"": "it stops one trigger, and no other call"},
    "callback": {"fails": "what a sales channel holds cannot be asked for"},
    "callback_failure": {"": "tried again when it is 5xx, else refused"},
    "limit_headers": {
        "none": "the rate is the configured one, and pauses double until calls pass",
        "on_429": "the rate is the configured one",
    },
    "limit_scope": {"company": "other systems' keys take from our limit; lower limit_share"},
    "start_shares_core": {"": "one budget serves both"},
    "calls_per_min": {"not_told": "the rate is the configured one", "": "the rate follows what answers say"},
    "webhooks_per_min": {"not_told": "the rate is the configured one", "": "the rate follows what answers say"},
    "callbacks_per_min": {"not_told": "the rate is the configured one", "": "the rate follows what answers say"},
}


def meaning(name: str, value: str | int) -> str:
    """What this value means for the promises; empty for a capability that there is not."""
    words = MEANS.get(name)
    if words is None:
        return ""
    return words.get(str(value)) or words.get("") or IN_FULL
