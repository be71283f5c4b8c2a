import contextlib

import pytest
import torch

from models.hardware.devices import choose_device, compute_dtype, threads
from thawline.errors import ParamsError


def test_auto_takes_what_there_is():
    device = choose_device("auto")
    assert device.type == ("cuda" if torch.cuda.is_available() else "mps" if torch.mps.is_available() else "cpu")


def test_precision_is_float32_on_a_cpu():
    assert compute_dtype(torch.device("cpu")) == torch.float32


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ParamsError, match=r"train.device 'cuda' is not on this machine, which has cpu.*or 'auto'"):
        choose_device("cuda")


def test_the_number_of_threads_is_put_back_even_after_an_error():
    before = torch.get_num_threads()
    inside = []
    with contextlib.suppress(KeyError), threads(before + 1):
        inside.append(torch.get_num_threads())
        raise KeyError
    assert inside == [before + 1]
    assert torch.get_num_threads() == before
