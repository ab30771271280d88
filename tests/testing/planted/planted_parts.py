"""Sound components of ours, spoilt in one way each; the fault is the name of the promise that is broken."""

import dataclasses
import itertools

import numpy as np
import pyarrow as pa
import torch
from icereco_losses.options import VonMisesFisherOptions
from icereco_losses.vmf import VonMisesFisherLoss
from icereco_normalizers.fixed import FixedNormalizer
from icereco_normalizers.options import FixedOptions
from icereco_readers.own import OwnReader
from icereco_reconstructors.linefit import LineFit
from icereco_reconstructors.options import LineFitOptions
from torch import nn

from icereco.events.reconstruction import Reconstruction
from icereco.protocols import Features
from icereco.tables.schema import SCHEMA
from icereco.testing.random_events import random_events


class Loss(nn.Module):
    output_count = 3

    def __init__(self, fault):
        super().__init__()
        self.fault, self.sound = fault, VonMisesFisherLoss(VonMisesFisherOptions())
        self.targets = ("azimuth",) if fault == "says-its-targets" else ("direction",)

    def forward(self, outputs, truth):
        values = self.sound(outputs, truth)
        match self.fault:
            case "finite-everywhere":
                unit = outputs / outputs.norm(dim=-1, keepdim=True)
                return torch.arccos((unit * truth.direction).sum(-1).clamp(-1, 1))
            case "gradient-is-right":
                return values + outputs.sum(-1) - outputs.sum(-1).detach()
            case "events-do-not-leak":
                return values + values.mean()
            case "is-a-density":
                return 1.5 * values
            case "half-precision":
                return values.to(outputs.dtype)
        return values

    def decode(self, outputs):
        decoded = self.sound.decode(outputs)
        match self.fault:
            case "decodes-within-range":
                return dataclasses.replace(decoded, direction=outputs)
            case "learns-the-truth":
                return dataclasses.replace(decoded, direction=-decoded.direction)
            case "posterior-is-a-density" | "contours-hold-what-they-say":
                return dataclasses.replace(decoded, posterior=Spoilt(self.fault, decoded.posterior))
        return decoded


class Spoilt:
    """A posterior that is twice too high, or whose contours are those of a wider density."""

    def __init__(self, fault, sound):
        self.fault, self.sound = fault, sound
        self.mode, self.kappa, self.sample, self.content = (
            sound.mode,
            sound.kappa,
            sound.sample,
            sound.content,
        )

    def __len__(self):
        return len(self.sound)

    def log_density(self, directions):
        return self.sound.log_density(directions) + np.log(2) * (self.fault == "posterior-is-a-density")

    def as_mixture(self):
        return self.sound

    def contour_level(self, probability):
        return self.sound.contour_level(probability / 2)


class Normalizer(nn.Module):
    def __init__(self, fault, scale, detector):
        super().__init__()
        self.fault, self.scale = fault, scale
        self.sound = FixedNormalizer(FixedOptions(), detector)
        self.feature_count = 8 if fault == "features-of-every-pulse" else 7

    def cleaned(self, batch):
        if self.fault != "cleans-each-event-alone":
            return batch
        first_ns = batch.time_ns[batch.pulse_offsets[:-1]]
        return batch.with_doms(first_ns <= batch.time_ns.median())

    def forward(self, batch):
        features = self.sound(batch)
        pulses = features.pulses
        match self.fault:
            case "features-are-of-order-one":
                pulses = torch.cat([batch.time_ns.float()[:, None], pulses[:, 1:]], -1)
            case "finite-on-extremes":
                pulses = torch.cat([batch.charge_pe.log10()[:, None], pulses[:, 1:]], -1)
            case "small-and-empty-batches":
                pulses = pulses / (pulses.amax(0) - pulses.amin(0)) if len(pulses) else pulses
            case "alone-as-in-company":
                pulses = pulses - pulses.mean(0)
            case "constants-are-stored":
                pulses = pulses * self.scale
        return Features(pulses, features.positions)


