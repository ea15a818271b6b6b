"What nbdev is told to do as it prepares the pages: entries of the reference, and cells that Quarto would misread"
import re

import pypandoc
from docs import facts, page_of, warnings
from fastcore.xtras import dict2obj
from hh_nbdev import HH, Review, load_hh
from hh_nbdev.load import FileReport, Pair
from nbdev.processors import add_fold
from pages import Reference, for_quarto, prose

def entry_of(symbol): return Reference(symbol)._repr_markdown_()

def headings(markdown): return [line for line in markdown.splitlines() if line.startswith('#')]

def test_a_named_tuple_shows_its_fields_and_methods():
    shown = entry_of(Pair)
    assert '\n    instruction: str,\n    chosen: str,\n    rejected: str,\n' in shown
    assert headings(shown)[:2] == ['### Pair', '#### Pair.kind'] and '#### Pair.to_dict' in headings(shown)
    assert '*args' not in shown

def test_a_dataclass_shows_its_fields_with_their_defaults():
    assert '\n    read: int = 0,  # ' in entry_of(FileReport)

def test_a_class_shows_how_to_make_one_and_its_methods():
    shown = entry_of(HH)
    assert 'class HH(\n    pairs: Iterable[Pair] = (),' in shown and '#### HH.filter' in headings(shown)

def test_an_error_shows_what_kind_of_error_it_is():
    class Empty(ValueError): "Nothing there"
    assert 'class Empty(ValueError)' in entry_of(Empty)

def test_a_property_shows_its_type():
    assert 'helpful: HH' in entry_of(HH.__dict__['helpful'])

def test_a_default_is_shown_by_its_name():
    assert ' = SOURCES,' in entry_of(load_hh)

def test_what_a_docstring_says_of_arguments_stands_in_the_signature_only():
    shown = entry_of(HH.split)
    code, said = shown.split('```')[1:3]
    assert '    # Pairs to hold out for validation:' in code and ' # Training and validation,' in code
    assert 'Hold out whole conversations' in said and 'Parameters' not in shown and '----\n' not in shown.removeprefix('---')
    assert '    # Decides the order of the pairs' in entry_of(Review)

def test_a_line_of_a_signature_fits_the_page():
    code = entry_of(load_hh).split('```')[1]
    assert max(map(len, code.splitlines())) <= 80

def test_a_class_that_a_notebook_defines_shows_its_fields_too():
    "Python cannot find the source of such a class, so it is looked up in the module"
    notebook = {'__name__': '__main__'}
    exec('from typing import NamedTuple\nclass Pair(NamedTuple): instruction: str', notebook)
    assert '    chosen: str,' in entry_of(notebook['Pair'])

def test_an_example_in_a_docstring_is_code(tmp_path, monkeypatch):
    (tmp_path/'with_example.py').write_text('def add(a, b):\n    """Add.\n\n    >>> add(1, 2)\n    3\n    """\n')
    monkeypatch.syspath_prepend(tmp_path)
    from with_example import add
    assert '```python\n>>> add(1, 2)\n3\n```' in entry_of(add)

def test_an_indented_example_is_code():
    assert "```python\npair = load_hh('sample')[0]\n" in entry_of(Pair)

def code_cell(**data):
    metadata = {'execution': {'total': 1}}
    return dict2obj({'cell_type': 'code', 'source': '', 'metadata': metadata, 'outputs': [{'data': data}]})

def markdown_cell(source): return dict2obj({'cell_type': 'markdown', 'source': source})

def source_cell(source): return dict2obj({'cell_type': 'code', 'source': source, 'metadata': {}, 'outputs': []})

def test_an_html_output_becomes_raw_html_in_markdown():
    "Quarto adds scripts from another host to a page with a text/html output"
    cell = code_cell(**{'text/html': '<b>1 & 2 \\n "quoted"</b>', 'text/plain': 'b'})
    for_quarto(cell)
    data = cell['outputs'][0]['data']
    assert 'text/html' not in data
    assert pypandoc.convert_text(data['text/markdown'], 'html', 'markdown').strip() == '<b>1 & 2 \\n "quoted"</b>'

def test_a_widget_leaves_nothing_that_needs_a_script():
    cell = code_cell(**{'application/vnd.jupyter.widget-view+json': {'model_id': '1'}, 'text/plain': 'Widget()'})
    for_quarto(cell)
    assert [*cell['outputs'][0]['data']] == ['text/plain']

def test_the_time_a_cell_took_is_dropped():
    "Quarto lists no heading of a cell with metadata.execution under On this page"
    cell = code_cell(**{'text/plain': '1'})
    for_quarto(cell)
    assert 'execution' not in cell['metadata']

