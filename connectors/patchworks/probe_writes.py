"""What can only be found out by starting flows: those that the configuration names for it, in a sandbox company.

A run cannot be taken back, so every payload bears the probe's mark, and what was started is told. Which flows may be
started is named one by one; where none is, nothing is found and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Literal

import anyio
import msgspec
from yarl import URL

from connectors.capability import Finding, not_found
from connectors.http import Answer
from connectors.patchworks.config import CallbackTarget, WebhookTarget
from connectors.patchworks.probe_company import (
    ProbedPatchworks,
    failure_of,
    json_of,
    per_min,
    plain,
    remaining,
    status,
    succeeded,
    written,
)
from connectors.patchworks.triggers import HMAC_HEADER, signature_of
from connectors.patchworks.wire import moment, text_id
from connectors.probe import Item, Left
from runtime.errors import Refused

Findings = Mapping[str, Finding]

_SIGNATURE: Final = "patchworks_signature"
_SIGNATURE_HEADER: Final = "patchworks-signature"
_WRONG: Final = "seamline-probe-wrong"
_OVER: Final = (2, 3, 4, 5)
_LOOKS_MAX: Final = 20
_LOOK_EVERY_S: Final = 0.5
_REPLIES: Final = (("flow_run_id",), ("id",), ("data", "id"), ("data", "flow_run_id"))


# -- starts ------------------------------------------------------------------------------------------------------------


def _flow(company: ProbedPatchworks) -> str:
    """The flow that may be started. Raises Refused when none is named."""
    if company.settings.flow_id is None:
        raise Refused("patchworks.probe.flow_id is not set, so nothing was started", code="not_set")
    return company.settings.flow_id


async def _start(company: ProbedPatchworks) -> Findings:
    flow_id = _flow(company)
    before = remaining(await company.core("flows", page="1", per_page="1"))
    answer = await company.start(flow_id, company.payload())
    if not succeeded(answer):
        raise failure_of(answer, is_write=True)
    place, run_id = _run_id(json_of(answer))
    found = {
        "start_status": written(status(answer), f"A start met HTTP {answer.status}."),
        "start_reply": written(place, "So the reply to a start has the run's id."),
    }
    if run_id:
        company.run_ids.append(run_id)
        found |= await _waiting(company, run_id)
    after = remaining(await company.core("flows", page="1", per_page="1"))
    if before is not None and after is not None:
        found["start_shares_core"] = _shared(before - after - len(company.run_ids))
    return found


def _shared(taken: int) -> Finding:
    """`taken`: how much of the limit is gone beyond the reads in between."""
    if taken == 2:  # noqa: PLR2004 - the start, and the last read
        return written("yes", "What is left for the Core API fell by one more than the reads.")
    if taken == 1:
        return written("no", "What is left for the Core API fell by the reads alone.")
    return not_found("somebody else calls at the same time, so what is left tells nothing")


def _run_id(content: Any) -> tuple[str, str]:
    for path in _REPLIES:
        value = content
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if text_id(value):
            return ".".join(path), text_id(value)
    return "message_only", ""


async def _waiting(company: ProbedPatchworks, run_id: str) -> dict[str, Finding]:
    """Look at the run at once: it may wait still."""
    answer = await company.core(f"flow-runs/{run_id}")
    if answer.status == HTTPStatus.NOT_FOUND:
        return {"queued_run": written("hidden", "Right after its start a run could not be read.")}
    content = json_of(answer)
    run = plain(content["data"]) if succeeded(answer) and isinstance(content, dict) and "data" in content else {}
    if run and run.get("started_at") is None:
        return {"queued_run": written("listed", "Right after its start a run could be read, and had not begun.")}
    return {"queued_run": not_found("the run had begun before it could be looked at")}


async def _taken(company: ProbedPatchworks, flow_id: str, content: Any, form: str = "start/raw") -> Answer:
    answer = await company.start(flow_id, content, form)
    _, run_id = _run_id(json_of(answer))
    if succeeded(answer) and run_id:
        company.run_ids.append(run_id)
    return answer


async def _array(company: ProbedPatchworks) -> Findings:
    answer = await _taken(company, _flow(company), [company.payload()])
    return {"raw_array": _yes_no(answer, "accepted", "a start with a bare array")}


async def _payload_form(company: ProbedPatchworks) -> Findings:
    text = msgspec.json.encode(company.payload()).decode()
    answer = await _taken(company, _flow(company), {"payload": text}, "start")
    return {"start_payload_form": _yes_no(answer, "taken", "a start with its payload as text")}


async def _bare_object(company: ProbedPatchworks) -> Findings:
    answer = await _taken(company, _flow(company), company.payload(), "start")
    return {"start_bare_object": _yes_no(answer, "taken", "an older start with a bare object")}


async def _disabled(company: ProbedPatchworks) -> Findings:
    if company.settings.disabled_flow_id is None:
        return {"start_disabled": not_found("patchworks.probe.disabled_flow_id is not set")}
    answer = await _taken(company, company.settings.disabled_flow_id, company.payload())
    return {"start_disabled": _yes_no(answer, "runs", "the start of a disabled flow")}


def _yes_no(answer: Answer, yes: str, what: str) -> Finding:
    if succeeded(answer):
        return written(yes, f"It was tried: {what} met HTTP {answer.status}.")
    failure = failure_of(answer, is_write=True)
    if not isinstance(failure, Refused):
        raise failure
    return written("refused", f"It was tried: {what}: {failure}")


async def _retry(company: ProbedPatchworks) -> Findings:
    run_id = await _finished(company)
    answer = await company.post(f"flow-runs/{run_id}/retry")
    if not succeeded(answer):
        raise failure_of(answer, is_write=True)
    content = json_of(answer)
    inner = content.get("data") if isinstance(content, dict) else None
    shape = "data" if isinstance(inner, dict) else ("flat" if isinstance(content, dict) and content else "empty")
    found = {"retry_reply": written(shape, f"A retry met HTTP {answer.status}.")}
    new_id = text_id((inner if isinstance(inner, dict) else content or {}).get("id"))
    if new_id and new_id != run_id:
        company.run_ids.append(new_id)
        found |= await _linked(company, run_id, new_id)
    return found


async def _finished(company: ProbedPatchworks) -> str:
    """A run of this probe that is over. Raises Refused when none is in time."""
    flow_id = _flow(company)
    for _ in range(_LOOKS_MAX):
        rows = await company.rows("flow-runs", sort="-started_at", filter_flow_id=flow_id, page="1")
        for row in rows:
            id_ = text_id(row.get("id"))
            if (id_ in company.run_ids or not company.run_ids) and plain(row).get("status") in _OVER:
                return id_
        await anyio.sleep(_LOOK_EVERY_S)
    raise Refused("no run of the probe's flow was over in time", code="not_over")


async def _linked(company: ProbedPatchworks, old_id: str, new_id: str) -> dict[str, Finding]:
    links: dict[str, str] = {}
    for _ in range(_LOOKS_MAX):
        for id_ in (old_id, new_id):
            content = json_of(await company.core(f"flow-runs/{id_}"))
            row = content.get("data") if isinstance(content, dict) else None
            links[id_] = text_id(plain(row).get("retry_flow_run_id")) if isinstance(row, dict) else ""
        if any(links.values()):
            break
        await anyio.sleep(_LOOK_EVERY_S)
    on_new, on_original = links[new_id] == old_id, links[old_id] == new_id
    if not (on_new or on_original):
        return {}
    value = "both" if on_new and on_original else ("on_new" if on_new else "on_original")
    return {"retry_link": written(value, "A run of the probe was retried, and both were read.")}


# -- triggers ----------------------------------------------------------------------------------------------------------


def _webhook(company: ProbedPatchworks, name: str) -> WebhookTarget:
    """The webhook of that name. Raises Refused when there is none."""
    target = company.config.webhooks.get(name)
    if target is None:
        raise Refused("no such webhook is named in patchworks.probe and patchworks.api.webhooks", code="not_set")
    return target


async def _sent(company: ProbedPatchworks, target: WebhookTarget, url: URL, **headers: str) -> Answer:
    body = msgspec.json.encode(company.payload())
    signed = dict(headers)
    if target.hmac_secret is not None and HMAC_HEADER not in signed:
        signed[HMAC_HEADER] = signature_of(target.hmac_secret.reveal(), body, target.hmac_encoding)
    return await company.trigger(url, signed, body)


def _url(target: WebhookTarget | CallbackTarget) -> URL:
    return URL(target.url.reveal(), encoded=True)


async def _webhook_hash(company: ProbedPatchworks) -> Findings:
    target = _webhook(company, company.settings.webhook)
    if target.hmac_secret is None:
        return {"hmac_encoding": not_found("the probe's webhook has no HMAC secret")}
    body = msgspec.json.encode(company.payload())
    encodings: tuple[Literal["hex", "base64"], ...] = ("hex", "base64")
    for encoding in encodings:
        named = {HMAC_HEADER: signature_of(target.hmac_secret.reveal(), body, encoding)}
        answer = await company.trigger(_url(target), named, body)
        if succeeded(answer):
            return {"hmac_encoding": written(encoding, f"A webhook signed in {encoding} met HTTP {answer.status}.")}
    raise failure_of(answer, is_write=True)


async def _webhook_limit(company: ProbedPatchworks) -> Findings:
    target = _webhook(company, company.settings.webhook)
    answer = await _sent(company, target, _url(target))
    return {"webhooks_per_min": _limit(answer)}


def _limit(answer: Answer) -> Finding:
    told = per_min(answer)
    if told is None:
        return written("not_told", "The answer had no X-RateLimit-Limit.")
    return written(told, f"X-RateLimit-Limit said {told} per minute.")


async def _signatures(company: ProbedPatchworks) -> Findings:
    target = _webhook(company, company.settings.webhook)
    url = _url(target)
    right = url.query.get(_SIGNATURE)
    if right is None:
        return {}
    wrong = await _sent(company, target, url.update_query({_SIGNATURE: _WRONG}))
    header = await _sent(company, target, url.without_query_params(_SIGNATURE), **{_SIGNATURE_HEADER: right})
    return {
        "bad_signature": written(status(wrong), f"A wrong signature met HTTP {wrong.status}."),
        "webhook_signature_header": _yes_no(header, "taken", "a signature as a header")
        if header.status != HTTPStatus.UNAUTHORIZED
        else written("refused", "A signature as a header met HTTP 401."),
    }


async def _disabled_webhook(company: ProbedPatchworks) -> Findings:
    target = _webhook(company, company.settings.disabled_webhook)
    answer = await _sent(company, target, _url(target))
    return {"refused_trigger": written(status(answer), f"The webhook of a disabled flow met HTTP {answer.status}.")}


async def _called(company: ProbedPatchworks, name: str) -> Answer:
    target = company.config.callbacks.get(name)
    if target is None:
        raise Refused("no such callback is named in patchworks.probe and patchworks.api.callbacks", code="not_set")
    headers = {} if target.signature is None else {_SIGNATURE_HEADER: target.signature.reveal()}
    return await company.trigger(_url(target), headers, msgspec.json.encode(company.payload()))


async def _callback(company: ProbedPatchworks) -> Findings:
    answer = await _called(company, company.settings.callback)
    value = "answers" if answer.status == HTTPStatus.OK else "fails"
    return {
        "callback": written(value, f"It met HTTP {answer.status}."),
        "callbacks_per_min": _limit(answer),
    }


async def _failing_callback(company: ProbedPatchworks) -> Findings:
    answer = await _called(company, company.settings.failing_callback)
    return {"callback_failure": written(status(answer), f"A callback whose flow fails met HTTP {answer.status}.")}


# -- what is left ------------------------------------------------------------------------------------------------------


async def unfinished(company: ProbedPatchworks) -> tuple[Left, ...]:
    """Runs of the probe's flow that wait or are under way. Raises a `Failure`. Reads only."""
    flow_id = company.settings.flow_id
    if flow_id is None:
        return ()
    remedy = "it ends by itself; stop it in the dashboard when it does not"
    left = []
    for row in await company.rows("flow-runs", sort="-started_at", filter_flow_id=flow_id, page="1"):
        run = plain(row)
        if run.get("status") not in _OVER:
            began = moment(run.get("started_at"))
            left.append(Left(what=f"run {text_id(row.get('id'))}", state=f"begun {began or 'never'}", remedy=remedy))
    return tuple(left)


