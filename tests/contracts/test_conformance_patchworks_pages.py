"""The description and the collection that a customer imports into Patchworks are those of the real routes."""

from __future__ import annotations

import ast
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from connectors.patchworks.admission import admission_of, readers_of
from connectors.patchworks.config import IntakeSettings, OAuthClient
from connectors.patchworks.fulfilments import read_fulfilments
from connectors.patchworks.intake import ArrayAccepted, ItemAccepted, intake_routes
from connectors.patchworks.items import RefusalBody
from connectors.patchworks.listings import read_listings
from connectors.patchworks.manifest_pages import ManifestDoor
from connectors.patchworks.manifests import read_orders
from connectors.patchworks.pull import pull_routes
from connectors.patchworks.stock_manifests import read_stock
from connectors.patchworks.tokens import Tokens, token_routes
from flows.formats import FORMATS
from runtime.clock import SystemClock
from runtime.config import Secret
from runtime.delivery import Accept
from runtime.http import application
from tests.architecture.sources import ROOT
from tests.contracts.intake_door import KEY, Shelf, StoppedClock
from tests.integration.running import INTAKE_KEY, running

pytestmark = pytest.mark.anyio

Json = Any
FOLDER = ROOT / "deploy" / "patchworks"
DESCRIPTION: Json = json.loads((FOLDER / "openapi.json").read_text(encoding="utf-8"))
COLLECTION: Json = json.loads((FOLDER / "postman_collection.json").read_text(encoding="utf-8"))
README = (FOLDER / "README.md").read_text(encoding="utf-8")
PAGES = sorted(FOLDER.rglob("*.md"))
PULLED = ("stock", "fulfilments")
_STOCK = """
[patchworks]
token = "file:{directory}/intake.key"
core_url = "http://127.0.0.1:9/core"
start_url = "http://127.0.0.1:9/start"
[sales_channels.web.stock]
locations = [4]
flow = {{ flow_id = "4511" }}
"""
VALUES = {
    "api_key": KEY,
    "client_id": "patchworks",
    "client_secret": "a-secret-of-sixteen",
    "sales_channel": "web",
    "since": "",
}
"""What an instance of the connector would have."""
PAGES_OF_MANIFESTS = ("manifest_pages", "items:body_of", "intake:check_content")
VERBS = {"get", "post", "put", "patch", "delete"}


def operations() -> Iterator[tuple[str, str, Json]]:
    """Method, path and description of each operation."""
    for path, methods in DESCRIPTION["paths"].items():
        for verb, operation in methods.items():
            if verb in VERBS:
                yield verb.upper(), path, operation


# -- the description ---------------------------------------------------------------------------------------------------


def routes(accept: Accept | None = None) -> list[web.RouteDef]:
    """Everything that Patchworks may call, with one key, one client, and Seamline's own format."""
    clients = (OAuthClient(client_id=VALUES["client_id"], client_secret=Secret(VALUES["client_secret"])),)
    settings, clock = IntakeSettings(keys=(Secret(KEY),), oauth=clients), StoppedClock()
    tokens = Tokens(clients, clock, life_s=settings.oauth_token_s)
    intake = intake_routes(
        settings,
        sales_channels=[VALUES["sales_channel"]],
        admission=admission_of(settings, tokens),
        identify=lambda _sales_channel, item: FORMATS["seamline"].identify(item),
        accept=accept or Shelf().accept,
        clock=clock,
        emit=lambda _event: None,
        pressure=lambda: None,
    )
    pulled = [
        pull_routes(
            what,
            sales_channels=[VALUES["sales_channel"]],
            admission=readers_of(settings, tokens),
            read=no_rows,
            emit=lambda _event: None,
        )
        for what in PULLED
    ]
    manifests = ManifestDoor(
        settings,
        sales_channels=[VALUES["sales_channel"]],
        admission=admission_of(settings, tokens),
        clock=SystemClock(),
        emit=lambda _event: None,
        pressure=lambda: None,
    )
    listed = [
        manifests.route("orders", read_orders, forgotten),
        manifests.route("listings", read_listings, forgotten),
        manifests.route("stock", read_stock, forgotten),
        manifests.route("fulfilments", read_fulfilments, forgotten),
    ]
    return [*intake, *listed, *token_routes(tokens, emit=lambda _event: None), *itertools.chain(*pulled)]


