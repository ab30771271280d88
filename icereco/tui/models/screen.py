"""Trained models: their cards, and what can be done with one."""

from pathlib import Path

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import DataTable, Static

from icereco.errors import IcerecoError
from icereco.runs.jobs import Job, JobFolder
from icereco.trained.library import Library, TrainedModel
from icereco.tui.common.ask import AskScreen, ConfirmScreen
from icereco.tui.common.dialogs import AskPath
from icereco.tui.common.fit_table import FitTable
from icereco.tui.common.key_bar import KeyBar
from icereco.tui.common.mode_bar import ModeBar
from icereco.tui.host import may
from icereco.tui.keys import Key, bindings
from icereco.tui.messages import ModelsSeen
from icereco.tui.models.about import HEADINGS, about_model, cells_of
from icereco.tui.models.error_card import ErrorCard, groups_for
from icereco.tui.models.work import adding, end_of, job_name, reconstructing, runs_to_add
from icereco.tui.runs.launch_screen import LaunchScreen
from icereco.tui.settings import Settings
from icereco.watch.opening import names_known

__all__ = ["KEYS", "ModelsScreen"]

KEYS: tuple[Key, ...] = (
    Key("r", "reconstruct", "Reconstruct with it", "Models", shown=True, brief="Reconstruct"),
    Key("n", "train", "Train on from it", "Models", shown=True, brief="Train on"),
    Key("a", "add", "Add a run or checkpoint", "Models", shown=True, brief="Add"),
    Key("D", "remove", "Remove yours", "Models", shown=True, brief="Remove"),
    Key("R", "search", "Look again", "Models", shown=True, brief="Again"),
)

_GIVING = ("targets", "68 %", "profile", "detector", "trained on", "median", "origin", "name")
_FIGURES_WIDE = 70  # columns of the table of figures
_NONE = "No trained models: a adds a run of yours, as icereco models add RUN does."


