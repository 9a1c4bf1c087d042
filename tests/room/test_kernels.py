"""Kernels forked from a template: quick, small, and nothing shared that must not be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from handson.errors import HandsonError
from handson.room.forge.provisioner import own_kernel
from tests.room.forge import Kernel, Template

if not sys.platform.startswith("linux"):
    pytest.skip("seats are forked on Linux", allow_module_level=True)

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    template = Template(tmp_path_factory.mktemp("forge"))
    yield template
    template.end()


@pytest.fixture(scope="module")
def two(template: Template) -> Iterator[tuple[Kernel, Kernel]]:
    with template.kernel() as one, template.kernel() as other:
        yield one, other


RESULT = "import torch\nlayer = torch.nn.Conv2d(3, 8, 3)\nlayer(torch.randn(8, 3, 32, 32)).sum().backward()"


def test_a_kernel_with_a_gradient_and_a_plot_has_little_of_its_own(template: Template) -> None:
    with template.kernel() as kernel:
        kernel.run(RESULT + "\nfrom handson import lab\nlab.plot({'squares': [(x, x * x) for x in range(5)]})")
        rollup = Path(f"/proc/{kernel.process.pid}/smaps_rollup").read_text().splitlines()
        private = sum(int(line.split()[1]) for line in rollup if line.startswith("Private")) / 1024
        assert private <= 60


def test_the_template_has_one_thread(template: Template) -> None:
    assert len(list(Path(f"/proc/{template.process.pid}/task").iterdir())) == 1


def test_a_kernel_imports_nothing_at_its_start_that_its_template_could_have(template: Template) -> None:
    loaded = "' '.join(name for name in sys.modules if getattr(sys.modules[name], '__file__', None))"
    script = f"import sys\nimport handson.room.forge.__main__\nfrom handson.room.forge.kernels import Kernels\nKernels().preload()\nprint({loaded})"
    before = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True).stdout
    with template.kernel() as kernel:
        after = kernel.value(loaded, "import sys")
    later = set(after.strip("'").split()) - set(before.split())
    assert later <= {"__main__", "__mp_main__"}


@pytest.mark.parametrize(
    ("source", "lines"),
    {
        "random": ("random.getrandbits(64)", "import random"),
        "numpy": ("numpy.random.rand()", "import numpy"),
        "torch": ("torch.rand(4).tolist()", "import torch"),
        "torch's seed": ("torch.initial_seed()", "import torch"),
        "uuid4": ("uuid.uuid4().hex", "import uuid"),
        "uuid1": ("uuid.uuid1().hex", "import uuid"),
        "secrets": ("secrets.token_hex()", "import secrets"),
        "ssl": ("ssl.RAND_bytes(16)", "import ssl"),
        "tempfile": ("tempfile.mktemp()", "import tempfile"),
        "multiprocessing": ("bytes(multiprocessing.current_process().authkey)", "import multiprocessing"),
        "session": ("get_ipython().kernel.session.session", ""),
    }.values(),
)
def test_no_two_kernels_draw_the_same(two: tuple[Kernel, Kernel], source: str, lines: str) -> None:
    one, other = (kernel.value(source, lines) for kernel in two)
    assert one != other


def test_no_kernel_measures_again_how_fast_the_machine_is(template: Template) -> None:
    """It is measured beside the template, which may not have heard of it when the first kernels are forked."""
    deadline = time.monotonic() + 60
    while True:
        with template.kernel() as kernel:
            if kernel.value("session.known is not None", "from handson.lab import session") == "True":
                kernel.run("session._steps_per_second = None\nsession.begin()")
                return
        assert time.monotonic() < deadline


def test_the_seed_of_hash_is_not_known_before(two: tuple[Kernel, Kernel]) -> None:
    """It is one for all that come of a template (it cannot be changed in a running Python), and another for each template."""
    known = subprocess.run(
        [sys.executable, "-c", "print(hash('a'))"], env={"PYTHONHASHSEED": "0"}, capture_output=True, text=True
    ).stdout
    assert two[0].value("hash('a')") != known.strip()
    assert two[0].value("sys.flags.hash_randomization", "import sys") == "1"


FRESH = {
    "file descriptors: none of the template's": (
        "[n for n in map(str, range(200)) if os.path.exists(f'/proc/self/fd/{n}')"
        " and 'socket:[LISTENER]' in os.readlink(f'/proc/self/fd/{n}')]",
        "import os",
        "[]",
    ),
    "standard input is empty": ("os.read(0, 1)", "import os", "b''"),
    "umask": ("oct(os.umask(0o77))", "import os", "'0o22'"),
    "a session of its own": ("os.getsid(0) == os.getpid() == os.getpgid(0)", "import os", "True"),
    "no controlling terminal": (
        "terminal()",
        "def terminal():\n    try:\n        open('/dev/tty').close()\n    except OSError as error:\n        return error.errno",
        "6",
    ),
    "signals that are blocked": ("signal.pthread_sigmask(signal.SIG_BLOCK, [])", "import signal", "set()"),
    "children's ends are waited for": ("subprocess.run(['true']).returncode", "import subprocess", "0"),
    "SIGTERM ends it": ("signal.getsignal(signal.SIGTERM) == signal.SIG_DFL", "import signal", "True"),
    "SIGCHLD": ("signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL", "import signal", "True"),
    "no handler of the template's loggers": ("logging.getLogger().handlers", "import logging", "[]"),
    "level of the root logger": ("logging.getLogger().level", "import logging", "30"),
    "a new event loop runs": ("answer", "import asyncio\nanswer = await asyncio.sleep(0.01, 'awake')", "'awake'"),
    "a new ZMQ context": (
        "zmq.Context.instance().underlying != get_ipython().kernel.iopub_thread.socket.context.underlying and not"
        " zmq.Context.instance().closed",
        "import zmq",
        "True",
    ),
    "threads of PyTorch": ("torch.get_num_threads()", "import torch", "1"),
    "garbage is collected": ("gc.isenabled()", "import gc", "True"),
    "what is shared is no garbage": ("gc.get_freeze_count() > 100_000", "import gc", "True"),
    "threads can be started": (
        "list(pool.map(abs, [-1, -2]))",
        "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(2)",
        "[1, 2]",
    ),
    "autograd after the fork, on several threads": (
        "float(x.grad)",
        "import torch\ntorch.set_num_threads(2)\nx = torch.ones(1, requires_grad=True)\n(torch.ones(400, 400) @ "
        "torch.ones(400, 400)).sum()\n(x * 3).backward()\ntorch.set_num_threads(1)",
        "3.0",
    ),
    "workers of a DataLoader": (
        "sorted(int(x) for batch in loader for x in batch)",
        "import torch\nloader = torch.utils.data.DataLoader(torch.arange(6), batch_size=2, num_workers=2)",
        "[0, 1, 2, 3, 4, 5]",
    ),
    "the working directory is its own": ("os.getcwd() == os.environ['HOME']", "import os", "True"),
    "modules of the working directory are found": (
        "mine.x",
        "from pathlib import Path\nPath('mine.py').write_text('x = 7')\nimport mine",
        "7",
    ),
    "matplotlib's folder is its own": (
        "matplotlib.get_configdir().startswith(os.environ['HOME'])",
        "import matplotlib, os",
        "True",
    ),
    "the folder for temporary files is its own": ("tempfile.gettempdir()", "import tempfile", "'/tmp'"),
    "no module of the template is __main__": ("__name__, 'Template' in dir()", "", "('__main__', False)"),
    "arguments are a kernel's": ("sys.argv[1]", "import sys", "'-f'"),
}


@pytest.mark.parametrize("what", FRESH)
def test_a_kernel_begins_like_a_new_program(template: Template, two: tuple[Kernel, Kernel], what: str) -> None:
    expression, before, expected = FRESH[what]
    if "matplotlib" in what:
        pytest.importorskip("matplotlib", reason="matplotlib is not installed, and no lesson needs it")
    if "LISTENER" in expression:
        (inode,) = [
            line.split()[6]
            for line in Path("/proc/net/unix").read_text().splitlines()
            if line.endswith(str(template.socket)) and line.split()[3] == "00010000"
        ]
        expression = expression.replace("LISTENER", inode)
    assert two[0].value(expression, before) == expected


def test_the_environment_is_the_one_that_was_asked_for(template: Template) -> None:
    with template.kernel(HELLO="there", OMP_NUM_THREADS="2") as kernel:
        names = kernel.value("sorted(os.environ)", "import os")
        assert "'HELLO'" in names
        assert "PYTHONPATH" not in names
        assert kernel.value("torch.get_num_threads()", "import torch") == "2"


def test_stop_interrupts_a_cell(template: Template) -> None:
    with template.kernel() as kernel:
        asked = kernel.client.execute("import time\ntime.sleep(30)", stop_on_error=False)
        time.sleep(0.3)
        os.killpg(kernel.process.pid, signal.SIGINT)
        assert kernel._reply(asked, 5)["ename"] == "KeyboardInterrupt"
        assert kernel.value("1 + 1") == "2"


def test_the_debugger_answers(template: Template) -> None:
    with template.kernel() as kernel:
        client = kernel.client
        content = {"type": "request", "seq": 1, "command": "debugInfo"}
        client.control_channel.send(client.session.msg("debug_request", content))
        reply = client.get_control_msg(timeout=10)["content"]
        assert reply["success"]
        assert reply["body"]["isStarted"] is False


def test_the_exit_status_of_a_kernel_is_told(template: Template) -> None:
    with template.kernel() as kernel:
        assert kernel.process.poll() is None
        kernel.client.execute("import os\nos._exit(3)")
        assert kernel.process.wait(5) == 3
    with template.kernel() as kernel:
        os.kill(kernel.process.pid, signal.SIGKILL)
        assert kernel.process.wait(5) == -signal.SIGKILL


def test_a_kernel_ends_with_the_server_that_asked_for_it(template: Template) -> None:
    with template.kernel() as kernel:
        assert kernel.process._news is not None
        kernel.process._news.close()
        kernel.process.wait(5)


def test_a_template_that_dies_takes_nobody_along(tmp_path: Path) -> None:
    template = Template(tmp_path)
    with template.kernel() as kernel:
        kernel.run("x = 41")
        template.kill()
        assert kernel.value("x + 1") == "42"
        with pytest.raises(ConnectionRefusedError), template.kernel():
            pass
        template.start()
        with template.kernel() as later:
            assert later.value("1 + 1") == "2"
            assert later.value("hash('a')") != kernel.value("hash('a')")
        assert kernel.value("x + 1") == "42"
        assert kernel.process.poll() is None
    template.end()


def test_there_are_no_more_kernels_than_there_may_be(tmp_path: Path) -> None:
    template = Template(tmp_path)
    kernels = [Kernel(template, {}) for _ in range(8)]
    try:
        with pytest.raises(HandsonError, match="8 kernels in room already"):
            Kernel(template, {})
    finally:
        for kernel in kernels:
            kernel.close()
    template.end()


def test_only_this_environments_own_kernel_is_forked() -> None:
    here = sys.executable
    assert own_kernel([here, "-m", "ipykernel_launcher", "-f", "x.json"]) == ["-f", "x.json"]
    assert own_kernel([here, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "x"]) == ["-f", "x"]
    assert own_kernel(["/usr/bin/python3", "-m", "ipykernel_launcher", "-f", "x.json"]) is None
    assert own_kernel([here, "-m", "bash_kernel", "-f", "x.json"]) is None
    assert own_kernel(["R", "--slave", "-e", "IRkernel::main()"]) is None
    assert own_kernel([]) is None