async def forgotten(_page: Any) -> None:
    """A page that nobody keeps."""


async def no_rows(_sales_channel: str, _after: Any, _limit: int) -> list[Any]:
    """A list with nothing in it."""
    return []


def test_every_route_is_described_and_nothing_else() -> None:
    """A route that is added, moved or dropped is missed here; a sales channel's own route is one of the pattern's."""
    described = {(verb, path) for verb, path, _ in operations()}
    own = f"/{VALUES['sales_channel']}"
    assert described == {(route.method, route.path) for route in routes() if not route.path.endswith(own)}


def test_the_schemas_are_those_of_the_structs() -> None:
    """A field that is added to an answer is missed here."""
    _, made = msgspec.json.schema_components(
        [ItemAccepted, ArrayAccepted, RefusalBody], ref_template="#/components/schemas/{name}"
    )
    schemas = DESCRIPTION["components"]["schemas"]
    assert {name: schemas.get(name) for name in made} == json.loads(json.dumps(made))


def test_every_reference_of_the_description_leads_somewhere() -> None:
    """To a schema, or a scheme of security."""
    text = json.dumps(DESCRIPTION)
    names = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert names <= set(DESCRIPTION["components"]["schemas"])
    schemes = {name for _, _, operation in operations() for each in operation["security"] for name in each}
    assert schemes == set(DESCRIPTION["components"]["securitySchemes"])


def refusals_in(*modules: str) -> dict[int, set[str]]:
    """The codes of each status that a module, or `module:function`, can refuse with, read from its text."""
    found: dict[int, set[str]] = {}
    for module, _, function in (each.partition(":") for each in modules):
        tree = ast.parse((ROOT / "connectors" / "patchworks" / f"{module}.py").read_text(encoding="utf-8"))
        parts = [node for node in tree.body if not function or getattr(node, "name", "") == function]
        for node in itertools.chain(*map(ast.walk, parts)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) >= 3:
                status, code = node.args[0], node.args[1]
                if (
                    node.func.id in ("never", "later", "_Refusal")
                    and isinstance(status, ast.Constant)
                    and isinstance(code, ast.Constant)
                ):
                    found.setdefault(int(str(status.value)), set()).add(str(code.value))
    return found


@pytest.mark.parametrize(
    ("path", "verb", "modules"),
    [
        ("/v1/orders/{sales_channel}", "post", ("intake", "items")),
        ("/v1/manifests/orders/{sales_channel}", "post", ("manifests", *PAGES_OF_MANIFESTS)),
        ("/v1/manifests/listings/{sales_channel}", "post", ("listings", *PAGES_OF_MANIFESTS)),
        ("/v1/manifests/stock/{sales_channel}", "post", ("stock_manifests", *PAGES_OF_MANIFESTS)),
        ("/v1/manifests/fulfilments/{sales_channel}", "post", ("fulfilments", *PAGES_OF_MANIFESTS)),
        *((f"/v1/{what}/{{sales_channel}}", "get", ("pull",)) for what in PULLED),
    ],
)
def test_every_refusal_is_described_with_its_codes(path: str, verb: str, modules: tuple[str, ...]) -> None:
    """A code that a person would meet in a run's log and not find is missed here."""
    responses = DESCRIPTION["paths"][path][verb]["responses"]
    described = {int(status): set(answer["x-codes"]) for status, answer in responses.items() if "x-codes" in answer}
    assert described == refusals_in(*modules)


async def test_the_app_serves_what_is_described_as_served(tmp_path: Path) -> None:
    """`x-served: false` marks what this version does not answer; it has to go when that changes."""
    oauth = f'oauth = [{{client_id = "patchworks", client_secret = "file:{tmp_path}/intake.key"}}]'
    more = _STOCK.format(directory=tmp_path)
    async with running(tmp_path, intake=oauth, more=more) as seamline:
        for verb, path, operation in operations():
            url = seamline.app.intake_url + path.replace("{sales_channel}", "web")
            async with seamline.session.request(verb, url, headers={"X-API-Key": INTAKE_KEY}) as answer:
                served = answer.status != 404
            assert served is operation.get("x-served", True), f"{verb} {path} answered {answer.status}"


