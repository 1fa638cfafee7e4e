"""The Core API on flows: list, versions, steps, and what can trigger them (facts 2.1 and 2.4)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from connectors.patchworks.sandbox.answers import ApiRefusal, Asked, Reply, invalid, object_of
from connectors.patchworks.sandbox.books import Books
from connectors.patchworks.sandbox.flow_config import FlowSeed
from connectors.patchworks.sandbox.records import Flow, FlowVersion, Step
from connectors.patchworks.sandbox.resources import Query, Resource, Shown

FLOW_INCLUDES = frozenset(
    {
        *("latestVersion", "deployedVersion", "currentVersion", "versions", "labels", "webhooks", "callbacks"),
        *("notificationGroups", "messageBrokers", "messageBrokerQueues", "deployments"),
    }
)
STEP_INCLUDES = frozenset(
    {
        *("endpoint", "connector", "filters", "parentFlowStep", "routes", "variables", "scriptVersion", "cache"),
        "notificationGroup",
    }
)
_NOTHING: frozenset[str] = frozenset()


def flow_resource(flow: Flow, shown: Shown) -> Resource:
    """A flow's own fields."""
    deployed = flow.deployed is not None
    fields: dict[str, Any] = {
        "name": flow.seed.name or f"Flow {flow.id}",
        "description": "",
        "is_enabled": flow.is_enabled,
        "enabled_at": shown.time(flow.updated_at) if flow.is_enabled else None,
        "status": "Deployed" if deployed and flow.is_enabled else "Inactive" if deployed else "Draft",
        "format": "json",
        "deployed_at": shown.time(flow.updated_at) if deployed else None,
        "created_at": shown.time(flow.created_at),
        "updated_at": shown.time(flow.updated_at),
    }
    return Resource("flows", flow.id, fields)


def version_resource(version: FlowVersion) -> Resource:
    """A version of a flow."""
    return Resource("flow-versions", version.id, {"flow_id": version.flow_id, "version": version.number})


def step_resource(step: Step) -> Resource:
    """A shape of a version."""
    fields = {"name": step.name, "microservice": step.microservice, "direction": step.direction or None}
    return Resource("flow-steps", step.id, fields)


class CoreFlows:
    """The operations."""

    def __init__(self, books: Books, shown: Shown) -> None:
        self._books = books
        self._shown = shown

    async def flows(self, asked: Asked) -> Reply:
        """`GET /flows`. Filters exist and are not public: `id` and `name` are taken here."""
        query = self._shown.query(
            asked, filters=frozenset({"id", "name"}), includes=FLOW_INCLUDES, sorts=frozenset({"id", "name"})
        )
        rows = [
            flow
            for flow in self._books.flows.values()
            if str(flow.id) in query.filters.get("id", str(flow.id)).split(",")
            and query.filters.get("name", "").lower() in flow.seed.name.lower()
        ]
        return self._shown.page(asked, rows, lambda flow: self._flow(flow, query))

    async def flow(self, asked: Asked) -> Reply:
        """`GET /flows/{id}`."""
        query = self._shown.query(asked, filters=_NOTHING, includes=FLOW_INCLUDES, sorts=_NOTHING)
        return self._shown.single(self._flow(self._found(asked), query))

    async def take_in(self, asked: Asked) -> Reply:
        """`POST /flows/import` with `metadata`, `flow` and `systems`: a draft that cannot do anything yet, 201.

        The official client had it until April 2026; whether the endpoint is still there is not known.
        """
        wanted = object_of(asked)
        described = wanted.get("flow")
        name = described.get("name") if isinstance(described, dict) else None
        if not isinstance(name, str) or not isinstance(wanted.get("metadata"), dict):
            raise invalid("flow", "The flow field is required.")
        seed = FlowSeed(id=max(self._books.flows, default=0) + 1, name=name, is_enabled=False, is_deployed=False)
        return self._shown.single(flow_resource(self._books.add_flow(seed), self._shown), HTTPStatus.CREATED)

    async def versions(self, asked: Asked) -> Reply:
        """`GET /flows/{id}/flow-versions`."""
        return self._shown.page(asked, self._found(asked).versions, version_resource)

    async def steps(self, asked: Asked) -> Reply:
        """`GET /flow-versions/{id}/steps`."""
        self._shown.query(asked, filters=_NOTHING, includes=STEP_INCLUDES, sorts=_NOTHING)
        version = self._books.versions.get(_number(asked.path["version"]))
        if version is None:
            raise ApiRefusal(404)
        return self._shown.page(asked, version.steps, step_resource)

    def _found(self, asked: Asked) -> Flow:
        flow = self._books.flows.get(_number(asked.path["flow"]))
        if flow is None:
            raise ApiRefusal(404)
        return flow

    def _flow(self, flow: Flow, query: Query) -> Resource:
        shown = flow_resource(flow, self._shown)
        asked_for = {name.split(".")[0] for name in query.includes}
        related: dict[str, Any] = {}
        for include, version in (
            ("latestVersion", flow.versions[-1]),
            ("currentVersion", flow.versions[-1]),
            ("deployedVersion", flow.deployed),
        ):
            if include in asked_for:
                related[include] = None if version is None else self._version(version, f"{include}.steps", query)
        if "versions" in asked_for:
            related["versions"] = [version_resource(each) for each in flow.versions]
        webhook, callback = flow.seed.webhook, flow.seed.callback
        if "webhooks" in asked_for:
            related["webhooks"] = [] if webhook is None else [Resource("webhooks", webhook.id, {})]
        if "callbacks" in asked_for:
            related["callbacks"] = [] if callback is None else [Resource("callbacks", callback.id, {})]
        for name in asked_for & FLOW_INCLUDES - related.keys():
            related[name] = []
        return Resource(shown.type, shown.id, shown.fields, related)

    def _version(self, version: FlowVersion, include: str, query: Query) -> Resource:
        shown = version_resource(version)
        if include not in query.includes:
            return shown
        return Resource(shown.type, shown.id, shown.fields, {"steps": [step_resource(each) for each in version.steps]})


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else -1
