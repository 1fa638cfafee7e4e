"""What can be found out about a company's Patchworks by reading alone.

Sources of the questions: what the facts about Patchworks leave open (shapes, paging, filters, retention, limits). What
is looked at are runs that are there already; where there are none, nothing is found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from connectors.capability import Finding, not_found
from connectors.http import Answer
from connectors.patchworks.probe_company import ProbedPatchworks, failure_of, json_of, per_min, plain, read, remaining
from connectors.patchworks.wire import log_line_of, moment, payload_row_of, run_of, text_id
from connectors.probe import Item, limited_in_a_burst
from runtime.clock import to_datetime
from runtime.errors import Failure

Findings = Mapping[str, Finding]

_RUNS_LOOKED_AT: Final = 5
_ROWS_LOOKED_AT: Final = 6
_KEPT_H: Final = 72
_SLACK_H: Final = 2
_BURST_MAX: Final = 300
_LISTS: Final = (
    *("flows", "flow-runs", "payload-metadata", "scheduled-flows", "tracked-data", "data-pool"),
    *("cross-reference-lookups", "agents/conversations"),
)
"""Every list whose path is publicly known or likely."""
_PLAIN_LISTS: Final = ("payload-metadata", "tracked-data", "data-pool", "cross-reference-lookups", "scheduled-flows")
_TIMES: Final = (
    ("fraction", re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")),
    ("whole", re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")),
    ("space", re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")),
)
_LARGEST: Final = re.compile(r"(?:greater than|exceed|at most|max\w*)\D*(\d+)", re.IGNORECASE)


async def _newest(company: ProbedPatchworks, **query: str) -> list[dict[str, Any]]:
    return await company.rows("flow-runs", sort="-started_at", page="1", per_page="100", **query)


# -- forms -------------------------------------------------------------------------------------------------------------


async def _auth(company: ProbedPatchworks) -> Findings:
    await company.alive()
    used = company.config.auth
    return {"auth": Finding(value=used, how="configured", evidence=f"The configured way, {used}, was taken.")}


async def _style(company: ProbedPatchworks) -> Findings:
    runs = await _newest(company) or await company.rows("flows", page="1")
    if not runs:
        return {}
    if not _has_attributes(runs[0]):
        return {"resource_style": read("flat", "A run, or a flow, has its fields beside its id.")}
    for path in _PLAIN_LISTS:
        try:
            rows = await company.rows(path, page="1")
        except Failure:
            continue
        if rows:
            style = "attributes" if _has_attributes(rows[0]) else "mixed"
            return {"resource_style": read(style, f"A run has `attributes`, a row of {path} as told.")}
    return {}


def _has_attributes(row: dict[str, Any]) -> bool:
    return isinstance(row.get("attributes"), dict)


async def _run_forms(company: ProbedPatchworks) -> Findings:
    rows = await _newest(company)
    if not rows:
        return {}
    id_ = text_id(rows[0].get("id"))
    found = {"run_id": read("integer" if id_.isdecimal() else "text", "So is the id of a run.")}
    times = [str(text) for row in rows if (text := plain(row).get("started_at")) is not None]
    if times:
        form = next((name for name, pattern in _TIMES if pattern.fullmatch(times[0])), "other")
        found["time_format"] = read(form, "So is the started_at of a run.")
    return found


async def _logs(company: ProbedPatchworks) -> Findings:
    for row in (await _newest(company))[:_RUNS_LOOKED_AT]:
        query = {"sort": "id", "include": "flowRunLogMetadata", "load_payload_ids": "true", "page": "1"}
        lines = [plain(line) for line in await company.rows(f"flow-runs/{row['id']}/flow-run-logs", **query)]
        if any("payload_metadata_ids" in line for line in lines):
            return {"log_payloads": read("list", "A line of a run's log has payload_metadata_ids.")}
        if any(line.get("payload_metadata_id") is not None for line in lines):
            return {"log_payloads": read("single", "Lines of a run's log have payload_metadata_id alone.")}
    return {}


async def _retry_links(company: ProbedPatchworks) -> Findings:
    runs = [plain(row) for row in await _newest(company)]
    linked = {str(run.get("trigger", "")).lower() == "retry" for run in runs if run.get("retry_flow_run_id")}
    if not linked:
        return {}
    value = "both" if len(linked) > 1 else ("on_new" if True in linked else "on_original")
    return {"retry_link": read(value, "Runs that are retries, and their originals, were looked at.")}


async def _caught(company: ProbedPatchworks) -> Findings:
    rows = await _newest(company, include="errorWarningLogs", filter_status="2")
    runs = [run for run in map(run_of, filter(None, map(plain, rows))) if run.has_errors]
    if not runs:
        return {}
    value = "set" if runs[0].has_warnings else "unset"
    return {"caught_has_warnings": read(value, "A run that succeeded has errors in its log.")}


# -- lists -------------------------------------------------------------------------------------------------------------


async def _pages(company: ProbedPatchworks) -> Findings:
    found: dict[str, Finding] = {}
    usual = _meta(await company.core("flow-runs", page="1")).get("per_page")
    if isinstance(usual, int):
        found["per_page_default"] = read(usual, "So says a list when no size is asked for.")
    answer = await company.core("flow-runs", page="1", per_page="1000")
    if answer.status == HTTPStatus.OK:
        got = _meta(answer).get("per_page")
        if isinstance(got, int):
            found["per_page_overflow"] = read("clamped", f"Asked for 1,000 rows, a page has {got}.")
            found["per_page_max"] = read(got, f"Asked for 1,000 rows, a page has {got}.")
        return found
    found["per_page_overflow"] = read("refused", f"Asked for 1,000 rows: {failure_of(answer)}")
    told = _LARGEST.search(answer.body.decode("utf-8", "replace"))
    if told is not None:
        found["per_page_max"] = read(int(told[1]), "The refusal of 1,000 rows says so.")
    return found


def _meta(answer: Answer) -> dict[str, Any]:
    content = json_of(answer)
    meta = content.get("meta") if isinstance(content, dict) else None
    return meta if isinstance(meta, dict) else {}


async def _queries(company: ProbedPatchworks) -> Findings:
    answer = await company.core("flow-runs", page="1", filter_seamline_probe="1")
    found = {
        "unknown_query": read(
            "ignored" if answer.status == HTTPStatus.OK else "refused", f"It met HTTP {answer.status}."
        )
    }
    rows = await _newest(company)
    latest = moment(plain(rows[0]).get("started_at")) if rows else None
    if latest is not None:
        after_ms = str(int((latest + timedelta(hours=1)).timestamp() * 1000))
        later = await _newest(company, filter_started_after=after_ms)
        said = f"Runs an hour after the latest were asked for, and {len(later)} came."
        found["run_filters"] = read("ignored" if later else "honoured", said)
        iso = await company.core("flow-runs", page="1", filter_started_after=latest.isoformat())
        taken = "taken" if iso.status == HTTPStatus.OK else "refused"
        found["iso_times"] = read(taken, f"A filter by an ISO time met HTTP {iso.status}.")
    return found


async def _rights(company: ProbedPatchworks) -> Findings:
    """What is there to be read; a list that is refused tells what a lack of rights looks like."""
    met: dict[str, int] = {}
    for path in _LISTS:
        met[path] = (await company.core(path, page="1", per_page="1")).status
    denied = {path: got for path, got in met.items() if got in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)}
    found = {
        name: read("readable" if met[path] == HTTPStatus.OK else "refused", f"{path} met HTTP {met[path]}.")
        for name, path in (("queue", "scheduled-flows"), ("tracked", "tracked-data"))
    }
    if denied:
        path, got = next(iter(denied.items()))
        return {**found, "restricted": read(str(got), f"{path} met HTTP {got}, and other lists were answered.")}
    return {**found, "restricted": read("none_met", f"None of {len(met)} lists was refused for want of rights.")}


async def _payloads(company: ProbedPatchworks) -> Findings:
    """Payloads of the oldest runs and of the newest: which are still there, and how it is said that one is not."""
    now = to_datetime(company.clock.now())
    oldest = await company.rows("flow-runs", sort="started_at", page="1", per_page="100")
    runs = [*oldest[:_RUNS_LOOKED_AT], *(await _newest(company))[:_RUNS_LOOKED_AT]]
    gone: dict[float, str] = {}
    kept: list[float] = []
    for row in runs:
        began = moment(plain(row).get("started_at"))
        payloads = await company.rows("payload-metadata", filter_flow_run_id=text_id(row.get("id")), page="1")
        if began is None or not payloads:
            continue
        answer = await company.core(f"payload-metadata/{text_id(payloads[0].get('id'))}/download")
        age_h = (now - began).total_seconds() / 3_600
        if answer.status == HTTPStatus.OK and answer.body:
            kept.append(age_h)
        elif answer.status in (HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            gone[age_h] = "empty" if answer.status == HTTPStatus.OK else str(answer.status)
    return _retention(gone, kept)


def _retention(gone: Mapping[float, str], kept: list[float]) -> Findings:
    found: dict[str, Finding] = {}
    if gone:
        age_h, value = max(gone.items())
        found["payload_gone"] = read(value, f"So it was for a payload {age_h:.0f} h old.")
    said = f"The oldest that is there is {max(kept, default=0):.0f} h old, the youngest that is not {{}} h."
    if any(age < _KEPT_H - _SLACK_H for age in gone):
        found["payload_retention"] = read("shorter", said.format(f"{min(gone):.0f}"))
    elif any(age > _KEPT_H + _SLACK_H for age in kept):
        found["payload_retention"] = read("longer", said.format("no known number of"))
    elif gone:
        found["payload_retention"] = read("as_documented", said.format(f"{min(gone):.0f}"))
    return found


async def _dropped(company: ProbedPatchworks) -> Findings:
    """Whether a failed payload that is still there is marked, and whether one that is gone is."""
    oldest = await company.rows("flow-runs", sort="started_at", page="1", per_page="100")
    runs = {text_id(row.get("id")) for row in (*oldest[:_RUNS_LOOKED_AT], *(await _newest(company))[:_RUNS_LOOKED_AT])}
    failed: list[bool] = []
    gone: list[bool] = []
    marked = False
    for run_id in sorted(runs):
        errors = await _failed_ids(company, run_id)
        for row in (await company.rows("payload-metadata", filter_flow_run_id=run_id, page="1"))[:_ROWS_LOOKED_AT]:
            payload = payload_row_of(plain(row))
            marked |= payload.dropped
            answer = await company.core(f"payload-metadata/{payload.id}/download")
            if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
                gone.append(payload.dropped)
            elif payload.id in errors:
                failed.append(payload.dropped)
    if any(failed):
        return {"dropped_marks": read("failed_too", "A payload that failed, and is still there, is marked.")}
    if marked:
        return {"dropped_marks": read("filtered", f"Of {len(failed)} that failed none is marked, and others are.")}
    return {"dropped_marks": read("never", "Payloads that are gone are not marked.")} if gone else {}


async def _failed_ids(company: ProbedPatchworks, run_id: str) -> frozenset[str]:
    query = {"sort": "id", "include": "flowRunLogMetadata", "load_payload_ids": "true", "page": "1", "per_page": "100"}
    lines = map(log_line_of, filter(None, map(plain, await company.rows(f"flow-runs/{run_id}/flow-run-logs", **query))))
    return frozenset(id_ for line in lines if line.is_error for id_ in line.payload_ids)


# -- limits ------------------------------------------------------------------------------------------------------------


async def _limit(company: ProbedPatchworks) -> Findings:
    told = per_min(await company.core("flows", page="1", per_page="1"))
    if told is None:
        return {"calls_per_min": read("not_told", "No answer had X-RateLimit-Limit.")}
    return {
        "calls_per_min": read(told, f"X-RateLimit-Limit said {told} per minute."),
        "limit_headers": read("always", "An answer within the limit had X-RateLimit-Limit."),
    }


async def _scope(company: ProbedPatchworks) -> Findings:
    """Two keys in turn: where they share a limit, each call of one takes from what is left for the other."""
    if company.settings.second_token is None:
        return {"limit_scope": not_found("patchworks.probe.second_token is not set")}
    calls = (company.core, company.core_as_second, company.core)
    first, other, again = [remaining(await call("flows", page="1")) for call in calls]
    if first is None or other is None or again is None:
        return {"limit_scope": not_found("no answer tells what is left of the limit")}
    shared = other < first and again < other and first - again == 2  # noqa: PLR2004 - one for each key
    value = "company" if shared else "key"
    return {"limit_scope": read(value, f"Left with the first key, the second, the first: {first}, {other}, {again}.")}


async def _burst(company: ProbedPatchworks) -> Findings:
    limited = await limited_in_a_burst(company.hurried, calls_max=_BURST_MAX)
    if per_min(limited) is not None:
        return {"limit_headers": read("always", "A 429 had X-RateLimit-Limit.")}
    told = "Retry-After" in limited.headers
    said = f"A 429 came {'with' if told else 'without'} Retry-After, and without X-RateLimit-Limit."
    return {"limit_headers": read("on_429" if told else "none", said)}


# -- the list ----------------------------------------------------------------------------------------------------------


def _item(find: Any, asks: str, *finds: str) -> Item[ProbedPatchworks]:
    return Item(finds=finds, asks=asks, find=find)


READS: Final[tuple[Item[ProbedPatchworks], ...]] = (
    _item(_auth, "the list of runs, as configured", "auth"),
    _item(
        _pages, "a page of runs of no size, and one of 1,000", "per_page_default", "per_page_max", "per_page_overflow"
    ),
    _item(
        _queries, "runs by a filter that nobody knows, and by their time", "unknown_query", "run_filters", "iso_times"
    ),
    _item(_rights, f"one row each of {len(_LISTS)} lists", "queue", "tracked", "restricted"),
    _item(_limit, "one call, for its headers", "calls_per_min", "limit_headers"),
    _item(_scope, "three calls with two keys", "limit_scope"),
)
"""What can be read of a company that does nothing."""

OF_RUNS: Final[tuple[Item[ProbedPatchworks], ...]] = (
    _item(_style, "the newest runs, and a row of another list", "resource_style"),
    _item(_run_forms, "the newest runs", "run_id", "time_format"),
    _item(_logs, "the logs of five runs", "log_payloads"),
    _item(_retry_links, "the newest runs, for retries among them", "retry_link"),
    _item(_caught, "successful runs with errors in their logs", "caught_has_warnings"),
    _item(_dropped, "the payloads of the five oldest and newest runs", "dropped_marks"),
    _item(_payloads, "a payload each of the five oldest and newest runs", "payload_gone", "payload_retention"),
    Item(
        finds=("limit_headers",),
        asks=f"up to {_BURST_MAX} calls at once, until one is answered with 429",
        find=_burst,
        effect="bursts",
    ),
)
"""What can be read only where there are runs: asked after the writes, which make some."""