# -- the collection ----------------------------------------------------------------------------------------------------

REQUESTS = [(folder["name"], item) for folder in COLLECTION["item"] for item in folder["item"]]


def path_of(item: Json) -> str:
    """The path of a request, as the description writes it."""
    return "/" + "/".join(item["request"]["url"]["path"]).replace("{{", "{").replace("}}", "}")


def filled(text: str) -> str:
    """With the variables of the instance."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: VALUES[found[1]], text)


def test_the_collection_has_a_request_for_every_operation() -> None:
    """As the connector builder imports it: method and path of each."""
    requests = {
        (
            item["request"]["method"],
            "/" + "/".join(item["request"]["url"]["path"]).replace("{{", "{").replace("}}", "}"),
        )
        for _, item in REQUESTS
    }
    assert requests == {(verb, path) for verb, path, _ in operations()}
    assert COLLECTION["info"]["schema"].endswith("/v2.1.0/collection.json")


def test_every_variable_is_declared_and_used_and_empty_where_it_is_secret() -> None:
    """Nobody has to guess what an instance asks for; and nobody's key is shipped."""
    declared = {each["key"]: each["value"] for each in COLLECTION["variable"]}
    used = set(re.findall(r"\{\{(\w+)\}\}", json.dumps({**COLLECTION, "variable": []})))
    assert used == set(declared)
    assert {name for name, value in declared.items() if not value} == {"api_key", "client_id", "client_secret", "since"}


def test_what_is_not_served_yet_is_in_a_folder_that_says_so() -> None:
    """The same as in the description."""
    unserved = {operation["operationId"] for _, _, operation in operations() if not operation.get("x-served", True)}
    later = [item["name"] for folder, item in REQUESTS if "not served" in folder]
    assert len(unserved) == len(later)


async def test_each_request_is_answered_as_its_first_example_says() -> None:
    """Sent as it stands in the collection, with the instance's values, to the real routes."""
    async with TestClient(TestServer(application(routes()))) as client:
        for _, item in REQUESTS:
            request = item["request"]
            headers = {each["key"]: each["value"] for each in request["header"]}
            if request.get("auth", COLLECTION["auth"])["type"] == "apikey":
                headers["X-API-Key"] = filled("{{api_key}}")
            path = filled(request["url"]["raw"].removeprefix("{{base_url}}"))
            async with client.request(request["method"], path, data=body_of(request), headers=headers) as answer:
                content = await answer.json()
            example = item["response"][0]
            assert answer.status == example["code"], item["name"]
            assert shape(content) == shape(json.loads(example["body"])), item["name"]


def body_of(request: Json) -> Any:
    """The body as Patchworks would send it."""
    body = request.get("body", {"mode": "none"})
    match body["mode"]:
        case "urlencoded":
            return {each["key"]: filled(each["value"]) for each in body["urlencoded"]}
        case "raw":
            return filled(body["raw"])
        case _:
            return None


def shape(content: Json) -> Json:
    """The keys, without the values."""
    if isinstance(content, dict):
        return {key: shape(value) for key, value in content.items()}
    return [shape(each) for each in content] if isinstance(content, list) else type(content).__name__


def test_each_saved_example_is_an_answer_of_the_description() -> None:
    """Its status is described, and a refusal's code is one of that status."""
    described = {operation["operationId"]: operation["responses"] for _, _, operation in operations()}
    responses = {(verb, path): operation["operationId"] for verb, path, operation in operations()}
    for _, item in REQUESTS:
        path = path_of(item)
        for example in item["response"]:
            answer = described[responses[item["request"]["method"], path]][str(example["code"])]
            code = json.loads(example["body"]).get("error")
            if isinstance(code, dict):
                assert code["code"] in answer["x-codes"]
