"""The Start API: `POST /flows/{flow}/start[/raw][/{version}]` and its manual twins (facts 2.5).

Always asynchronous: the reply precedes the run, and there is no idempotency key. `start/raw` takes an object as the
body; the older `start` takes `{"payload": "<text>"}` and refuses anything but text in it. No body at all is allowed.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from connectors.patchworks.sandbox.answers import ApiRefusal, Asked, Reply, invalid, json_reply
from connectors.patchworks.sandbox.books import Books
from connectors.patchworks.sandbox.engine import Engine
from connectors.patchworks.sandbox.records import Flow, FlowVersion, Item, Run

INITIALISED = "Flow initialised."


class Start:
    """The operations."""

    def __init__(self, books: Books, engine: Engine) -> None:
        self._books = books
        self._engine = engine
        self._switches = books.config.switches

    async def raw(self, asked: Asked) -> Reply:
        """A start whose body is the payload."""
        return self._started(asked, self._raw_item(asked), manual=False)

    async def standard(self, asked: Asked) -> Reply:
        """A start whose payload is text inside an object."""
        return self._started(asked, self._text_item(asked), manual=False)

    async def manual_raw(self, asked: Asked) -> Reply:
        """As `raw`, by hand: a disabled flow runs, too."""
        return self._started(asked, self._raw_item(asked), manual=True)

    async def manual(self, asked: Asked) -> Reply:
        """As `standard`, by hand."""
        return self._started(asked, self._text_item(asked), manual=True)

    def _started(self, asked: Asked, item: Item | None, *, manual: bool) -> Reply:
        flow = self._flow(asked)
        version = self._version(asked, flow)
        if not manual and not flow.is_enabled and self._switches.start_disabled == "refuse":
            raise invalid("flow", "The flow is not enabled.")
        environment = asked.query.get("virtual_environment_id")
        run = self._engine.trigger(
            flow,
            "Manual" if manual else "API",
            item,
            version=version,
            virtual_environment_id=int(environment) if environment and environment.isdecimal() else None,
            variables=_variables(asked),
        )
        return json_reply(self._reply(run), self._switches.start_status)

    def _flow(self, asked: Asked) -> Flow:
        text = asked.path["flow"]
        flow = self._books.flows.get(int(text)) if text.isdecimal() else None
        if flow is None:
            raise ApiRefusal(404)
        return flow

    def _version(self, asked: Asked, flow: Flow) -> FlowVersion:
        """The version that is named, else the deployed one. Raises ApiRefusal when there is none."""
        named = asked.path.get("version")
        if named is not None:
            version = next((each for each in flow.versions if str(each.id) == named), None)
            if version is None:
                raise ApiRefusal(404)
            return version
        if flow.deployed is None:
            raise invalid("flow_version", "The flow has no deployed version.")
        return flow.deployed

    def _raw_item(self, asked: Asked) -> Item | None:
        if not asked.body.strip():
            return None
        try:
            content = msgspec.json.decode(asked.body)
        except msgspec.DecodeError:
            raise invalid("payload", "The payload is not valid JSON.") from None
        is_array = isinstance(content, list) and self._switches.raw_array == "accept"
        if not isinstance(content, dict) and not is_array:
            raise invalid("payload", "The payload must be an object.")
        return Item(asked.body, (_key(asked.body),))

    def _text_item(self, asked: Asked) -> Item | None:
        if not asked.body.strip():
            return None
        try:
            content: Any = msgspec.json.decode(asked.body)
        except msgspec.DecodeError:
            raise invalid("payload", "The payload is not valid JSON.") from None
        if self._switches.standard_start == "bare_object" and isinstance(content, dict) and "payload" not in content:
            return Item(asked.body, (_key(asked.body),))
        payload = content.get("payload") if isinstance(content, dict) else None
        if not isinstance(payload, str) or not payload:
            raise invalid("payload", "The payload field must be a string.")
        body = payload.encode()
        kind = "application/json" if payload.lstrip()[:1] in {"{", "["} else "text/plain"
        return Item(body, (_key(body),), kind)

    def _reply(self, run: Run) -> dict[str, Any]:
        match self._switches.start_reply:
            case "flow_run_id":
                return {"message": INITIALISED, "flow_run_id": run.id}
            case "id":
                return {"message": INITIALISED, "id": run.id}
            case "data.id":
                return {"message": INITIALISED, "data": {"id": run.id}}
            case "data.flow_run_id":
                return {"message": INITIALISED, "data": {"flow_run_id": run.id}}
            case _:
                return {"message": INITIALISED}


def _variables(asked: Asked) -> dict[str, object]:
    """`flow_variables`: a JSON object as text. Raises ApiRefusal."""
    text = asked.query.get("flow_variables")
    if not text:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except msgspec.DecodeError:
        raise invalid("flow_variables", "The flow variables must be a JSON object.") from None


def _key(body: bytes) -> str:
    """What stands for a payload in books and fault plans."""
    return hashlib.blake2b(body, digest_size=12).hexdigest()
