"README.md is what the index notebook gives."
from hh_nbdev import load_hh
from readme import ROOT, readme

TEXT = (ROOT/'README.md').read_text(encoding='utf-8')

def test_is_fresh(): assert TEXT == readme(), 'README.md is not what nbs/index.ipynb gives: run `make readme`'

def test_shows_its_own_output_and_nothing_hidden():
    assert load_hh('sample').report._repr_markdown_() in TEXT, 'the report in nbs/index.ipynb is an old one: run it again'
    assert not any(o in TEXT for o in ('#|', 'test_eq', '](images', '](00_'))