class ModelsScreen(Screen[None]):
    """A table of trained models, and the card of the one under the cursor."""

    BINDINGS = bindings(KEYS)
    KEYS = KEYS

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.models: tuple[TrainedModel, ...] = ()
        self._wanted = ""  # the model that is to be under the cursor

    def compose(self) -> ComposeResult:
        """Show the table on the left, and the card on the right."""
        yield ModeBar()
        with Horizontal():
            with Vertical(id="model-list"):
                yield FitTable(HEADINGS, giving=_GIVING, id="models")
                yield ErrorCard(self.settings.marker, id="errors")
            with VerticalScroll(id="details"):
                yield Static(id="about")
        yield Static(id="how", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """List the models."""
        table = self.query_one(FitTable)
        table.border_title = "trained models"
        self.query_one(ErrorCard).border_title = "errors [°]: ━ median, ╌ 68 %"
        table.focus()
        self.search()

    def on_screen_resume(self) -> None:
        """Look for models that have been added elsewhere."""
        if self.is_mounted:
            self.search()

    def go_to_model(self, name: str) -> None:
        """Put the cursor on a model by its name."""
        self._wanted = name
        self.search()

    def action_search(self) -> None:
        """Look again, and report what there is."""
        self.search()
        self.notify(f"trained models: {len(Library.of_user().names())}", title="looked again")

    @work(thread=True, group="search", exclusive=True)
    def search(self) -> None:
        """Read the cards."""
        problems: list[str] = []
        models = tuple(Library.of_user().models(problems))
        self.post_message(ModelsSeen(models, tuple(problems)))

    @on(ModelsSeen)
    def _list(self, event: ModelsSeen) -> None:
        self.query_one("#how", Static).update("\n".join(event.problems))
        self.query_one("#how").display = bool(event.problems)
        if event.models == self.models and not self._wanted and self.models:
            return
        here = self._wanted or (self.current.name if self.current else "")
        self.models, self._wanted = event.models, ""
        table, names = self.query_one(FitTable), [model.name for model in event.models]
        table.fill([cells_of(model) for model in event.models])
        if here in names:
            table.move_cursor(row=names.index(here))
        own = sum(model.origin == "yours" for model in event.models)
        table.border_subtitle = f"built in: {len(names) - own} · yours: {own}"
        self._show()

    @property
    def current(self) -> TrainedModel | None:
        """The model under the cursor."""
        row = self.query_one(FitTable).cursor_row
        return self.models[row] if 0 <= row < len(self.models) else None

    @on(DataTable.RowHighlighted)
    def _show(self) -> None:
        model, details = self.current, self.query_one("#details")
        details.border_title = model.name if model else ""
        about = about_model(model, narrow=details.size.width < _FIGURES_WIDE) if model else Text(_NONE)
        self.query_one("#about", Static).update(about)
        card = self.query_one(ErrorCard)
        card.show(groups_for(model, self.models) if model else ())
        card.display = bool(card.groups)
        self.refresh_bindings()

    def on_resize(self) -> None:
        """Write the card for the new width."""
        self.call_after_refresh(self._show)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action is allowed: what uses a model needs one, and only the user's own can be removed."""
        del parameters
        model = self.current if self.is_mounted else None
        if action in ("reconstruct", "train") and model is None:
            return False
        if action == "remove" and (model is None or model.origin != "yours"):
            return False
        return may(self, action)

    @on(DataTable.RowSelected)
    @work(group="questions")
    async def action_reconstruct(self) -> None:
        """Ask for events, and reconstruct them in a job."""
        if (model := self.current) is None or not may(self, "reconstruct"):
            return
        question = AskPath(f"reconstruct with {model.name}", "a data set, or a file of events", names_known())
        chosen = await self.app.push_screen_wait(question)
        if chosen is None:
            return
        arguments, output = reconstructing(model.name, chosen)
        name = job_name("reconstruct", output.removesuffix(".reco.parquet"))
        self._start(arguments, name, f"{output} is written; t in Jobs (6) shows it")

    def action_train(self) -> None:
        """Open the form for a training that goes on from the model."""
        if (model := self.current) is not None:
            self.app.push_screen(LaunchScreen(self.settings.runs, model.card.profile, begin_from=model.name))

    @work(group="questions")
    async def action_add(self) -> None:
        """Ask for a run or a checkpoint and a name, and add it in a job, as that reads the weights."""
        question = AskPath(
            "add a trained model", "a run, or a checkpoint", runs_to_add(self.settings.runs),
            what="run", suffixes=frozenset({".safetensors"}),
        )  # fmt: skip
        chosen = await self.app.push_screen_wait(question)
        if chosen is None:
            return
        name = await self.app.push_screen_wait(AskScreen(f"name for {chosen}", Path(chosen).stem))
        if name is None:
            return
        self._start(
            adding(chosen, name, self.settings.runs), job_name("add", name), f"{name} is a trained model"
        )

    def _start(self, arguments: list[str], name: str, done: str) -> None:
        """Start a job, and report its end."""
        jobs = JobFolder(self.settings.runs)
        try:
            job = jobs.submit(arguments, name, Path(), queued=False)
        except IcerecoError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self.notify("started; see Jobs (6)", title=name, markup=False)
        self._follow(jobs, job, done)

    @work(group="jobs")
    async def _follow(self, jobs: JobFolder, job: Job, done: str) -> None:
        problem = await end_of(jobs, job)
        self.notify(
            problem or done,
            title=job.run,
            severity="error" if problem else "information",
            timeout=10,
            markup=False,
        )
        self.search()

    @work(group="questions")
    async def action_remove(self) -> None:
        """Ask, then delete a model of the user's."""
        if (model := self.current) is None:
            return
        detail = f"{model.folder} and its weights are deleted for good."
        if await self.app.push_screen_wait(ConfirmScreen(f"remove {model.name}?", detail, danger=True)):
            try:
                Library.of_user().remove(model.name)
            except IcerecoError as error:
                self.notify(str(error), severity="error", markup=False)
            self.search()
