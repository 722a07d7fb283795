"""
Serve entry points of the folder given, through functions-framework, for infra.package_check.

Runs with the archive and its requirements alone, so it imports nothing of the repository. Reads a
list of requests on standard input and prints the list of answers.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Import every entry point, then send each request to its function."""
    source = Path(sys.argv[1])
    import functions_framework

    import main as entries

    for name in dir(entries):
        getattr(entries, name)
    answers: list[dict[str, Any]] = []
    for asked in json.load(sys.stdin):
        app = functions_framework.create_app(
            asked["function"], str(source / "main.py"), asked["signature"]
        )
        body = bytes.fromhex(asked["hex"]) if "hex" in asked else asked["body"].encode()
        answer = app.test_client().post("/", data=body, headers=asked["headers"])
        answers.append({"status": answer.status_code, "text": answer.get_data(as_text=True)})
    strangers = [
        name for name, module in sys.modules.items()
        if "site-packages" in str(getattr(module, "__file__", "") or "")
    ]  # fmt: skip
    if strangers:
        raise SystemExit(f"imported from elsewhere: {strangers[:5]}")
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
