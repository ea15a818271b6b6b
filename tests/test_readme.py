"README.md is what the index notebook gives, and the notebook shows what its cells give now."
import nbformat
from nbclient import NotebookClient
from hh_nbdev import load_hh
from readme import ROOT, readme

TEXT = (ROOT/'README.md').read_text(encoding='utf-8')

def test_is_fresh(): assert TEXT == readme(), 'README.md is not what nbs/index.ipynb gives: run `make readme`'

def test_shows_its_own_output_and_nothing_hidden():
    assert load_hh('sample').report._repr_markdown_() in TEXT, 'the report in nbs/index.ipynb is an old one: run it again'
    assert not any(o in TEXT for o in ('#|', 'test_eq', '](images', '](00_'))

def shown(notebook):
    "What each cell of a notebook shows, as text and as HTML: the first is the card of a pair"
    return [(cell.source, output.data) for cell in notebook.cells for output in cell.get('outputs', [])]

def test_the_first_page_shows_what_its_cells_give_now():
    notebook = nbformat.read(ROOT/'nbs/index.ipynb', as_version=4)
    notebook.cells = [cell for cell in notebook.cells if '#| real' not in cell.source]  # they show nothing
    saved = shown(notebook)
    assert 'class="hh-pair' in saved[0][1]['text/html']
    NotebookClient(notebook, kernel_name='python3').execute()
    for before, now in zip(saved, shown(notebook), strict=True):
        assert before == now, 'nbs/index.ipynb shows an old output: run it with nbdev-test --save, then `make readme`'
