"""A declared split applied to a store: which of its rows train, and which validate."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from icereco.data.split.hashing import hash_ids
from icereco.data.split.rule import PARTS, Part, SplitRule
from icereco.data.store.rows import LAST_HASH, HashedRows, Span
from icereco.data.store.split_by_hash import EXACT_EVENTS, Split
from icereco.data.store.store import Store
from icereco.errors import IcerecoError

__all__ = ["declared_split"]


def declared_split(
    store: Store,
    rule: SplitRule,
    files: Sequence[str],
    validation_count: int,
    train_count: int | None = None,
    calibration_count: int = 0,
) -> Split:
    """The parts of a store, as a rule says; its test part is in none of them.

    Args:
        store: the events.
        rule: how they are split.
        files: the name of the file of each part of the store, for a rule by file.
        validation_count: validate on about so many at most: those of the validation part with the smallest hashes.
        train_count: train on so many at most: the first of the train part.
        calibration_count: calibrate on about so many at most: those of the validation part with the next smallest hashes.

    Raises:
        IcerecoError: a part would be empty, or the patterns of a rule by file do not fit the files.
    """
    ids = store.column("event_id") if len(store) <= EXACT_EVENTS else None
    parts = _parts(store, rule, files, ids)
    for part in ("train", "validation"):
        if not len(parts.get(part, ())):
            raise IcerecoError(
                f"{store.manifest.source}: its split ({rule.text}) leaves no events for {part} of {len(store)}; "
                "declare another: icereco data add NAME PATH --replace --validation …"
            )
    held_out = _fewer(parts["validation"], validation_count + calibration_count, ids)
    validation = _fewer(held_out, validation_count, ids)
    more = len(held_out) - len(validation)
    band = (validation.band[1] + 1, held_out.band[1])
    calibration = replace(held_out, band=band, count=more) if more else HashedRows((), rule.seed)
    return Split(_first(parts["train"], train_count, ids), validation, calibration, rule.text)


def _parts(
    store: Store, rule: SplitRule, files: Sequence[str], ids: Int[ndarray, "event"] | None
) -> dict[Part, HashedRows]:
    if rule.by == "event":
        whole = ((0, len(store)),)
        rows = {part: HashedRows(whole, rule.seed, band) for part, band in rule.bands().items()}
    else:
        rows = {part: HashedRows(spans, rule.seed) for part, spans in _file_spans(store, rule, files).items()}
    return {part: _counted(one, ids) for part, one in rows.items()}


def _file_spans(store: Store, rule: SplitRule, files: Sequence[str]) -> dict[Part, tuple[Span, ...]]:
    events = store.geometry.part_events
    if len(files) != len(events) or len(files) < 2:
        raise IcerecoError(
            f"{store.manifest.source}: a split by file needs several files, and this is read as {len(events)}; "
            "split it by event"
        )
    ends = np.cumsum(events).tolist()
    assigned = list(zip(rule.parts_of_files(files), [0, *ends], ends, strict=False))
    return {part: _merged([(start, end) for one, start, end in assigned if one == part]) for part in PARTS}


def _merged(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Spans that touch each other become one."""
    merged: list[Span] = []
    for start, stop in spans:
        if merged and merged[-1][1] == start:
            start = merged.pop()[0]
        merged.append((start, stop))
    return tuple(merged)


def _counted(rows: HashedRows, ids: Int[ndarray, "event"] | None) -> HashedRows:
    if ids is not None:
        return replace(rows, count=len(rows.within(ids, 0)))
    first, last = rows.band
    share = (last - first + 1) / (LAST_HASH + 1)
    return replace(rows, count=round(share * sum(stop - start for start, stop in rows.spans)))


def _fewer(rows: HashedRows, count: int, ids: Int[ndarray, "event"] | None) -> HashedRows:
    """About `count` of them, by hash; at least one."""
    if len(rows) <= count:
        return rows
    first, last = rows.band
    if ids is None:
        return _counted(replace(rows, band=(first, first + (last - first) * count // len(rows))), None)
    hashed = np.sort(hash_ids(ids[rows.within(ids, 0)], rows.seed))
    return _counted(replace(rows, band=(first, int(hashed[max(count, 1) - 1]))), ids)


def _first(rows: HashedRows, count: int | None, ids: Int[ndarray, "event"] | None) -> HashedRows:
    """The first `count` of them."""
    if count is None or len(rows) <= count:
        return rows
    if ids is not None:
        end = int(rows.within(ids, 0)[count - 1]) + 1
    else:
        end = _row_after(rows.spans, round(sum(b - a for a, b in rows.spans) * count / len(rows)))
    spans = tuple((start, min(stop, end)) for start, stop in rows.spans if start < end)
    return replace(rows, spans=spans, count=count)


def _row_after(spans: Sequence[Span], rows: int) -> int:
    """The row after the first so many rows of the spans."""
    for start, stop in spans:
        if rows <= stop - start:
            return start + rows
        rows -= stop - start
    return spans[-1][1]
