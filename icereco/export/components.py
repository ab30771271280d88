"""Whether all components of a model can be exported, and what to say of those that cannot."""

from collections.abc import Iterator

from icereco.errors import IcerecoError
from icereco.model.model import Model
from icereco.model.several_losses import SeveralLosses
from icereco.plugins.attribution import described
from icereco.plugins.component import Kind
from icereco.plugins.discovery import registry
from icereco.plugins.registry import Declaration
from icereco.protocols import Exportable

__all__ = ["exportable_names", "require_exportable"]


def require_exportable(model: Model) -> None:
    """Refuse a model with a component that cannot be exported.

    Raises:
        IcerecoError: names each of them, its plugin, and what of its kind can be exported.
    """
    unfit = [declaration for component, declaration in _components(model) if not _can(component)]
    if not unfit:
        return
    kinds = dict.fromkeys(declaration.kind for declaration in unfit)
    able = "; ".join(f"of kind {kind} can: {', '.join(exportable_names(kind))}" for kind in kinds)
    raise IcerecoError(
        f"{', '.join(described(one) for one in unfit)}: cannot be exported with the options of this model ({able}); "
        "a checkpoint, -o NAME.safetensors, holds any model"
    )


def exportable_names(kind: Kind) -> list[str]:
    """Return the names of the components of a kind that can be exported, with some options at least."""
    return [one.name for one in registry().components(kind) if hasattr(one.load_factory(), "exportable")]


def _components(model: Model) -> Iterator[tuple[object, Declaration]]:
    for role in ("normalizer", "aggregator", "encoder"):
        yield getattr(model, role), model.declarations[role]
    if isinstance(model.loss, SeveralLosses):
        for name, declaration in model.loss.declarations.items():
            yield model.loss.losses[name], declaration
    else:
        yield model.loss, model.declarations["loss"]


def _can(component: object) -> bool:
    return isinstance(component, Exportable) and component.exportable
