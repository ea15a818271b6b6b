"""The site without Quarto: the same pages, plain but whole. Run this file to write them to _preview/.

nbdev prepares the pages, with the rows they show; nbconvert makes HTML of them, in the frame that preview.j2 gives."""
import re, shutil, sys
from pathlib import Path

import yaml
from nbconvert import HTMLExporter
from nbdev.serve import proc_nbs
from nbformat import from_dict
from nbformat.v4 import reads_json

ROOT = Path(__file__).parent.parent
SOURCE = r'\[source\]\((?!http).*', ''  # leads nowhere unless pyproject.toml says where the repository is

def sidebar():
    "Section and file of each page, in the site's order"
    for o in yaml.safe_load((ROOT/'_quarto.yml').read_text(encoding='utf-8'))['website']['sidebar']['contents']:
        for page in o.get('contents', [o]) if isinstance(o, dict) else [o]:
            yield o['section'] if 'section' in o else '', page if isinstance(page, str) else page['href']

def tidy(cell):
    "Take Quarto's directives out of a cell, and do what they say"
    lines = cell['source'].splitlines(keepends=True)
    said = dict(re.findall(r'^#\| *([\w-]+): *(.*)', cell['source'], re.M)) if cell['cell_type'] == 'code' else {}
    cell['source'] = '' if said.get('echo') == 'false' else ''.join(o for o in lines if not (said and o.startswith('#|')))
    cell['metadata'] = {k: v.strip('"') for k, v in said.items()}
    for o in cell.get('outputs', []):
        if 'text/markdown' in o.get('data', {}): o['data']['text/markdown'] = re.sub(*SOURCE, o['data']['text/markdown'])
    return cell

def read(path):
    "A page's front matter, and its notebook"
    if path.suffix == '.md':
        title, text = re.match(r'# (.+)\n+((?:.*\n)*)', path.read_text(encoding='utf-8')).groups()
        return {'title': title, 'output-file': f'{path.stem}.html'}, [dict(cell_type='markdown', source=text)]
    cells = reads_json(path.read_text(encoding='utf-8'))['cells']
    front = yaml.safe_load(cells[0]['source'].strip().strip('-'))
    return {'output-file': path.with_suffix('.html').name, **front}, cells[1:]

def slug(heading):
    "A heading's id, as Quarto makes it"
    return re.sub(r'[^\w.-]+', '-', re.sub(r'<[^>]*>|&\w+;|["\',():?!]', '', heading).strip().lower()).lstrip('0123456789.-')

def mend(html, names):
    "Links from page to page and within one, and room to scroll where a table or a line is too wide"
    html = re.sub(r'href="(?:\./)?([\w.-]+)(?=["#])', lambda m: f'href="{names.get(m[1], m[1])}', html)
    html = re.sub(r'href="/(?=[\w.]+\.html)', 'href="', html)
    html = re.sub(r'<h([2-6])>(.*?)</h', lambda m: f'<h{m[1]} id="{slug(m[2])}">{m[2]}</h', html)
    parts = ''.join(f'<li><a href="#{id}">{text}</a></li>' for id, text in re.findall(r'<h2 id="(.*?)">(.*?)</h2>', html.partition('<nav')[0]))
    html = re.sub(r'<a[^>]* aria-current="page".*?</a>', lambda m: f'{m[0]}<ul>{parts}</ul>', html) if parts else html
    html = re.sub(r'<pre(?=[ >])', '<pre tabindex="0"', html)
    html = re.sub(r'<th[^>]*></th>', '<td></td>', html)
    return re.sub(r'<p>(<img[^>]*>)</p>|(?s:(<table.*?</table>))', lambda m: f'<div class="wide" tabindex="0">{m[1] or m[2]}</div>', html)

def build(out):
    "Write all pages to the folder `out`"
    source = ROOT/proc_nbs(force=True)
    pages = [(section, file, *read(source/file)) for section, file in sidebar()]
    names = {file: front['output-file'] for _, file, front, _ in pages}
    maker = HTMLExporter(template_file=str(ROOT/'tools/preview.j2'), exclude_input_prompt=True, exclude_output_prompt=True, exclude_anchor_links=True)
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(source, out, ignore=shutil.ignore_patterns('*.ipynb', '*.md', '_quarto.yml', '*.scss'))
    for i, (_, _, front, cells) in enumerate(pages):
        nb = from_dict(dict(cells=[*map(tidy, cells)], metadata={}, nbformat=4, nbformat_minor=4))
        html, _ = maker.from_notebook_node(nb, resources=dict(page=front, pages=[(section, o) for section, _, o, _ in pages], at=i))
        (out/front['output-file']).write_text(mend(html, names), encoding='utf-8')

if __name__ == '__main__': build(Path(*sys.argv[1:] or ['_preview']))
