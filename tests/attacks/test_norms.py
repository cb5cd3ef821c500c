import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pasunchat.attacks.norms import L2, LINF, row_sums


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 5))
def test_norms_agree_with_torch(seed: int, rows: int) -> None:
    noise = torch.randn(rows, 3, 5, 4, generator=torch.Generator().manual_seed(seed))
    flat = noise.flatten(1)
    assert torch.allclose(L2.measure(noise), torch.linalg.vector_norm(flat, 2, 1))
    assert torch.equal(LINF.measure(noise), torch.linalg.vector_norm(flat, torch.inf, 1))


def test_one_level_in_one_value_is_one_255th() -> None:
    noise = torch.zeros(1, 3, 4, 4)
    noise[0, 1, 2, 3] = 1 / 255
    assert L2.measure(noise).item() == pytest.approx(1 / 255)
    assert LINF.measure(noise).item() == pytest.approx(1 / 255)


def test_a_row_s_sum_is_the_same_bits_in_any_company() -> None:
    values = torch.randn(7, 3, 50, 50)
    together = row_sums(values)
    assert all(torch.equal(together[k], row_sums(values[k : k + 1])[0]) for k in range(7))
    assert row_sums(values[:0]).shape == (0,)
