"""The front end's own tests, types and habits: what `npm run test`, `typecheck` and `lint` say in `web/`."""

from __future__ import annotations

import subprocess

import pytest

from handson import nodejs
from handson.kit.frontend import CHECKOUT, packages

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.mark.parametrize("script", ["typecheck", "lint", "test"])
def test_the_front_end_is_right(script: str) -> None:
    npm = packages() if nodejs.npm() else pytest.skip("no Node.js with npm here: install them to test the front end")
    command = [*npm.command, "run", "--silent", script]
    done = subprocess.run(command, cwd=CHECKOUT, env=npm.environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
