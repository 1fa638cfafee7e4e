"""What people read says what the code does: reference pages, runbook, examples, README, the unit of systemd."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from connectors.fulfil.sandbox.__main__ import read_config
from connectors.fulfil.sandbox.ledger import CHART, JOURNALS
from flows import events
from flows.cli import commands
from flows.cli.holds import Owner as NamedOwner
from flows.config import Config
from flows.exceptions.kinds import KINDS, NEVER, Owner
from flows.formats import FORMATS
from flows.model.order import Order
from flows.model.order_state import Status
from flows.model.proof import prove
from flows.reference import PAGES, event_kinds, metric_rows
from runtime.config import check, load, settings_of
from runtime.errors import ConfigInvalid, StoreLocked, StoreUnreadable
from runtime.telemetry.event import declared_in
from runtime.telemetry.metrics import Telemetry
from tests.architecture.sources import ROOT, texts

DEPLOY = ROOT / "deploy"
EXAMPLE = DEPLOY / "seamline.example.toml"
SECRETS = {"FULFIL_TOKEN": "token", "SEAMLINE_INTAKE_KEY": "0123456789abcdef", "SEAMLINE_CONTROL_KEY": "control"}
_AGAIN = "run: seamline reference --to deploy/reference"


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


# -- reference pages ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_a_reference_page_says_what_the_code_says(name: str) -> None:
    """A setting, metric, event, exception kind or statement that is not on its page fails here."""
    assert text_of(DEPLOY / "reference" / name) == PAGES[name](), f"{name} is old; {_AGAIN}"


def test_every_setting_has_a_meaning() -> None:
    """No setting is listed without a sentence about it."""
    silent = [setting.path for setting in settings_of(Config) if len(setting.meaning) < 10]
    assert not silent


def test_every_event_module_is_on_the_page() -> None:
    """All declared events, and no other, are listed, each once."""
    headings = re.findall(r"^## `(.+)`$", PAGES["events.md"](), re.MULTILINE)
    assert headings == [kind.event for kind in event_kinds()]
    assert set(declared_in(events)) <= set(event_kinds())


def test_metrics_are_listed_as_telemetry_shows_them() -> None:
    """Name, kind and help of every metric that a Telemetry of these events has by itself are on the page."""
    telemetry = Telemetry(event_kinds(), version="0")
    listed = {row.name: row for row in metric_rows()}
    for family in telemetry.registry.collect():
        if not family.name.startswith("seamline_"):
            continue
        ending = {"counter": "_total", "info": "_info"}.get(family.type, "")
        row = listed[family.name + ending]
        assert row.help == family.documentation
        assert row.kind == {"info": "gauge"}.get(family.type, family.type)
    assert len(listed) == len(metric_rows())


# -- runbook -----------------------------------------------------------------------------------------------------------


def test_every_kind_of_exception_has_its_section() -> None:
    """The runbook has a section for each kind, with its owner, and none for a kind that is gone."""
    sections = re.findall(
        r"^## (\S+\.\S+)\n\nOwner: (\w+)", text_of(DEPLOY / "runbook" / "exceptions.md"), re.MULTILINE
    )
    assert {kind: owner.lower() for kind, owner in sections} == {name: kind.owner for name, kind in KINDS.items()}


def test_a_kind_says_how_it_ends() -> None:
    """`ends` continues the sentence "it ends by itself", or is the one word for never."""
    assert all(kind.ends == NEVER or kind.ends.startswith("when ") for kind in KINDS.values())


@pytest.mark.parametrize("page", [*sorted((DEPLOY / "runbook").glob("*.md")), ROOT / "README.md"], ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link of a page names a file that is there, and a section that it has."""
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if target.startswith("http"):
            continue
        file, _, section = target.partition("#")
        linked = (page.parent / file) if file else page
        assert linked.exists(), target
        if section:
            headings = re.findall(r"^#+ (.+)$", text_of(linked), re.MULTILINE)
            assert section in {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}, target


# -- examples ----------------------------------------------------------------------------------------------------------


def test_the_example_configuration_has_no_problem() -> None:
    """With its three secrets in the environment, the example is what `seamline check` calls sound."""
    assert check(text_of(EXAMPLE), Config, env=SECRETS) == []


def test_the_example_configuration_has_every_setting() -> None:
    """Each setting stands in the example, set or commented out with its default."""
    text = text_of(EXAMPLE)
    missing = [
        setting.path
        for setting in settings_of(Config)
        if not re.search(rf"^(# )?{setting.path.rpartition('.')[2]} = ", text, re.MULTILINE)
        and not re.search(rf"^(# )?\[.*\.{setting.path.rpartition('.')[2]}\]", text, re.MULTILINE)
    ]
    assert not missing


def test_defaults_in_the_example_are_the_defaults() -> None:
    """What is commented out in the example changes nothing when the comment is taken away."""
    known = {setting.path: setting.default for setting in settings_of(Config)}
    of_name = {path.rpartition(".")[2]: default for path, default in known.items()}
    section, seen = "", 0
    for line in text_of(EXAMPLE).splitlines():
        if header := re.match(r"(?:# )?\[\[?([a-z_.]+)\]", line):
            section = header[1]
        elif re.match(r"# [a-z_]+ = ", line):
            seen += 1
            name, _, value = line.removeprefix("# ").partition(" = ")
            value = value.partition("#")[0].strip().replace("_000", "000")
            parts = section.split(".")  # one of which may be a name that the operator chooses
            named = (".".join([*parts[:at], "<name>", *parts[at + 1 :], name]) for at in range(1, len(parts)))
            path = next((each for each in (f"{section}.{name}", *named) if each in known), "")
            default = known[path] if path else of_name[name]
            if default not in (None, "none"):
                assert value.strip('"') == str(default).strip('"'), line
    assert seen > 10