class Reader:
    def __init__(self, fault):
        self.fault, self.sound = fault, OwnReader()

    def sniff(self, path):
        return {"refuses-strange-files": True, "knows-its-own-format": False}.get(
            self.fault, self.sound.sniff(path)
        )

    def files(self, path):
        return [] if self.fault == "names-its-files" else self.sound.files(path)

    def schema(self, path):
        announced = self.sound.schema(path)
        late = self.fault == "announces-columns"
        return announced.append(pa.field("weight", pa.float64())) if late else announced

    def count(self, path):
        return self.sound.count(path) + (self.fault == "counts-what-it-reads")

    def read(self, path, detector, rows_per_batch=4096):
        rows = 4096 if self.fault == "any-batch-size" else rows_per_batch
        for batch in self.sound.read(path, detector, rows):
            table = pa.Table.from_batches([batch])
            match self.fault:
                case "own-layout":
                    table = replaced(table, "charge", pa.list_(pa.float64()))
                case "order":
                    table = table.take(list(reversed(range(len(table)))))
                case "units":
                    late = [[time / 1e3 for time in event] for event in table["time"].to_pylist()]
                    table = replaced(table, "time", pa.list_(pa.float64()), late)
            yield table.combine_chunks().to_batches()[0]


def replaced(table, name, kind, values=None):
    column = pa.array(table[name].to_pylist() if values is None else values, kind)
    return table.set_column(table.column_names.index(name), name, column)


class Simulator:
    hoard = np.random.default_rng(0)

    def __init__(self, fault):
        self.fault = fault

    def blocks(self, seed, first_block=0):
        for made, block in enumerate(itertools.count(first_block)):
            number = made if self.fault == "blocks-stand-alone" else block
            kind = 0 if self.fault == "another-seed-other-events" else seed
            if self.fault == "same-seed-same-events":
                kind = int(self.hoard.integers(1 << 30))
            table = random_events(np.array([5, 9, 12]), seed=1_000 * kind + number)
            first = 0 if self.fault == "events-are-valid" else 100 * block
            table = replaced(table, "event_id", pa.int64(), [first, first + 1, first + 2])
            if self.fault == "truth":
                table = replaced(table, "zenith", pa.float64(), [200.0, 10.0, 3.0])
            yield table.cast(SCHEMA).combine_chunks().to_batches()[0]


class Reconstructor:
    def __init__(self, fault, detector):
        self.fault, self.sound, self.detector = fault, LineFit(LineFitOptions()), detector

    def __call__(self, batch, seeds):
        found = self.sound(batch)
        direction = found.direction
        assert batch.sensor_id.max() < len(self.detector.position_m)
        match self.fault:
            case "one-direction-per-event":
                direction = 2 * direction
            case "points-to-the-origin":
                direction = -direction
            case "rotation":
                direction = np.abs(direction)
            case "clock":
                angle = batch.time_ns.mean() / 1e6
                turn = np.array(
                    [[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
                )
                direction = direction @ turn
            case "alone-as-in-company":
                direction = direction + np.nanmean(direction, axis=0)
                direction = direction / np.linalg.norm(direction, axis=1, keepdims=True)
            case "leaves-its-input-alone":
                batch.time_ns[:] = batch.time_ns - batch.time_ns.min()
            case "says-what-it-used":
                return Reconstruction(direction, pulses_used=batch.pulse_count + 1)
            case "failed-seeds":
                direction = seeds[0].direction if seeds else direction
            case "names-its-columns":
                return Reconstruction(direction, extras={"linefit_kappa": np.ones(len(batch))})
        return dataclasses.replace(found, direction=direction)


def loss(fault):
    return lambda options: Loss(fault)


def normalizer(fault):
    return lambda options, detector: Normalizer(fault, options.scale, detector)


def reader(fault):
    return lambda options: Reader(fault)


def simulator(fault):
    return lambda options, detector: Simulator(fault)


def reconstructor(fault):
    return lambda options, detector: Reconstructor(fault, detector)
