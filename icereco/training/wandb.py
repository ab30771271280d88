"""Experiment tracking with Weights & Biases, in addition to the local metrics file; its failures never stop a training."""

import configparser
import netrc
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from icereco.errors import IcerecoError
from icereco.system.log import get_logger

__all__ = ["PROJECT", "Mode", "Tracker", "choose_mode", "is_logged_in", "mode_of_run"]

Mode = Literal["online", "offline", "disabled"]

PROJECT = "icereco"

_ID_FILE, _MODE_FILE = "wandb-id", "wandb-mode"
_START_SECONDS, _FINISH_SECONDS = 30.0, 60.0

logger = get_logger(__name__)


def choose_mode(requested: Mode | None) -> Mode:
    """Return the requested mode, else `WANDB_MODE`, else disabled, whether the user is logged in or not; never prompts.

    Raises:
        IcerecoError: online was requested without being logged in.
    """
    wanted = requested or _mode_of_environment() or "disabled"
    if wanted == "online" and not is_logged_in():
        raise IcerecoError(
            "not logged in to Weights & Biases; log in once with: wandb login, or train with --wandb offline"
        )
    return wanted


def mode_of_run(folder: Path) -> tuple[Mode, str] | None:
    """Return the mode and project of a run that is resumed, so that its curves do not end where it was stopped.

    None for a run that was not tracked, or where `WANDB_MODE` decides; disabled, with a warning, where tracking cannot go on.
    """
    if _mode_of_environment() or not (folder / _ID_FILE).exists():
        return None
    with suppress(OSError, UnicodeDecodeError, ValueError):
        mode, project = (folder / _MODE_FILE).read_text(encoding="utf-8").split(maxsplit=1)
        if mode == "offline" or (mode == "online" and is_logged_in()):
            return ("offline" if mode == "offline" else "online"), project.strip()
    logger.warning(
        "the run was tracked with Weights & Biases, and is not from here on; to go on: --wandb online or offline"
    )
    return "disabled", PROJECT


def _mode_of_environment() -> Mode | None:
    known: dict[str, Mode] = {
        "online": "online",
        "offline": "offline",
        "dryrun": "offline",
        "disabled": "disabled",
    }
    return known.get(os.environ.get("WANDB_MODE", "").lower())


def is_logged_in() -> bool:
    """Whether W&B would find credentials where its own library looks: environment, settings, netrc."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    settings = _settings()
    if settings.get("api_key"):
        return True
    server = os.environ.get("WANDB_BASE_URL") or settings.get("base_url") or "https://api.wandb.ai"
    with suppress(OSError, netrc.NetrcParseError, RuntimeError):
        credentials = netrc.netrc(_netrc_file()).authenticators(urlsplit(server).netloc)
        return bool(credentials and credentials[2])
    return False


def _settings() -> dict[str, str]:
    """Of the user; a wandb/settings in the working folder may be somebody else's, and decides nothing."""
    parser = configparser.ConfigParser(interpolation=None)
    with suppress(configparser.Error, OSError, UnicodeDecodeError, RuntimeError):  # the user may have no home
        folder = os.environ.get("WANDB_CONFIG_DIR") or Path.home() / ".config" / "wandb"
        parser.read(Path(folder) / "settings")
    return dict(parser["default"]) if parser.has_section("default") else {}


def _netrc_file() -> Path:
    if named := os.environ.get("NETRC"):
        return Path(named).expanduser()
    usual, windows = Path.home() / ".netrc", Path.home() / "_netrc"
    return windows if windows.exists() and not usual.exists() else usual


class Tracker:
    """One run at W&B, or none; errors there are logged as warnings, and training continues."""

    def __init__(self, run: Any | None) -> None:
        self._run = run

    @classmethod
    def open(
        cls,
        mode: Mode,
        folder: Path,
        name: str,
        config: Mapping[str, Any],
        project: str = PROJECT,
        tags: Sequence[str] = (),
    ) -> Self:
        """Start the W&B run of `folder`, or resume it; with mode "disabled" wandb is not imported.

        Args:
            mode: as `choose_mode` says.
            folder: the run folder; W&B's own files go to `wandb/` in it.
            name: the run's name at W&B.
            config: the resolved profile, for comparing runs.
            project: the project at W&B.
            tags: for finding the run again.
        """
        if mode == "disabled":
            return cls(None)
        run = _attempt("start", lambda: _start(mode, folder, name, config, project, tags))
        if mode == "online" and (
            url := getattr(run, "url", None)
        ):  # wandb warns when the url of an offline run is read
            logger.info("Weights & Biases: %s", url)
        elif run is not None:
            logger.info("Weights & Biases keeps this run in %s; upload it with: wandb sync", folder / "wandb")
        return cls(run)

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Send a line of metrics; returns immediately."""
        run = self._run
        if run is not None and _attempt("log", lambda: (run.log(dict(metrics), step=step),)) is None:
            self._run = None

    def finish(self, exit_code: int = 0) -> None:
        """Send the remaining metrics, for at most a minute."""
        run, self._run = self._run, None
        if run is not None:
            _attempt("finish", lambda: run.finish(exit_code=exit_code))


def _start(
    mode: Mode, folder: Path, name: str, config: Mapping[str, Any], project: str, tags: Sequence[str]
) -> Any:
    import wandb

    limits: dict[str, Any] = {"init_timeout": _START_SECONDS, "finish_timeout": _FINISH_SECONDS}
    settings = wandb.Settings(
        silent=True,  # the terminal belongs to the progress display
        console="off",
        **{key: value for key, value in limits.items() if key in wandb.Settings.model_fields},
    )
    (folder / _MODE_FILE).write_text(f"{mode} {project}\n", encoding="utf-8")
    return wandb.init(
        mode=mode,
        project=project,
        name=name,
        id=_id(folder),
        resume="allow",
        dir=folder,
        config=dict(config),
        tags=list(tags),
        settings=settings,
    )


def _id(folder: Path) -> str:
    """The run's identity at W&B, kept in the folder so that a resumed training continues the same curves."""
    file = folder / _ID_FILE
    if not file.exists():
        file.write_text(secrets.token_hex(6), encoding="ascii")
    return file.read_text(encoding="ascii").strip()


def _attempt(what: str, call: Callable[[], Any]) -> Any | None:
    try:
        return call()
    except Exception as error:  # an error of the tracker must not stop a training
        logger.warning("Weights & Biases could not %s: %s; metrics stay in the run folder", what, error)
        return None
