"""`icereco serve`: reconstruction over HTTP."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from icereco.cli.compute import computing_with, device_option, precision_option, threads_option
from icereco.cli.console import Console
from icereco.cli.echo import echo
from icereco.cli.method_options import detector_option, method_option, model_option, run_option
from icereco.data.catalog import DEFAULT_DETECTOR
from icereco.errors import IcerecoError

if TYPE_CHECKING:
    from icereco.online.access import Address
    from icereco.reconstruction.wanted import Precision

__all__ = ["command"]


@click.command("serve")
@run_option
@model_option
@method_option
@detector_option
@click.option(
    "--bind", default="127.0.0.1:8765", show_default=True, metavar="HOST:PORT",
    help="Where to listen; other addresses than those of this machine alone need a token.",
)  # fmt: skip
@click.option(
    "--token", envvar="ICERECO_TOKEN", metavar="TOKEN",
    help="Answer only who sends it (Authorization: Bearer TOKEN)  [default: $ICERECO_TOKEN, which others do not see in the list of "
    "processes].",
)  # fmt: skip
@click.option(
    "--max-wait-ms", type=click.FloatRange(min=0.0), default=10.0, show_default=True, metavar="MS",
    help="How long a request may wait for others to be computed with.",
)  # fmt: skip
@click.option(
    "--max-queued-pulses", type=click.IntRange(min=1), default=2_000_000, show_default=True, metavar="N",
    help="While so many wait, requests are refused with 429.",
)  # fmt: skip
@click.option(
    "--max-body-mb", type=click.FloatRange(min=0.001), default=32.0, show_default=True, metavar="MB",
    help="The largest request; more is refused with 413.",
)  # fmt: skip
@device_option
@precision_option
@threads_option
def command(
    runs: tuple[str, ...],
    models: tuple[str, ...],
    method: str | None,
    detector: str | None,
    bind: str,
    token: str | None,
    max_wait_ms: float,
    max_queued_pulses: int,
    max_body_mb: float,
    device: str | None,
    precision: "Precision",
    threads: int | None,
) -> None:
    """Reconstruct events that are sent over HTTP, until Ctrl-C or SIGTERM.

    POST /reconstruct takes events as JSON or as an Arrow IPC stream, and answers with a row for each, as icereco reconstruct
    writes it. GET /health, /metrics (for Prometheus) and /openapi.json say the rest.

    \b
    icereco serve --run RUN
    ICERECO_TOKEN=… icereco serve --model NAME --bind 0.0.0.0:8765
    curl -H 'Content-Type: application/json' -d @events.json http://127.0.0.1:8765/reconstruct
    """  # noqa: D301 -- \b is click's mark for lines to keep
    if find_spec("aiohttp") is None:
        raise IcerecoError("serving needs aiohttp: pip install 'icereco[serve]'")
    from icereco.online.access import Access, Address
    from icereco.online.service import Limits
    from icereco.online.serving import serve
    from icereco.reconstruction.wanted import Wanted

    address = Address.parse(bind)
    Access(address, token)  # refuses before a model is loaded
    wanted = Wanted(runs, models, method, detector, device=device, precision=precision)
    if wanted.names_nothing and detector is None:
        wanted = Wanted(detector=DEFAULT_DETECTOR, device=device, precision=precision)
    choice = wanted.choice()
    computing_with(threads)
    limits = Limits(round(max_body_mb * (1 << 20)), max_queued_pulses, max_wait_ms / 1000)
    Console(stderr=True).print(f"reconstructing with {escape(choice.words)}", highlight=False, soft_wrap=True)
    serve(choice, address, token, limits, _say)


def _say(address: "Address") -> None:
    echo(f"icereco: http://{address.label}   (Ctrl-C ends it; what was accepted is answered before)")
