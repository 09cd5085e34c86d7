"""A process that asks for a compiled run, then compiles all the same; prints the refusal and whether it worked."""

import json
import sys

import torch
from truscore.recipes import InvalidConfig, resolve
from truscore.zoo.compilation import why_not_compilable

import services.trainer.worker.imports  # noqa: F401  as a training process, which imports without the compiler
from services.trainer.worker.build_run import check_supported
from services.trainer.worker.devices import Place
from services.trainer.worker.distributed import WorkerGroup

CPU = Place(device=torch.device("cpu"), name="cpu", cpus=1)


def refusal() -> str:
    overrides = {"architecture_config": {"optimization_mode": "default"}}
    try:
        check_supported(resolve("border_detection", "dual_class", "", overrides), place=CPU, group=WorkerGroup())
    except InvalidConfig as error:
        return str(error)
    return ""


def compiles() -> bool:
    from torch._inductor import config

    config.cpp.simdlen = 1  # without the headers of vector instructions, which take many seconds
    x_N = torch.arange(5.0)
    try:
        return bool(torch.equal(torch.compile(lambda values_N: values_N * 2 + 1)(x_N), x_N * 2 + 1))
    except Exception:  # noqa: BLE001  whatever the compiler does
        return False


if __name__ == "__main__":
    output = {"refusal": refusal(), "for_a_gpu": why_not_compilable("cuda"), "compiles": compiles()}
    sys.stdout.write(json.dumps(output))
