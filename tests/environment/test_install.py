"""The pieces of the installation that need no installation."""

from __future__ import annotations

from pathlib import Path

import pytest

from handson.environment.install import cuda_of, locked_block, no_torch, refuse_cuda, torch_requirement
from handson.environment.trouble import SetupError, StepFailedError

CPU = "__version__ = '2.13.0+cpu'\ndebug = False\ncuda: Optional[str] = None\nhip: Optional[str] = None\n"


def test_linux_pins_the_cpu_build_and_the_others_take_it_from_the_lock() -> None:
    assert torch_requirement("linux-x86_64") == "torch==2.13.0+cpu"
    assert torch_requirement("linux-aarch64") == "torch==2.13.0+cpu"
    assert torch_requirement("macos-arm64") is None
    assert torch_requirement("windows-x86_64") is None


def test_a_cpu_build_is_recognized_without_importing_it(tmp_path: Path) -> None:
    (tmp_path / "version.py").write_text(CPU)
    assert cuda_of(CPU) is None
    refuse_cuda(tmp_path / "version.py")


def test_a_cuda_build_is_refused_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "version.py").write_text(CPU.replace("cuda: Optional[str] = None", "cuda: Optional[str] = '13.0'"))
    with pytest.raises(SetupError, match=r"build for CUDA 13\.0, not the CPU build") as error:
        refuse_cuda(tmp_path / "version.py")
    assert "pip config list" in error.value.way_out


def test_a_torch_that_cannot_be_recognized_is_not_trusted(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be recognized"):
        refuse_cuda(tmp_path / "version.py")
    (tmp_path / "version.py").write_text("something else")
    with pytest.raises(SetupError, match="cannot be recognized"):
        refuse_cuda(tmp_path / "version.py")


def test_where_the_cpu_build_cannot_be_had_the_file_to_download_is_named() -> None:
    failed = StepFailedError("Installing PyTorch", "error: no version of torch==2.13.0+cpu")
    error = no_torch("torch==2.13.0+cpu", "linux-aarch64", "your own indexes", failed)
    assert "no version of torch==2.13.0+cpu" in error.cause
    assert "torch-2.13.0+cpu-cp3" in error.way_out
    assert "manylinux_2_28_aarch64.whl from https://download.pytorch.org/whl/cpu/torch/" in error.way_out
    assert "never installed" in error.way_out


def test_one_package_of_a_lock_keeps_its_hashes() -> None:
    rich = "rich==1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
    lock = rich + "uv==2 \\\n    --hash=sha256:cc\nuvloop==3 \\\n    --hash=sha256:dd\n"
    assert locked_block(lock, "uv") == "uv==2 \\\n    --hash=sha256:cc\n"
    with pytest.raises(SetupError, match="pip is not in the locked requirements"):
        locked_block(lock, "pip")
