"""The built-in models, and the programs that made them."""
import pathlib
import sys

import mlx.core as mx

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
mx.set_default_device(mx.cpu)  # as the server, on every machine