def test_the_example_sandbox_has_the_sales_channels_of_the_example() -> None:
    """Every tax and gateway that the example maps is known to the sandbox, in the same sales channel."""
    sandbox = read_config(str(DEPLOY / "sandbox.example.toml"), {})
    channels = {channel.id: channel for channel in sandbox.channels}
    config = load(EXAMPLE, Config, SECRETS)
    assert sandbox.token == "sandbox-token"
    for settings in config.sales_channels.values():
        channel = channels[settings.sale.channel_id]
        assert set(settings.sale.taxes.values()) <= {tax.name for tax in channel.taxes}
        assert set(settings.sale.gateways.values()) <= set(channel.gateways)


def test_what_the_example_says_of_the_sandboxes_fits_them() -> None:
    """Stock and notices of shipments go by flows that the sandbox's example has for them, under names that it knows."""
    block = re.search(r"this is all of it:\n((?:#   .+\n)+)", text_of(EXAMPLE))
    assert block is not None
    added = f'{block[1].replace("#   ", "")}[patchworks]\ntoken = "env:FULFIL_TOKEN"\n'
    assert check(f"{text_of(EXAMPLE)}\n{added}", Config, env=SECRETS) == []
    web = tomllib.loads(added)["sales_channels"]["web"]
    hub = tomllib.loads(text_of(DEPLOY / "patchworks-sandbox.example.toml"))
    sends = {str(flow["id"]): (flow["sales_channel"], flow.get("send", {}).get("to")) for flow in hub["flows"]}
    assert {kind: sends[web[kind]["flow"]["flow_id"]] for kind in ("stock", "fulfilments")} == {
        "stock": ("web", "stock"),
        "fulfilments": ("web", "fulfilments"),
    }
    sandbox = read_config(str(DEPLOY / "sandbox.example.toml"), {})
    (channel,) = [each for each in sandbox.channels if each.code == "web"]
    assert set(web["fulfilments"]["carriers"]) == {service.partition("_")[0] for service in channel.carriers}
    assert set(web["stock"]["locations"]) <= {warehouse.id for warehouse in sandbox.warehouses}


def test_the_postings_of_the_example_can_be_posted_in_the_sandbox_as_they_are() -> None:
    """Their accounts and journals are of its chart, and its own example lists all of that."""
    rows = tomllib.loads("\n".join(re.findall(r"^# (\[\[postings.rows\]\]|(?:event|debit|credit|journal) = .*)$",
                                            text_of(EXAMPLE), re.MULTILINE)))["postings"]["rows"]  # fmt: skip
    accounts = {code for code, *_ in CHART}
    assert [row["event"] for row in rows] == ["fee", "payout"]
    assert all({row["debit"], row["credit"]} <= accounts and row.get("journal", "MISC") in JOURNALS for row in rows)
    listed = text_of(DEPLOY / "sandbox.example.toml")
    assert all(f"{code} {name}" in listed for code, name, _ in CHART)
    assert f"journals: {', '.join(JOURNALS)}." in listed


def test_the_example_order_proves() -> None:
    """The order that the README sends can be read, and its figures add up."""
    config = load(EXAMPLE, Config, SECRETS)
    settings = config.sales_channels["marketplace"]
    raw = (DEPLOY / "order.example.json").read_bytes()
    order = FORMATS[settings.format].read("marketplace", raw)
    assert isinstance(order, Order)
    assert prove(order, side=settings.sale.side, tolerance=settings.tolerance).holds


# -- commands ----------------------------------------------------------------------------------------------------------


def test_choices_of_the_command_line_are_those_of_the_code() -> None:
    """`--state` and `--owner` offer every state of an order and every team."""
    assert set(commands.State.__args__) == {status.value for status in Status}  # type: ignore[attr-defined]
    assert set(NamedOwner.__args__) == {owner.value for owner in Owner}  # type: ignore[attr-defined]


def test_the_unit_of_systemd_does_not_repeat_what_cannot_be_mended() -> None:
    """Statuses that starting again does not change are those that keep the service down."""
    unit = text_of(DEPLOY / "systemd" / "seamline.service")
    found = re.search(r"^RestartPreventExitStatus=(.+)$", unit, re.MULTILINE)
    assert found is not None
    hopeless = {each.exit_status for each in (ConfigInvalid, StoreLocked, StoreUnreadable)}
    assert set(map(int, found[1].split())) == hopeless


def test_systemd_waits_longer_than_a_drain() -> None:
    """A drain of the default length ends before systemd kills."""
    unit = text_of(DEPLOY / "systemd" / "seamline.service")
    found = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert found is not None
    assert int(found[1]) > load(EXAMPLE, Config, SECRETS).engine.drain_s + 5


def test_no_page_names_a_file_that_is_not_there() -> None:
    """Every path in backticks in README, runbook and examples, if it looks like one of ours, exists."""
    ours = re.compile(r"`((?:runtime|connectors|flows|tests|deploy)/[\w./-]+?)/?`")
    pages = [each for each in texts() if each.path == "README.md" or each.path.startswith("deploy/")]
    named = {path for page in pages for path in ours.findall(page.text)}
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
