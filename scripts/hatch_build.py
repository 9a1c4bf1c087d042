"""Part of building a wheel: the front end of the lesson page goes into it, if it is built (`npm run build` in web/),
and pocket's native libraries, if they are (`python -m handson.pocket.build native`). What is missing is said.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class FrontEndHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        dist = Path(self.root) / "web" / "dist"
        if version == "editable":
            return  # `handson kit site` takes it from web/ itself, and builds it when it is stale
        if (dist / "page.js").is_file():
            build_data["force_include"][str(dist)] = "handson/kit/web"
        else:
            self.app.display_warning("web/dist is not built: this wheel cannot make a site (`handson kit site`).")
        if not list((Path(self.root) / "src" / "handson" / "pocket" / "built" / "native").glob("*")):
            self.app.display_warning(
                "handson.pocket has no native libraries: this wheel needs a C compiler for HANDSON_BACKEND=pocket."
            )
