"Read by JupyterLab when `make lab` starts it: saving a notebook cleans it, and clears the cells that show rows."
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from clear_rows import clean_before_saving  # noqa: E402

c.ContentsManager.pre_save_hook = clean_before_saving  # noqa: F821  # Jupyter puts `c` here
