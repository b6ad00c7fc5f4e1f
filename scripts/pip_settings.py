"""Print pip's index settings as the environment variables of uv, one `export` a line, for the bootstrap script."""

from __future__ import annotations

import ast
import os
import shlex
import subprocess
import sys
from pathlib import Path

# pip's option -> uv's variable and the separator of its list.
VARIABLES = {
    "find-links": ("UV_FIND_LINKS", ","),
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "no-index": ("UV_NO_INDEX", " "),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "default-timeout": ("UV_HTTP_TIMEOUT", " "),
    "timeout": ("UV_HTTP_TIMEOUT", " "),
    "cert": ("SSL_CERT_FILE", " "),
}
# Later wins, as in pip: [global] < [install] < PIP_* in the environment.
SECTIONS = ("global", "install", ":env:")


def read_pip() -> dict[str, list[str]]:
    """Return pip's effective options, from its files and the PIP_* environment, as lists of words."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    found: dict[tuple[str, str], list[str]] = {}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.rpartition(".")
        found[section, option] = str(ast.literal_eval(value)).split()
    return {option: words for section in SECTIONS for (at, option), words in found.items() if at == section}


def has_torch(folders: list[str]) -> bool:
    """Say whether a local folder of wheels holds a torch for this interpreter."""
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    paths = [Path(folder.removeprefix("file://")) for folder in folders]
    return any(path.is_dir() and any(path.glob(f"torch-*-{tag}-*.whl")) for path in paths)


def main() -> None:
    """Print the exports; what the user has set for uv already stays."""
    options = read_pip()
    exports = {VARIABLES[o][0]: VARIABLES[o][1].join(words) for o, words in options.items() if o in VARIABLES}
    if "UV_INDEX" in exports:  # pip takes the best version of all indexes, uv the first index that has one
        exports["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    folders = os.environ.get("UV_FIND_LINKS", exports.get("UV_FIND_LINKS", "")).split(",")
    if not has_torch(folders):
        exports["UV_TORCH_BACKEND"] = "cpu"
    for name, value in exports.items():
        if name not in os.environ:
            print(f"export {name}={shlex.quote(value)}")


if __name__ == "__main__":
    main()
