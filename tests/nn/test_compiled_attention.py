"""Attention as machine code: what it gives and the gradient of it, in any company, on any number of threads."""

import subprocess
import sys

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from icereco.nn import kernels
from icereco.nn.compiled import attention
from icereco.nn.compiled.attention import compiled
from icereco.nn.compiled.operations import ROWS, weigh
from icereco.nn.compiled.sequences import BLOCK
from icereco.nn.ragged import Sequences

LENGTHS = [1, 2, 4, 5, 16, 17, 33, 48, BLOCK, BLOCK + 1, 3 * BLOCK + 7]


def sequences_of(lengths: list[int]) -> Sequences:
    return Sequences.from_offsets(torch.tensor([0, *lengths]).cumsum(0))


def random_qkv(tokens: int, heads: int = 3, channels: int = 16, seed: int = 0) -> Tensor:
    return torch.randn(tokens, 3, heads, channels, generator=torch.Generator().manual_seed(seed))


def outcome(kernel: str, qkv: Tensor, sequences: Sequences) -> tuple[Tensor, Tensor]:
    entering = qkv.clone().requires_grad_()
    attended = kernels.attend(kernel, entering, sequences)
    gradient = torch.randn(attended.shape, generator=torch.Generator().manual_seed(1)).to(attended.dtype)
    attended.backward(gradient)
    return attended.detach(), entering.grad


@pytest.mark.parametrize("channels", [1, 8, 16, 24, 48])
def test_it_agrees_with_the_loop_for_any_number_of_channels(channels):
    sequences = sequences_of(LENGTHS)
    qkv = random_qkv(sum(LENGTHS), channels=channels)
    for ours, expected in zip(
        outcome("compiled", qkv, sequences), outcome("reference", qkv, sequences), strict=True
    ):
        torch.testing.assert_close(ours, expected, atol=2e-5, rtol=1e-5)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.floats(0.1, 6.0))
@settings(max_examples=30, deadline=None)
def test_it_agrees_with_the_loop_whatever_the_scores(lengths, size):
    sequences = sequences_of(lengths)
    qkv = size * random_qkv(sum(lengths))
    exact = [one.float() for one in outcome("reference", qkv.double(), sequences)]
    for ours, expected in zip(outcome("compiled", qkv, sequences), exact, strict=True):
        torch.testing.assert_close(ours, expected, atol=1e-5 * size**3 + 1e-5, rtol=1e-3)


def test_numbers_in_bfloat16_are_rounded_once():
    sequences, qkv = sequences_of(LENGTHS), random_qkv(sum(LENGTHS)).bfloat16()
    exact = outcome("compiled", qkv.float(), sequences)
    attended, _ = outcome("compiled", qkv, sequences)
    assert torch.equal(attended, exact[0].bfloat16())

    entering = qkv.clone().requires_grad_()
    gradient = torch.randn(attended.shape).bfloat16()
    kernels.attend("compiled", entering, sequences).backward(gradient)
    precise = qkv.float().requires_grad_()
    kernels.attend("compiled", precise, sequences).backward(gradient.float())
    assert torch.equal(entering.grad, precise.grad.bfloat16())


def test_a_sequence_gives_the_same_bits_in_any_company_and_on_any_number_of_threads(monkeypatch):
    monkeypatch.setattr(attention, "_WORK_OF_A_THREAD", 1)
    sequences, qkv = sequences_of(LENGTHS), random_qkv(sum(LENGTHS))
    threads = torch.get_num_threads()
    results = []
    for count in (1, 2, 5):
        torch.set_num_threads(count)
        results.append(outcome("compiled", qkv, sequences))
    torch.set_num_threads(threads)
    for first, other in zip(results[0] * 2, (*results[1], *results[2]), strict=True):
        assert torch.equal(first, other)
    for start, end in zip(sequences.offsets[:-1].tolist(), sequences.offsets[1:].tolist(), strict=True):
        alone = compiled(qkv[start:end], sequences_of([end - start]))
        assert torch.equal(alone, results[0][0][start:end])


def test_no_threads_are_missing_in_a_process_that_was_forked():
    program = (
        "import os, torch\n"
        "from icereco.nn.compiled import attention\n"
        "from icereco.nn.ragged import Sequences\n"
        "attention._WORK_OF_A_THREAD = 1\n"
        "torch.set_num_threads(2)\n"
        "qkv, sequences = torch.randn(40, 3, 2, 16), Sequences.from_offsets(torch.tensor([0, 20, 40]))\n"
        "expected = attention.compiled(qkv, sequences)\n"
        "child = os.fork()\n"
        "same = torch.equal(attention.compiled(qkv, sequences), expected)\n"
        "os._exit(not same) if child == 0 else exit(os.waitpid(child, 0)[1])\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_a_batch_without_tokens_has_nothing_to_attend_to():
    for lengths in ([], [0, 0]):
        attended, gradient = outcome("compiled", random_qkv(0), sequences_of(lengths))
        assert attended.shape == (0, 3, 16)
        assert gradient.shape == (0, 3, 3, 16)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize("part", [1, 2])
def test_what_is_not_finite_is_in_all_of_its_sequence_and_nowhere_else(number, part):
    sequences, qkv = sequences_of([5, 7, 20]), random_qkv(32).abs()
    expected = compiled(qkv, sequences)
    qkv[6, part] = number
    attended = compiled(qkv, sequences)
    assert not attended[5:12].isfinite().any()
    assert torch.equal(attended[:5], expected[:5])
    assert torch.equal(attended[12:], expected[12:])


def test_other_precisions_are_refused():
    with pytest.raises(TypeError, match="float64"):
        compiled(random_qkv(4).double(), sequences_of([4]))


def test_float64_is_attended_by_another_kernel():
    qkv, sequences = random_qkv(30).double(), sequences_of([10, 20])
    torch.testing.assert_close(
        kernels.attend("auto", qkv, sequences), kernels.reference(qkv, sequences), atol=1e-12, rtol=1e-12
    )


@numba.njit
def weighed(scores, length, sums):
    weigh(scores, 0, len(scores) // ROWS, length, sums)


@given(st.lists(st.floats(-80.0, 80.0, width=32), min_size=1, max_size=40))
def test_weights_of_four_rows_are_those_of_numpy(numbers):
    length = len(numbers)
    rows = np.full((ROWS, -length % 16 + length), 1e3, np.float32)
    rows[:, :length] = np.stack([np.roll(numbers, shift) * 0.5**shift for shift in range(ROWS)])
    highest, sums = rows[:, :length].max(axis=1), np.zeros(2 * ROWS, np.float32)
    expected = np.exp2(np.maximum(rows[:, :length] - highest[:, None], -126.0).astype(np.float64))
    weighed(rows.ravel(), length, sums)
    np.testing.assert_allclose(rows[:, :length], expected, rtol=2e-7)
    np.testing.assert_array_equal(rows[:, length:], 0.0)
    np.testing.assert_array_equal(sums[:ROWS], highest)
    np.testing.assert_allclose(sums[ROWS:], expected.sum(axis=1), rtol=1e-5)
