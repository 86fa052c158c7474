"""Run every measurement, or those named, each in a process of its own: `python -m bench [collect render …]`.

Options after a single name are its own: `python -m bench sending --quick`.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(words: list[str]) -> int:
    """Run them one after the other; the exit code is 1 when one failed or a name is unknown."""
    alone = len(words) > 1 and words[1].startswith("-")
    wanted, options = (words[:1], words[1:]) if alone else (words, [])
    there = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))
    unknown = [name for name in wanted if name not in there]
    if unknown:
        print(
            f"There is no measurement {', '.join(unknown)}; there are: {', '.join(there)}.", file=sys.stderr
        )
        return 1
    failed = [name for name in wanted or there if not _run(name, options)]
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


def _run(name: str, options: list[str]) -> bool:
    purpose = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))) or name
    print(f"== {purpose.splitlines()[0].partition(': `')[0]}", flush=True)
    done = subprocess.run([sys.executable, "-m", f"bench.{name}", *options], cwd=HERE.parent, check=False)
    print(flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
