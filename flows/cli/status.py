"""The command `seamline status`: what waits, how fast it goes in, and when it will be done."""

from __future__ import annotations

from typing import Any

import anyio
import msgspec

from flows.cli.parts import CONFIG, AsJson, ConfigPath, loaded_ops_address, read_store
from flows.cli.screen import print_json, say
from runtime.clock import to_datetime
from runtime.errors import SeamlineError


def status(*, config: ConfigPath = CONFIG, json: AsJson = False) -> int:
    """What waits for Fulfil, how fast it goes in, and when it will be done; what is paused.

    Asks the running process. Without one, what waits on disk is told, and the exit status is 1.
    """
    from flows.control import ask_status  # noqa: PLC0415
    from flows.model.drain import orders_wait, waits_for_pause  # noqa: PLC0415

    pauses = read_store(config, lambda read: read.pauses())
    of_pauses = [waits_for_pause(row.name, row.waiting) for row in pauses if row.waiting and row.scope != "actor"]
    paused = [f"{row.name} is paused since {row.since:%Y-%m-%d %H:%MZ} by {row.by}; `{row.resume}`" for row in pauses]
    restored = read_store(config, lambda read: read.restored())
    restored_at = None if restored is None else to_datetime(restored.at)
    if restored_at is not None:
        since = f"the store was restored at {restored_at:%Y-%m-%d %H:%MZ}: writes look first, and nothing is posted"
        paused.append(f"{since}; `seamline store agree`")
    ops = loaded_ops_address(config)
    try:
        said: dict[str, Any] = anyio.run(ask_status, ops)
    except SeamlineError as error:
        waiting = read_store(config, lambda read: read.in_queue())
        said = {"waiting": waiting, "draining_per_s": None, "drain_s": None, "process": None}
        on_disk = [f"{orders_wait(waiting)} on disk"] if waiting else [] if of_pauses else ["no order waits on disk"]
        lines = [f"{error}", *on_disk, *of_pauses]
    else:
        said = {**said, "process": "running"}
        waits = said.pop("sentences") or ([] if of_pauses else [f"no order waits for Fulfil{_counted(said)}"])
        lines = [*waits, *of_pauses, _calls(said)]
    if json:
        print_json({**said, "paused": msgspec.to_builtins(pauses), "restored_at": restored_at})
    else:
        say(*lines, *paused)
    return 0 if said["process"] else 1


def _counted(said: dict[str, Any]) -> str:
    """How old the figure is, where an order may have come since."""
    return f" (counted {said['counted_s_ago']:.0f} s ago)" if said["counted_s_ago"] >= 1 else ""


def _calls(said: dict[str, Any]) -> str:
    """How fast Fulfil is called."""
    now, allowed = said["calls_per_s"], said["calls_per_s_allowed"]
    if now is None:
        return "Fulfil is called as fast as it answers: no limit is known"
    told = f"Fulfil is called at {now:g} a second"
    if allowed is not None and allowed != now:
        told += f", and allows {allowed:g}"
    return f"{told}; not for {said['calls_paused_s']:.0f} s yet, as it asked" if said["calls_paused_s"] else told
