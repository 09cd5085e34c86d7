"""How a network is run while it trains: compiled, or saving memory. Its weights and their names stay the same."""

import ctypes
import re
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache, partial
from pathlib import Path

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

# torch.compile builds each kernel as an extension of Python, so it takes a compiler and Python's headers.
PROBE = """#include <Python.h>
extern {c}int truscore_probe(void);
int truscore_probe(void) {{ return PY_MAJOR_VERSION; }}
"""
PROBE_TIMEOUT_S = 60.0


def stages(model: nn.Module) -> list[nn.Module]:
    """The parts of the backbone's body that have weights, first to last; of a list its members."""
    # The one name that all families share, see ``Framed`` and ``PyramidBackbone``.
    body = model.get_submodule("backbone.body")
    # A module list is no stage: it is never called, its members are.
    parts = [part for child in body.children() for part in (child if isinstance(child, nn.ModuleList) else [child])]
    return [part for part in parts if any(True for _ in part.parameters())]


def compile_stages(model: nn.Module, mode: str) -> None:
    """Compile the stages of the backbone, in place. ``mode`` is one of the recipe's optimization_mode, not "none".

    Stage by stage: around them detectors choose their regions by the data, which compilers can't follow.
    """
    import torch._inductor.config as inductor

    inductor.deterministic = torch.are_deterministic_algorithms_enabled()
    for stage in stages(model):
        # The method, not the module: a wrapped module would rename its weights ("_orig_mod."), and checkpoints with it.
        stage.forward = torch.compile(stage.forward, mode=mode.replace("_", "-"))


@cache
def why_not_compilable(device_type: str) -> str:
    """Why torch.compile can't work on this machine for "cpu" or "cuda"; empty where it can.

    Found by building and loading one line the way inductor builds its kernels for a CPU, and Triton its launchers for
    a GPU; once per process. A compiler alone proves nothing: without Python.h a run would die in its first step.
    """
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    try:
        # In inductor's own cache: where that lies on a file system without the right to execute, nothing can be loaded.
        with tempfile.TemporaryDirectory(prefix="probe-", dir=cache_dir()) as folder:
            source = Path(folder, "probe.c" if device_type == "cuda" else "probe.cpp")
            source.write_text(PROBE.format(c="" if device_type == "cuda" else '"C" '))
            command, library = (_launcher_build if device_type == "cuda" else _kernel_build)(source)
            _checked(command)
            return "" if ctypes.CDLL(str(library)).truscore_probe() else "a compiled function returns the wrong value"
    except _CannotCompile as error:
        return str(error)
    except OSError as error:
        return f"what is compiled can't be loaded: {error}"


class _CannotCompile(Exception):
    """The message says what is missing."""


def _kernel_build(source: Path) -> tuple[Sequence[str], Path]:
    """Inductor's command for a C++ kernel, and the library it makes."""
    from torch._inductor.cpp_builder import CppBuilder, CppTorchOptions
    from torch._inductor.cpu_vec_isa import invalid_vec_isa
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        options = CppTorchOptions(vec_isa=invalid_vec_isa, warning_all=False)
    except (InvalidCxxCompiler, OSError, subprocess.SubprocessError) as error:
        raise _CannotCompile("there is no C++ compiler (g++, or what CXX names)") from error
    builder = CppBuilder("probe", [str(source)], options, str(source.parent))
    return shlex.split(builder.get_command_line()), Path(builder.get_target_file_path())


def _launcher_build(source: Path) -> tuple[Sequence[str], Path]:
    """A command as Triton's for a C launcher (triton/runtime/build.py), and the library it makes."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        raise _CannotCompile("there is no C compiler (gcc or clang)")
    library = source.with_suffix(".so")
    include = sysconfig.get_path("include")
    return [compiler, str(source), "-O3", "-shared", "-fPIC", f"-I{include}", "-o", str(library)], library


def _checked(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _CannotCompile(f"{command[0]} can't be run: {error}") from error
    if done.returncode:
        found = re.search(r"(fatal )?error: .*", done.stderr)
        message = found.group() if found else done.stderr[-200:].strip()
        raise _CannotCompile(f"{command[0]} can't build an extension of Python: {message}")


def save_memory(model: nn.Module) -> None:
    """Forget each stage's activations and compute them again for the gradient (Chen et al. 2016), in place.

    The result is the same to the bit: norms don't count a batch twice.
    """
    for stage in stages(model):
        recompute = partial(_contexts, stage)
        # Not reentrant: the reentrant form needs an input with a gradient, and an image has none.
        stage.forward = partial(checkpoint, stage.forward, use_reentrant=False, context_fn=recompute)


def _contexts(stage: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _norms_at_rest(stage)


@contextmanager
def _norms_at_rest(stage: nn.Module) -> Iterator[None]:
    """Norms see the batch a second time and must not follow it a second time."""
    norms = [module for module in stage.modules() if isinstance(module, nn.BatchNorm2d) and module.training]
    before = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        # Running statistics become (1 - 0) old + 0 new; the batch's own are used all the same.
        norm.momentum = 0.0
        norm.num_batches_tracked = None if norm.num_batches_tracked is None else norm.num_batches_tracked.clone()
    try:
        yield
    finally:
        for norm, momentum, tracked in before:
            norm.momentum, norm.num_batches_tracked = momentum, tracked
