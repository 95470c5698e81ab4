"""SVG to PNG. resvg keeps Python's lock while it draws, so it draws in a process of its own: the site's threads go on."""

import re
import subprocess
import sys
from pathlib import Path
from threading import BoundedSemaphore

import resvg_py

HERE = Path(__file__).parent
FONTS = sorted(str(font) for font in (HERE / "fonts").glob("*.ttf"))
AT_ONCE = BoundedSemaphore(2)  # per worker: drawing takes a whole core
QUEUE = 10  # seconds to wait for one's turn
OTHER = re.compile("[^\u0000-\u024f\u1e00-\u1eff\u2000-\u206f]")
PATIENCE = 30  # seconds; a drawing takes about 0.2


class Busy(subprocess.SubprocessError):
    """Too many drawings are asked for at once."""


def png(svg: str) -> bytes:
    """Draw an SVG file. Latin text depends on no font of this machine. Raises subprocess.SubprocessError, Busy among them."""
    if not AT_ONCE.acquire(timeout=QUEUE):
        raise Busy
    try:
        command = [sys.executable, "-m", "characters.raster"]
        drawn = subprocess.run(command, input=svg.encode(), capture_output=True, check=True, cwd=HERE.parent, timeout=PATIENCE)
    finally:
        AT_ONCE.release()
    return drawn.stdout


def latin(text: str) -> bool:
    """Return whether our own fonts have all of a text's letters."""
    return not OTHER.search(text)


def main() -> None:
    """Draw standard input to standard output. This machine's fonts help out with other writing, if it has any."""
    svg = sys.stdin.buffer.read().decode()
    sys.stdout.buffer.write(resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=latin(svg), font_files=FONTS))


if __name__ == "__main__":
    main()
