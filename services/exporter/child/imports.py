"""torchvision, without the seconds of a core that it takes to import torch's compiler.

`torchvision.ops.roi_align` imports `torch._dynamo` for one function, called on GPUs in deterministic mode alone.
"""

import sys
from types import ModuleType
from typing import Any

COMPILER, UTILITIES = "torch._dynamo", "torch._dynamo.utils"


def import_torchvision() -> None:
    """Imports it with that function in its place, which imports the compiler when it is called.

    Nothing is changed where torchvision or the compiler is there already.
    """
    if COMPILER in sys.modules or "torchvision" in sys.modules:
        return
    package, utilities = ModuleType(COMPILER), ModuleType(UTILITIES)
    utilities.__dict__["is_compile_supported"] = _is_compile_supported
    package.__dict__["utils"] = utilities
    sys.modules.update({COMPILER: package, UTILITIES: utilities})
    try:
        import torchvision  # noqa: F401
    finally:
        del sys.modules[COMPILER], sys.modules[UTILITIES]


def _is_compile_supported(device_type: Any) -> Any:
    from torch._dynamo.utils import is_compile_supported

    return is_compile_supported(device_type)
