"""The Patchworks sandbox as a process of its own: its command line, its example, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import requests

from connectors.patchworks.sandbox import SandboxConfig
from connectors.patchworks.sandbox.__main__ import main, read_config

EXAMPLE = Path(__file__).parents[2] / "deploy" / "patchworks-sandbox.example.toml"
FULFIL_EXAMPLE = EXAMPLE.with_name("sandbox.example.toml")


def test_the_process_says_where_it_listens_and_ends_on_a_signal() -> None:
    """One JSON line on stdout; SIGTERM ends it with status 0."""
    command = [sys.executable, "-m", "connectors.patchworks.sandbox", "--config", str(EXAMPLE), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["ready"] is True
        with requests.Session() as session:
            assert session.get(f"{ready['url']}/health", timeout=10).json() == {"status": "ok"}
            placed = session.post(f"{ready['url']}/sandbox/sales-channels/outlet/orders", json={"count": 2}, timeout=10)
            assert len(placed.json()["orders"]) == 2
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


def test_the_example_has_two_formats_and_every_direction() -> None:
    """The example of deploy/ can be used as it is, and its SKUs are those of the Fulfil sandbox's example."""
    config = read_config(str(EXAMPLE), {"target_key": "the-key"})
    assert {channel.format for channel in config.sales_channels} == {"shopify", "woocommerce"}
    assert {flow.source for flow in config.flows} >= {"payload", "order_events", "orders_updated"}
    assert (config.target.auth.kind, config.target.auth.value) == ("header", "the-key")
    fulfil = msgspec.toml.decode(FULFIL_EXAMPLE.read_bytes())
    assert {channel.products_count for channel in config.sales_channels} == {fulfil["products_count"]}


def test_without_a_file_the_defaults_hold_and_options_win() -> None:
    """`--target` and `--port` replace single settings."""
    assert read_config(None, {}) == SandboxConfig()
    config = read_config(str(EXAMPLE), {"port": 9, "target": "http://127.0.0.1:1"})
    assert (config.port, config.target.url) == (9, "http://127.0.0.1:1")


@pytest.mark.parametrize(
    "text",
    [
        "colour = 1",
        '[target]\nurl = "https://example.com"',
        "[[flows]]\nid = 1\nsource = 'order_events'",
        "[switches]\nstart_status = 204",
        "port = ",
    ],
)
def test_a_configuration_that_cannot_be_used_ends_with_78(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """The same exit status as Seamline's own, and a sentence."""
    file = tmp_path / "sandbox.toml"
    file.write_text(text)
    assert main(["--config", str(file)]) == 78
    assert "cannot be used" in capsys.readouterr().err
