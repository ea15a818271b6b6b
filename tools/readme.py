"""README.md, made from nbs/index.ipynb. Run this file to write it.

`nbdev-readme` needs Quarto, which not every machine has. This takes nbdev's own steps up to there, then nbconvert."""
import re
from pathlib import Path

from nbconvert import MarkdownExporter
from nbdev.process import NBProcessor
from nbdev.processors import filter_stream_, hide_, hide_line, rm_export, strip_ansi
from nbformat import from_dict

ROOT = Path(__file__).parent.parent
MADE = '<!-- Made from nbs/index.ipynb by `make readme`: change it there. -->'

def readme():
    "The text of README.md"
    steps = NBProcessor(ROOT/'nbs/index.ipynb', [strip_ansi, hide_line, filter_stream_, rm_export, hide_], process=True)
    nb = from_dict(dict(steps.nb, metadata=dict(language_info=dict(name='python'))))
    text = MarkdownExporter().from_notebook_node(nb)[0].strip() + '\n'
    text = re.sub(r'\]\((?!https?:)([^)]+)', lambda m: f"]({(ROOT/'nbs'/m[1]).resolve().relative_to(ROOT).as_posix()}", text)  # links as seen from here
    return re.sub(r'\n{3,}', '\n\n', text).replace('\n\n', f'\n\n{MADE}\n\n', 1)

if __name__ == '__main__': (ROOT/'README.md').write_text(readme(), encoding='utf-8')