def _item(find: Any, asks: str, *finds: str) -> Item[ProbedPatchworks]:
    return Item(finds=finds, asks=asks, find=find, effect="writes")


WRITES: Final[tuple[Item[ProbedPatchworks], ...]] = (
    _item(
        _start,
        "start the probe's flow, and look at its run",
        *("start_reply", "start_status", "queued_run", "start_shares_core"),
    ),
    _item(_array, "start it with a bare array", "raw_array"),
    _item(_payload_form, "start it in the older form", "start_payload_form"),
    _item(_bare_object, "start it in the older form, with a bare object", "start_bare_object"),
    _item(_disabled, "start the probe's disabled flow", "start_disabled"),
    _item(_retry, "retry a run of the probe's flow, and read both", "retry_reply", "retry_link"),
    _item(_webhook_hash, "send the probe's webhook, signed in hex, then base64", "hmac_encoding"),
    _item(_webhook_limit, "send it once, for its headers", "webhooks_per_min"),
    _item(
        _signatures,
        "send it with a wrong signature, and with the right one as a header",
        *("bad_signature", "webhook_signature_header"),
    ),
    _item(_disabled_webhook, "send the webhook of a disabled flow", "refused_trigger"),
    _item(_callback, "call the probe's callback", "callback", "callbacks_per_min"),
    _item(_failing_callback, "call the callback whose flow fails", "callback_failure"),
)
"""Everything that starting can tell."""
