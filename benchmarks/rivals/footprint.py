"""What importing costs beyond scikit-learn: time, memory, and bytes on the disk; fresh processes."""

import json
import subprocess
import sys
from importlib import metadata, util
from pathlib import Path

BASE = "from sklearn.neural_network import MLPClassifier"
IMPORTS = {
    "sklstm": "import sklstm",
    "numba": "import numba",
    "torch": "import torch",
    "jax": "import jax.numpy",
    "onnxruntime": "import onnxruntime",
}
DISTRIBUTIONS = {"numba": ("numba", "llvmlite"), "jax": ("jax", "jaxlib")}
CODE = """
import json, time
{base}
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
memory, wall, cpu = resident(), time.perf_counter(), time.process_time()
{statement}
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
print(json.dumps([cpu, wall, resident() - memory]))
"""


def once(system):
    """CPU seconds, seconds on the wall and bytes of resident memory that the import adds."""
    code = CODE.format(base=BASE, statement=IMPORTS[system])
    done = subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def installed_bytes(system):
    """Size of the files of its distributions; of the package's folder if it is not installed."""
    try:
        files = [file for name in DISTRIBUTIONS.get(system, (system,)) for file in metadata.files(name) or ()]
        return sum(path.stat().st_size for path in {Path(file.locate()) for file in files} if path.exists())
    except metadata.PackageNotFoundError:
        folder = Path(util.find_spec(system).origin).parent
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measure(rounds):
    """Medians over the rounds, in which the systems take turns."""
    seen = {system: [] for system in IMPORTS}
    for _ in range(rounds):
        for system, values in seen.items():
            values.append(once(system))
    middle = {
        system: [sorted(column)[rounds // 2] for column in zip(*values)] for system, values in seen.items()
    }
    return {
        system: {
            "cpu_seconds": cpu,
            "wall_seconds": wall,
            "resident_bytes": memory,
            "installed_bytes": installed_bytes(system),
        }
        for system, (cpu, wall, memory) in middle.items()
    }
