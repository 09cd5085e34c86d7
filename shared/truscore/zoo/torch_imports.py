"""torchvision and torch's optimizers, without the seconds of a core that it takes to import torch's compiler.

`torchvision.ops.roi_align` imports `torch._dynamo` for one function, called on GPUs in deterministic mode alone,
`torchvision.tv_tensors` to keep one function from being compiled, and optimizers the same for four of their methods,
when these are first called. It would matter to torch.compile alone, where it met one of them; here that compiles stages
of networks (``truscore.zoo.compilation``), which call none.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

COMPILER, UTILITIES = "torch._dynamo", "torch._dynamo.utils"


def import_torchvision() -> None:
    """Imports it with what it needs of the compiler in its place. Nothing is changed where torchvision or the compiler
    is there already."""
    if "torchvision" not in sys.modules:
        with _stand_in():
            import torchvision
            import torchvision.tv_tensors  # noqa: F401


def prepare_optimizers() -> None:
    """From here on optimizers are made, zeroed, saved and restored without the compiler; ``step`` is another matter,
    see ``services.trainer.worker.optim``. Nothing is changed where the compiler is there already."""
    import torch

    with _stand_in():
        # Each method keeps what it was given for the first call: by the base class, for all optimizers.
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        optimizer.zero_grad()
        optimizer.load_state_dict(optimizer.state_dict())


@contextmanager
def _stand_in() -> Iterator[None]:
    """A module with the compiler's name that compiles nothing, for as long as the block runs."""
    if COMPILER in sys.modules:
        yield
        return
    import torch

    package, utilities = ModuleType(COMPILER), ModuleType(UTILITIES)
    utilities.__dict__["is_compile_supported"] = _is_compile_supported
    package.__dict__.update({"utils": utilities, "disable": _as_it_is})
    sys.modules.update({COMPILER: package, UTILITIES: utilities})
    torch.__dict__["_dynamo"] = package
    try:
        yield
    finally:
        del sys.modules[COMPILER], sys.modules[UTILITIES], torch.__dict__["_dynamo"]


def _is_compile_supported(device_type: Any) -> Any:
    from torch._dynamo.utils import is_compile_supported

    return is_compile_supported(device_type)


def _as_it_is(function: Callable[..., Any], *_: Any, **__: Any) -> Callable[..., Any]:
    return function
