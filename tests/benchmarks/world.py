"""The processes of a measurement: starting, asking and ending them, and reading what the kernel counted for them.

CPU and memory come from /proc for both sides alike (Linux only), for the measured process and its children.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_END_S = 30
_READY_S = 60
_FSYNCS = 200


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that were free a moment ago."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def running(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a process with its output in `log`; ended with SIGTERM, and killed when that is not heard."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **environment})
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            sys.stderr.write(f"did not end within {_END_S} s of SIGTERM and was killed: {' '.join(command)}\n")


def get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of a GET on the loopback interface; status 0 while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except OSError:
        return 0, b""
    finally:
        connection.close()


def get_json(port: int, path: str) -> Any:
    """The JSON of a GET; raises RuntimeError when it was not answered with 200."""
    status, body = get(port, path)
    if status != 200:
        raise RuntimeError(f"GET {path} on port {port} was answered {status or 'by nobody'}")
    return msgspec.json.decode(body)


def until_ready(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    """Return when the path answers 200; raises RuntimeError, with the end of the log, when it never does."""
    deadline = time.monotonic() + _READY_S
    while get(port, path)[0] != 200:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"process {process.pid} is not ready; the end of its output:\n{log.read_text()[-2000:]}")
        time.sleep(0.005)


def metric(text: str, name: str) -> float:
    """The sum of all samples of a metric in Prometheus's text format. `name` may carry labels, as in `a{b="c"}`.

    Labels given must be on the sample; others may be there too. A metric that is declared and has no such sample yet
    is 0; raises LookupError for one that is not declared.
    """
    plain, _, wanted = name.partition("{")
    labels = re.findall(r'\w+="[^"]*"', wanted)
    values = [
        float(found[2])
        for found in re.finditer(rf"^{re.escape(plain)}(\{{.*\}})? (\S+)", text, re.MULTILINE)
        if all(label in (found[1] or "") for label in labels)
    ]
    if not values and not re.search(
        rf"^# TYPE {re.escape(plain.removesuffix('_total'))}(_total)? ", text, re.MULTILINE
    ):
        raise LookupError(f"the target's /metrics does not declare {plain}")
    return sum(values)


def _tree(pid: int) -> list[int]:
    pids = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            pids += _tree(int(child))
    return pids


def cpu_s(pid: int) -> float:
    """Seconds of CPU used so far by the process, its threads and its living children (resolution: 10 ms)."""
    ticks = 0
    for each in _tree(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS_PER_S


def peak_mib(pid: int) -> float:
    """Peak resident memory of the process and its living children, in MiB."""
    kib = 0
    for each in _tree(pid):
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{each}/status").read_text())
        kib += int(found[1]) if found else 0
    return kib / 1024


def fsync_us(directory: Path) -> float:
    """Median time of making 8 KiB more of a file durable in this directory, in microseconds."""
    path, times = directory / "fsync", []
    with path.open("wb", buffering=0) as file:
        for _ in range(_FSYNCS):
            file.write(os.urandom(8192))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    path.unlink()
    return 1e6 * statistics.median(times)