def test_the_text_of_a_picture_stays_its_text():
    "A picture alone in a paragraph would become a figure, its text the caption, and its alt text would be empty"
    cell = markdown_cell('Before\n\n![A pair](images/pair.png)\n\nAfter')
    for_quarto(cell)
    html = pypandoc.convert_text(cell['source'], 'html', 'markdown')
    assert 'alt="A pair"' in html and 'figcaption' not in html

def test_a_table_gets_dashes_in_proportion_to_its_columns():
    "pandoc gives each column of a wide table its share of the dashes"
    cell = markdown_cell(f'Before\n\n| | n |\n|---|---:|\n| {"label " * 12}| 12 |\n\nAfter')
    for_quarto(cell)
    html = pypandoc.convert_text(cell['source'], 'html', 'markdown')
    label, number = [int(share) for share in re.findall(r'<col style="width: (\d+)%"', html)]
    assert label > 9 * number and 'text-align: right' in html
    assert cell['source'].endswith('|\n\nAfter')

def test_an_interval_in_a_table_stays_on_one_line():
    cell = markdown_cell('| | rate |\n|---|---:|\n| all | 63% [59%, 66%] |\n| some | 58% (44% to 71%), 28 of 48 |')
    for_quarto(cell)
    assert '63% [59%,\u00a066%]' in cell['source'] and '58% (44%\u00a0to\u00a071%), 28\u00a0of\u00a048' in cell['source']

def test_a_table_of_one_line_is_left_alone():
    cell = markdown_cell('| not a table |\n\n```\n|a|\n```')
    before = cell['source']
    for_quarto(cell)
    assert cell['source'] == before

def test_a_private_name_is_no_link():
    cell = markdown_cell('See [`_Unzip`](/load.html#_unzip) and [`HH`](/load.html#hh).')
    for_quarto(cell)
    assert cell['source'] == 'See `_Unzip` and [`HH`](/load.html#hh).'

def test_a_cell_of_imports_is_folded():
    cell = source_cell('import re\nimport os\nfrom math import comb')
    for_quarto(cell)
    assert cell['source'].startswith('#| code-fold: true\n#| code-summary: "Imports"\nimport re')
    cell['source'] = 'import re\nimport os\nfrom math import comb\ncomb(2, 1)'
    for_quarto(cell)
    assert 'code-fold' not in cell['source']

def test_the_source_of_what_has_an_entry_is_folded_and_a_table_of_constants_is_not():
    for source, folded in (('def two(): return 2', True), ("REASONS = {'empty': 'nothing'}", False)):
        cell = source_cell(source)
        cell.directives_ = {'exports': []}
        add_fold(cell)
        for_quarto(cell)
        assert cell['source'] == ('#| code-fold: true\n#| code-summary: "Source"\n' if folded else '') + source

def test_a_helper_in_an_essay_has_no_entry():
    essay = {'__name__': '__main__'}
    exec('def says(said, got): "What the text says is what we got"', essay)
    assert headings(entry_of(essay['says'])) == []

def test_a_value_in_a_docstring_keeps_its_quotes():
    assert prose("'helpful' or 'harmless'; '' if it isn't known") == "`'helpful'` or `'harmless'`; `''` if it isn't known"
    assert prose("unless `on_bad='skip'` is passed") == "unless `on_bad='skip'` is passed"
    example = "    show(pair, mark='sorry')"
    assert prose(example) == "```python\nshow(pair, mark='sorry')\n```"

def test_a_markdown_file_becomes_a_page_like_the_others():
    page = page_of('# Contributing\n\nSee [look](nbs/05_look.ipynb).\n\n| a | b |\n|---|---|\n| 1 | much longer text |\n')
    assert page.startswith('---\ntitle: Contributing\n---\n\nSee [look](05_look.ipynb).') and '|-----|------------------|' in page

LOG = """[1m[34m[ 1/23] index.ipynb[39m[22m
WARN: Unable to resolve link target: nowhere.html
WARNING (main.lua:8) A shortcode is not closed
[WARNING] Div at line 3 unclosed
WARNING: Could not parse URL in attribute 'alt': 95% of the pairs
ERROR: Validation of YAML front matter failed.
Output created: _docs/index.html"""

def test_a_warning_of_quarto_fails_the_build():
    assert [line.split(' ')[0] for line in warnings(LOG)] == ['WARN:', 'WARNING', '[WARNING]', 'ERROR:']
    assert warnings('Output created: _docs/index.html') == []

def test_version_licence_and_address_stand_in_the_footer():
    with_address = facts('https://example.org/hh', '1.2.3')['website']
    assert with_address['page-footer'] == {'left': '[hh_nbdev 1.2.3](https://example.org/hh)',
                                           'right': '[MIT licence](https://example.org/hh/blob/main/LICENSE)'}
    assert with_address['repo-actions'] == ['edit', 'issue'] and with_address['repo-subdir'] == 'nbs'
    assert facts(None, '1.2.3')['website'] == {'page-footer': {'left': 'hh_nbdev 1.2.3', 'right': 'MIT licence'}}
