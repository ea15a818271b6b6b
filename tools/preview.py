"""The site without Quarto: the pages that nbdev prepares, through pandoc. `tools/docs.py` uses this file.

Quarto too has pandoc turn this Markdown into HTML, so what is wrong with a table, a quote, a caption or raw HTML
shows here as well. The frame is plainer than Quarto's, and needs no script."""
import base64, html, json, re, shutil
from pathlib import Path

import pypandoc, yaml
from nbformat.v4 import reads_json

ROOT = Path(__file__).parent.parent
CONFIG = yaml.safe_load((ROOT/'_quarto.yml').read_text(encoding='utf-8'))

def sidebar():
    "Section and file of each page, in the site's order"
    for entry in CONFIG['website']['sidebar']['contents']:
        if isinstance(entry, str):
            yield '', entry
            continue
        for page in entry['contents']: yield entry['section'], page if isinstance(page, str) else page['href']

def options(source):
    "The Quarto options at the top of a code cell, and the code"
    said = re.findall(r'^#\| *([\w-]+): *(.*)', source, re.M)
    code = '\n'.join(line for line in source.splitlines() if not line.startswith('#|'))
    return {key: value.strip('"') for key, value in said}, code

def fenced(text, kind=''):
    "Text as a block of code"
    fence = '`' * max(3, 1 + max(map(len, re.findall('`+', text)), default=0))
    return f'{fence}{kind}\n{text}\n{fence}'

def code_block(said, code):
    "A cell's code, folded where an option says so"
    if said.get('echo') == 'false' or not code.strip(): return ''
    block = fenced(code, '{.python .cell-code}')
    if 'code-fold' not in said: return block
    opened = ' open' if said['code-fold'] == 'show' else ''
    summary = html.escape(said.get('code-summary', 'Code'))
    return f'<details class="code-fold"{opened}>\n<summary>{summary}</summary>\n\n{block}\n\n</details>'

def output_block(output, said, save):
    "One output of a cell; `save` keeps a picture and gives its address"
    kind = output['output_type']
    if kind == 'stream': return div('cell-output-stdout', fenced(output['text'].rstrip('\n')))
    if kind == 'error': return div('cell-output-error', fenced('\n'.join(output['traceback'])))
    data = output['data']
    if 'text/markdown' in data: return div('cell-output-display', data['text/markdown'])
    if 'image/png' in data:
        alt = said.get('fig-alt', '')
        return div('cell-output-display', f'![{alt}]({save(data["image/png"])})<!-- -->')
    return div('cell-output-display', fenced(data['text/plain']))

def div(kind, content): return f'::: {{.cell-output .{kind}}}\n{content}\n:::'

def markdown_of(cells, save):
    "The cells of a page as one Markdown text"
    parts = []
    for cell in cells:
        if cell['cell_type'] == 'markdown': parts.append(cell['source'])
        if cell['cell_type'] != 'code': continue
        said, code = options(cell['source'])
        if said.get('include') == 'false': continue
        parts.append(code_block(said, code))
        for output in cell['outputs']:
            if said.get('output') == 'asis': parts.append(output['data']['text/markdown'])
            elif said.get('output') != 'false': parts.append(output_block(output, said, save))
    return '\n\n'.join(parts)

def read(path):
    "A page's front matter and its cells"
    if path.suffix == '.md':
        front, text = re.match(r'---\n(.*?)\n---\n(.*)', path.read_text(encoding='utf-8'), re.S).groups()
        front = {'output-file': f'{path.stem}.html', **yaml.safe_load(front)}
        return front, [{'cell_type': 'markdown', 'source': text}]
    cells = reads_json(path.read_text(encoding='utf-8'))['cells']
    front = yaml.safe_load(cells[0]['source'].strip().strip('-'))
    return {'output-file': path.with_suffix('.html').name, **front}, cells[1:]

def relink(node, names):
    "Point the links in pandoc's tree at the pages as they are named on the site"
    if isinstance(node, list):
        for child in node: relink(child, names)
    if isinstance(node, dict):
        if node.get('t') == 'Link': node['c'][2][0] = target(node['c'][2][0], names)
        relink(list(node.values()), names)

def target(link, names):
    "Where a link leads on the site"
    file, hash_mark, place = link.partition('#')
    file = file.removeprefix('./').removeprefix('/') if not link.startswith('http') else file
    return names.get(file, file) + hash_mark + place

def link_to(front, attribute=''):
    return f'<a href="{front["output-file"]}"{attribute}>{html.escape(front["title"])}</a>'

def navigation(pages, at):
    "The list of all pages, by section"
    lines, section = [], None
    for i, (name, front, _) in enumerate(pages):
        if name != section:
            lines += ['</ul>'] * (section is not None) + [f'<h2>{name}</h2>'] * bool(name) + ['<ul>']
            section = name
        lines.append(f'<li>{link_to(front, " aria-current=page" * (i == at))}</li>')
    return '\n'.join([*lines, '</ul>'])

def rules():
    "The rules of nbs/site.scss: they are plain CSS, and stand in both sites"
    return (ROOT/'nbs/site.scss').read_text(encoding='utf-8').partition('/*-- scss:rules --*/')[2]

class Pictures:
    "Keeps the plots of one page as files beside it"
    def __init__(self, out, stem): self.out, self.stem, self.n = out, stem, 0

    def __call__(self, png):
        self.n += 1
        name = f'images/{self.stem}-{self.n}.png'
        (self.out/name).write_bytes(base64.b64decode(png))
        return name

def write(out, pages, at, names):
    "Write one page; `names` tells the name of each file's page"
    _, front, cells = pages[at]
    stem = Path(front['output-file']).stem
    tree = json.loads(pypandoc.convert_text(markdown_of(cells, Pictures(out, stem)), 'json', 'markdown'))
    relink(tree['blocks'], names)
    site = pages[0][1]['title']
    variables = {
        'pagetitle': html.escape(f'{front["title"]} · {site}' if at else site),
        'heading': html.escape(front['title']),
        'promise': html.escape(front.get('description', '')),
        'rules': rules(),
        'nav': navigation(pages, at),
        'home': link_to(pages[0][1]),
        'before': link_to(pages[at-1][1], ' rel="prev"') if at else '',
        'after': link_to(pages[at+1][1], ' rel="next"') if at + 1 < len(pages) else '',
    }
    args = ['--standalone', '--toc', '--toc-depth=4', '--mathml', '--wrap=none']
    args.append(f'--template={ROOT}/tools/preview.html')
    args += [f'--variable={name}={value}' for name, value in variables.items()]
    page = pypandoc.convert_text(json.dumps(tree), 'html5', 'json', extra_args=args)
    (out/front['output-file']).write_text(page, encoding='utf-8')

def build(source, out):
    "Make the pages in the folder `source`, which nbdev prepared, to HTML in the folder `out`"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for folder in ('images', 'verdicts'): shutil.copytree(source/folder, out/folder)
    shutil.copy(source/'llms.txt', out)
    found = [(section, file, *read(source/file)) for section, file in sidebar()]
    names = {file: front['output-file'] for _, file, front, _ in found}
    pages = [(section, front, cells) for section, _, front, cells in found]
    for at in range(len(pages)): write(out, pages, at, names)
