"""The Core API on runs: list, read, retry, logs, payloads, the queue (facts 2.2 to 2.4)."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from connectors.patchworks.sandbox.answers import ApiRefusal, Asked, Reply, invalid, json_reply
from connectors.patchworks.sandbox.books import Books
from connectors.patchworks.sandbox.core_flows import flow_resource, step_resource, version_resource
from connectors.patchworks.sandbox.engine import Engine
from connectors.patchworks.sandbox.records import PayloadRow, Run, RunLog, ScheduledFlow, TrackedValue
from connectors.patchworks.sandbox.resources import Query, Resource, Shown, matches
from runtime.clock import Instant, to_instant

_US_PER_MS = 1_000
RUN_FILTERS = frozenset(
    {
        *("user_id", "flow_id", "flow_version_id", "virtual_environment_id", "trigger", "status", "search"),
        *("started_before", "started_after", "started_on", "retried", "has_warnings"),
    }
)
RUN_INCLUDES = frozenset(
    {
        *("flowVersion", "flow", "flowRunLogs", "errorWarningLogs", "trackedData", "metrics", "cpuTime"),
        *("payloadSize", "operationsSent", "operationsReceived", "retriedFlowRun", "virtualEnvironmentVersion"),
    }
)
LOG_INCLUDES = frozenset({"flowRunLogMetadata", "flowStep"})
PAYLOAD_FILTERS = frozenset({"id", "flow_run_id", "flow_step_id", "flow_log_id"})
TRACKED_FILTERS = frozenset(
    {"flow_id", "flow_run_id", "step_id", "entity_type_id", "value", "created_before", "created_after"}
)
_US_PER_DAY = 86_400_000_000
_NOTHING: frozenset[str] = frozenset()


class CoreRuns:
    """The operations."""

    def __init__(self, books: Books, engine: Engine, shown: Shown) -> None:
        self._books = books
        self._engine = engine
        self._shown = shown
        self._switches = books.config.switches

    # -- runs ----------------------------------------------------------------------------------------------------------

    async def runs(self, asked: Asked) -> Reply:
        """`GET /flow-runs`."""
        query = self._shown.query(asked, filters=RUN_FILTERS, includes=RUN_INCLUDES, sorts=frozenset({"started_at"}))
        rows = [run for run in self._books.runs.values() if self._is_listed(run) and self._passes(run, query)]
        rows.sort(key=_by_start, reverse=query.sort == "-started_at")
        return self._shown.page(asked, rows, lambda run: self._run(run, query))

    async def run(self, asked: Asked) -> Reply:
        """`GET /flow-runs/{id}`."""
        query = self._shown.query(asked, filters=_NOTHING, includes=RUN_INCLUDES, sorts=_NOTHING)
        return self._shown.single(self._run(self._found(asked), query))

    async def retry(self, asked: Asked) -> Reply:
        """`POST /flow-runs/{id}/retry`: the original version once more; the flow must be enabled (facts 5)."""
        run = self._found(asked)
        if not run.is_over:
            raise invalid("flow_run", "The flow run is not finished.")
        if not self._books.flows[run.flow_id].is_enabled:
            raise invalid("flow", "The flow is not enabled.")
        again = self._run(self._engine.retry(run), Query({}, _NOTHING, ""))
        if self._switches.retry_reply == "flat":
            return json_reply({"id": again.id, **again.fields})
        return self._shown.single(again)

    def _is_listed(self, run: Run) -> bool:
        return run.status != 0 or self._switches.queued_run == "listed"

    def _found(self, asked: Asked) -> Run:
        run = self._books.runs.get(asked.path["run"])
        if run is None or not self._is_listed(run):
            raise ApiRefusal(404)
        return run

    def _passes(self, run: Run, query: Query) -> bool:
        started = run.started_at
        for name, wanted in query.filters.items():
            match name:
                case "started_before":
                    passes = started is not None and started < self._instant(name, wanted)
                case "started_after":
                    passes = started is not None and started > self._instant(name, wanted)
                case "started_on":
                    day = self._instant(name, wanted) // _US_PER_DAY
                    passes = started is not None and started // _US_PER_DAY == day
                case "retried":
                    passes = matches(run.retried_by is not None, wanted)
                case "search":
                    passes = wanted.lower() in f"{run.id} {run.summary}".lower()
                case "flow_version_id":
                    passes = matches(run.version.id, wanted)
                case _:
                    passes = matches(getattr(run, name), wanted)
            if not passes:
                return False
        return True

    def _instant(self, name: str, text: str) -> Instant:
        """Unix milliseconds; ISO 8601 as well, behind the switch. Raises ApiRefusal."""
        if text.isdecimal():
            return Instant(int(text) * _US_PER_MS)
        if self._switches.time_filters == "any":
            with suppress(ValueError):
                moment = datetime.fromisoformat(text)
                return to_instant(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
        raise invalid(name, f"The {name} filter is in Unix milliseconds.")

    def _run(self, run: Run, query: Query) -> Resource:
        linked = run.retry_of if self._switches.retry_link == "on_new" else run.retried_by
        seconds = None
        if run.started_at is not None and run.finished_at is not None:
            seconds = round((run.finished_at - run.started_at) / 1_000_000, 3)
        fields: dict[str, Any] = {
            "status": run.status or 1,
            "trigger": run.trigger,
            "summary": run.summary,
            "started_at": self._shown.time(run.started_at),
            "finished_at": self._shown.time(run.finished_at),
            "duration": seconds,
            "flow_id": run.flow_id,
            "flow_version_id": run.version.id,
            "virtual_environment_id": run.virtual_environment_id,
            "user_id": run.user_id,
            "retry_flow_run_id": None if linked is None else linked.id,
            "has_warnings": run.has_warnings,
            "created_at": self._shown.time(run.queued_at),
            "updated_at": self._shown.time(run.finished_at or run.started_at or run.queued_at),
        }
        counted = {
            "payloadSize": ("payload_size", run.payload_bytes),
            "operationsSent": ("operations_sent", run.operations_sent),
            "operationsReceived": ("operations_received", run.operations_received),
        }
        fields.update({name: value for include, (name, value) in counted.items() if include in query.includes})
        return Resource("flow-runs", run.id, fields, self._related(run, query))

    def _related(self, run: Run, query: Query) -> dict[str, Any]:
        related: dict[str, Any] = {}
        asked_for = {name.split(".")[0] for name in query.includes}
        if "flow" in asked_for:
            related["flow"] = flow_resource(self._books.flows[run.flow_id], self._shown)
        if "flowVersion" in asked_for:
            related["flowVersion"] = version_resource(run.version)
        if "flowRunLogs" in asked_for:
            related["flowRunLogs"] = [self._log(each, ids=False) for each in run.logs]
        if "errorWarningLogs" in asked_for:
            related["errorWarningLogs"] = [self._log(each, ids=False) for each in run.logs if each.level != "info"]
        if "trackedData" in asked_for:
            related["trackedData"] = [self._tracked(each) for each in self._books.tracked if each.run is run]
        if "retriedFlowRun" in asked_for and run.retry_of is not None:
            related["retriedFlowRun"] = self._run(run.retry_of, Query({}, _NOTHING, ""))
        return related

    # -- logs ----------------------------------------------------------------------------------------------------------

    async def logs(self, asked: Asked) -> Reply:
        """`GET /flow-runs/{id}/flow-run-logs`; payload ids only with `load_payload_ids`."""
        query = self._shown.query(asked, filters=_NOTHING, includes=LOG_INCLUDES, sorts=frozenset({"id", "created_at"}))
        self._books.expire()
        rows = sorted(self._found(asked).logs, key=lambda log: log.id, reverse=query.sort.startswith("-"))
        ids = asked.query.get("load_payload_ids", "").lower() in {"true", "1"}
        return self._shown.page(asked, rows, lambda log: self._log(log, ids=ids, query=query), logs=True)

    def _log(self, log: RunLog, *, ids: bool, query: Query | None = None) -> Resource:
        fields: dict[str, Any] = {
            "log_level": log.level,
            "log_message": log.message,
            "flow_step_id": log.step.id,
            "created_at": self._shown.time(log.at),
        }
        if ids:
            fields["payload_metadata_id"] = log.payload_ids[0] if log.payload_ids else None
            if self._switches.log_payloads == "list":
                fields["payload_metadata_ids"] = list(log.payload_ids)
        related: dict[str, Any] = {}
        if query is not None and "flowStep" in query.includes:
            related["flowStep"] = step_resource(log.step)
        if query is not None and "flowRunLogMetadata" in query.includes:
            rows = [self._books.payloads[id_] for id_ in log.payload_ids]
            related["flowRunLogMetadata"] = [self._payload(row) for row in rows]
        return Resource("flow-run-logs", log.id, fields, related)

    # -- payloads ------------------------------------------------------------------------------------------------------

    async def payloads(self, asked: Asked) -> Reply:
        """`GET /payload-metadata`."""
        query = self._shown.query(asked, filters=PAYLOAD_FILTERS, includes=_NOTHING, sorts=_NOTHING)
        self._books.expire()
        wanted = query.filters
        rows = [
            row
            for row in self._books.payloads.values()
            if ("id" not in wanted or matches(row.id, wanted["id"]))
            and ("flow_run_id" not in wanted or matches(row.run.id, wanted["flow_run_id"]))
            and ("flow_step_id" not in wanted or matches(row.step.id, wanted["flow_step_id"]))
            and ("flow_log_id" not in wanted or matches(row.log_id, wanted["flow_log_id"]))
        ]
        return self._shown.page(asked, rows, self._payload)

    def _payload(self, row: PayloadRow) -> Resource:
        fields = {
            "flow_version_id": row.run.version.id,
            "flow_step_id": row.step.id,
            "flow_run_id": row.run.id,
            "payload_store_reference": f"payloads/{row.id}",
            "payload_size": row.size,
            "dropped": row.dropped and self._switches.dropped_marks != "never",
            "created_at": self._shown.time(row.at),
            "updated_at": self._shown.time(row.at),
        }
        return Resource("payload-metadata", row.id, fields)

    async def download(self, asked: Asked) -> Reply:
        """`GET /payload-metadata/{id}/download`: the bytes as they were, with their own Content-Type."""
        self._books.expire()
        row = self._books.payloads.get(_number(asked.path["payload"]))
        if row is None:
            raise ApiRefusal(404)
        if row.item is None:
            if self._switches.expired_payload == "empty":
                return Reply()
            raise ApiRefusal(int(self._switches.expired_payload))
        return Reply(row.item.body, content_type=row.item.content_type)

    # -- the queue, and tracked values ---------------------------------------------------------------------------------

    async def scheduled(self, asked: Asked) -> Reply:
        """`GET /scheduled-flows`: runs that wait."""
        filters = frozenset({"status", "flow_version_id"})
        query = self._shown.query(
            asked, filters=filters, includes=frozenset({"flow", "flowVersion", "payloadMetadata"}), sorts=_NOTHING
        )
        rows = [
            row
            for row in self._books.scheduled.values()
            if matches(row.run.version.id, query.filters.get("flow_version_id", str(row.run.version.id)))
        ]
        return self._shown.page(asked, rows, lambda row: self._scheduled(row, query))

    def _scheduled(self, row: ScheduledFlow, query: Query) -> Resource:
        run = row.run
        fields = {
            "flow_version_id": run.version.id,
            "virtual_environment_version_id": run.virtual_environment_id,
            "payload_metadata_id": run.payload_ids[0] if run.payload_ids else None,
            "trigger": run.trigger,
            "status": "pending",
            "created_at": self._shown.time(row.at),
        }
        related = {}
        if "flow" in query.includes:
            related["flow"] = flow_resource(self._books.flows[run.flow_id], self._shown)
        return Resource("scheduled-flows", row.id, fields, related)

    async def unschedule(self, asked: Asked) -> Reply:
        """`DELETE /scheduled-flows/{id}`: a run that waits will not run."""
        row = self._books.scheduled.get(_number(asked.path["scheduled"]))
        if row is None:
            raise ApiRefusal(404)
        self._engine.stop(row.run)
        return Reply(status=204)

    async def tracked(self, asked: Asked) -> Reply:
        """`GET /tracked-data`."""
        query = self._shown.query(asked, filters=TRACKED_FILTERS, includes=_NOTHING, sorts=_NOTHING)
        self._books.expire()
        rows = [row for row in self._books.tracked if _is_wanted(row, query)]
        return self._shown.page(asked, rows, self._tracked)

    def _tracked(self, row: TrackedValue) -> Resource:
        fields = {
            "value": row.value,
            "direction": "Send",
            "success": row.success,
            "sent_count": 1,
            "received_count": 0,
            "flow_id": row.run.flow_id,
            "flow_run_id": row.run.id,
            "step_id": row.step.id,
            "created_at": self._shown.time(row.at),
        }
        return Resource("tracked-data", row.id, fields)


def _is_wanted(row: TrackedValue, query: Query) -> bool:
    found = {
        "flow_id": row.run.flow_id,
        "flow_run_id": row.run.id,
        "step_id": row.step.id,
        "value": row.value,
    }
    return all(matches(found[name], wanted) for name, wanted in query.filters.items() if name in found)


def _by_start(run: Run) -> tuple[int, int]:
    return run.started_at or run.queued_at, run.number


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else -1
