"""README.md, made from nbs/index.ipynb. Run this file to write it.

`nbdev-readme` needs Quarto. This takes nbdev's own steps up to there, then nbconvert."""
import re, sys
from pathlib import Path

from nbconvert import MarkdownExporter
from nbdev.config import get_config
from nbdev.process import NBProcessor
from nbdev.processors import filter_stream_, hide_, hide_line, rm_export, strip_ansi
from nbformat import from_dict

sys.path.insert(0, str(Path(__file__).parent))
from pages import with_clone

ROOT = Path(__file__).parent.parent
WHAT = 'One message, and under it the chosen and the rejected reply side by side, with what differs underlined'
PAIR = f'![{WHAT}](images/pair.png)'
MADE = '<!-- Made from nbs/index.ipynb by `make readme`: change it there. -->'

def link_from_here(match):
    "A link of the notebook, as seen from the folder of README.md"
    return f"]({(ROOT/'nbs'/match[1]).resolve().relative_to(ROOT).as_posix()}"

def show_picture(cell):
    "Show the picture of a pair where the site has its HTML, of which GitHub drops the style"
    for output in cell.get('outputs', []):
        if 'text/html' in output.get('data', {}): output['data'] = {'text/markdown': PAIR}

def readme():
    "The text of README.md"
    procs = [strip_ansi, hide_line, filter_stream_, rm_export, hide_]
    steps = NBProcessor(ROOT/'nbs/index.ipynb', procs, process=True)
    for cell in steps.nb.cells: show_picture(cell)
    nb = from_dict(dict(steps.nb, metadata=dict(language_info=dict(name='python'))))
    text = MarkdownExporter().from_notebook_node(nb)[0].strip() + '\n'
    text = with_clone(text, get_config().git_url)
    text = re.sub(r'\]\((?!https?:)([^)]+)', link_from_here, text)
    return re.sub(r'\n{3,}', '\n\n', text).replace('\n\n', f'\n\n{MADE}\n\n', 1)

if __name__ == '__main__': (ROOT/'README.md').write_text(readme(), encoding='utf-8')
