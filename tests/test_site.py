"""The site as a visitor's browser meets it. `SITE=_docs pytest tests/test_site.py` tests a site that was built;
without SITE the plain preview is built and tested: the same pages through pandoc, which Quarto uses too."""
import functools, html, http.server, importlib, inspect, json, os, re, threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from docs import prepare
from preview import ROOT, build, read, sidebar

pytestmark = pytest.mark.slow
ELSEWHERE = re.compile(r'''(@import\s*|url\(\s*)["']?(https?:)?//''')
LOADED = {'img': 'src', 'script': 'src', 'iframe': 'src', 'source': 'src', 'embed': 'src'}
LOADED |= {'object': 'data', 'link': 'href'}

class Page(HTMLParser):
    "What a page is made of"
    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loads, self.tags = set(), [], [], []
        self.text = text
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        self.ids.add(attributes.get('id'))
        if tag == 'a' and attributes.get('href'): self.links.append(attributes['href'])
        if tag in LOADED and attributes.get('rel') not in ('canonical', 'prev', 'next', 'alternate'):
            self.loads.append(attributes.get(LOADED[tag]) or '')

def other_hosts(text):
    "What a page or style sheet asks of another host"
    loads = [address for address in Page(text).loads if re.match('(https?:)?//', address)]
    return loads + [match[0] for match in ELSEWHERE.finditer(text)]

def is_elsewhere(link): return re.match(r'[a-z]+:', link)

@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    "The folder with the pages"
    if os.environ.get('SITE'): return ROOT/os.environ['SITE']
    out = tmp_path_factory.mktemp('site')/'pages'
    build(prepare(), out)
    return out

@pytest.fixture(scope='module')
def pages(folder):
    "The pages by name"
    return {path.name: Page(path.read_text(encoding='utf-8')) for path in folder.glob('*.html')}

class Quiet(http.server.SimpleHTTPRequestHandler):
    "Serves a folder; links of the 404 page begin with the folder that the site has on its host"
    def log_message(self, *args): pass

    def translate_path(self, path):
        found = super().translate_path(path)
        if Path(found).exists(): return found
        return super().translate_path('/' + path.lstrip('/').partition('/')[2])

@pytest.fixture(scope='module')
def address(folder):
    "Where a server on this machine serves the pages"
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.shutdown()

def missing(folder, pages, name, link):
    "Does a link on a page lead to a file or place that is not there?"
    file, _, place = unquote(link).partition('#')
    if file.startswith('/'): file = file.rpartition('/')[2]  # the 404 page names the site's own folder too
    file = file.removeprefix('./') or name
    if not (folder/file).is_file(): return True
    return bool(place) and file in pages and place not in pages[file].ids

def test_every_page_of_the_sidebar_is_there(pages):
    assert len([*sidebar()]) <= len(pages)

def test_links_lead_to_pages_and_places_that_exist(folder, pages):
    lost = [f'{name}: {link}' for name, page in pages.items() for link in page.links
            if not is_elsewhere(link) and missing(folder, pages, name, link)]
    assert not lost

def test_links_of_the_markdown_beside_each_page_lead_somewhere(folder, pages):
    lost = []
    for path in [*folder.glob('*.md'), folder/'llms.txt']:
        for link in re.findall(r'\]\(<?([^)\s>]+)', path.read_text(encoding='utf-8')):
            if path.name == 'llms.txt' and not [*folder.glob('*.html.md')]: link = link.removesuffix('.md')
            if not is_elsewhere(link) and not (folder/link.partition('#')[0].removeprefix('/')).exists():
                lost.append(f'{path.name}: {link}')
    assert not [link for link in lost if ': #' not in link]  # places within a page are tested on the HTML

def test_llms_txt_lists_every_page(folder):
    text = (folder/'llms.txt').read_text(encoding='utf-8')
    names = [read(ROOT/'_proc'/file)[0]['output-file'] for _, file in sidebar()]
    assert [name for name in names if f'({name}.md)' not in text] == []

def test_no_page_or_style_sheet_asks_another_host(folder):
    found = {path.name: other_hosts(path.read_text(encoding='utf-8'))
             for kind in ('*.html', '*.css') for path in folder.rglob(kind)}
    assert not {name: asked for name, asked in found.items() if asked}

BOOTSTRAP = '''.icon{background-image:url("data:image/svg+xml,%3csvg xmlns='http://www.w3.org/2000/svg'%3e%3c/svg%3e")}'''

@pytest.mark.parametrize('text', [
    BOOTSTRAP, '<a href="https://arxiv.org">a link</a>', '<link rel="canonical" href="https://a.b/c">'])
def test_the_guard_against_other_hosts_lets_harmless_text_pass(text): assert not other_hosts(text)

@pytest.mark.parametrize('text', [
    '<script src="https://cdn.example/jquery.js"></script>', '<script src="//cdn.example/require.js"></script>',
    '<link rel="stylesheet" href="https://fonts.example/css2">', '<img src="http://a.example/x">',
    '@import "https://fonts.example/x.css";', 'a {background: url(https://a.example/x.png)}',
    "a {background: url( '//a.example/x')}"])
def test_the_guard_against_other_hosts_finds(text): assert other_hosts(text)

def test_each_page_says_what_it_is(pages):
    titles = [re.search('<title>(.+?)</title>', page.text)[1] for page in pages.values()]
    assert len(set(titles)) == len(titles)
    for name, page in pages.items():
        tags = [tag for tag, _ in page.tags]
        assert [given['lang'] for tag, given in page.tags if tag == 'html'] == ['en'], name
        assert tags.count('h1') == 1, name
        shown = re.sub(r'(?s)<(pre|code|script|style)\b.*?</\1>', '', page.text)
        assert '#|' not in shown, f'{name} shows a directive'

def test_every_picture_has_a_text_in_its_place(pages):
    bare = [(name, given.get('src', '')[:80]) for name, page in pages.items() for tag, given in page.tags
            if tag == 'img' and not given.get('alt')]
    assert not bare

def reference():
    "Page and place of every public function, class and method"
    for path in sorted((ROOT/'nbs').glob('[0-9]*.ipynb')):
        found = re.search(r'#\| default_exp (\w+)', path.read_text(encoding='utf-8'))
        if not found: continue
        module = importlib.import_module(f'hh_nbdev.{found[1]}')
        for name in module.__all__:
            symbol = getattr(module, name)
            defined = inspect.isclass(symbol) or inspect.isfunction(inspect.unwrap(symbol))
            if defined and symbol.__module__ == module.__name__: yield f'{found[1]}.html', name

def test_every_public_function_and_class_has_an_entry(pages):
    absent = [(page, name) for page, name in reference() if name.lower() not in pages[page].ids]
    assert not absent

def test_every_entry_is_listed_on_the_right(pages):
    "Quarto lists none that stands in a cell with the time that it took"
    absent = [(page, name) for page, name in reference() if f'#{name.lower()}' not in pages[page].links]
    assert not absent

def test_no_entry_hides_what_it_takes(pages):
    for name, page in pages.items():
        assert not re.search(r'\(\s*\*args, \*\*kwargs\s*\)', re.sub('<[^>]*>', '', page.text)), name

def test_the_search_finds_every_entry(folder):
    if not (folder/'search.json').exists(): pytest.skip('the preview has no search')
    index = json.loads((folder/'search.json').read_text(encoding='utf-8'))
    absent = [(page, name) for page, name in reference()
              if not any(entry['href'].startswith(page) and name in entry['text'] for entry in index)]
    assert not absent

def test_messages_are_shown_as_they_are(pages):
    "pandoc would read a backslash as TeX, and straight quotes as typography"
    text = html.unescape(re.sub('<[^>]*>', '', pages['what_can_go_wrong.html'].text))
    assert r"'\n\nHuman:'" in text and 'on_bad="skip"' in text

LOOK = '''
const share = column => parseFloat(column.style.width);
const lengths = (table, i) => [...table.rows].map(row => row.cells[i]?.innerText.length ?? 0);
const asked = (table, i) => Math.min(40, Math.max(...lengths(table, i)));
const squeezed = [...document.querySelectorAll('main table:has(col[style])')].filter(table => {
  const columns = [...table.querySelectorAll('col')], need = columns.map((_, i) => asked(table, i));
  const all = need.reduce((a, b) => a + b);
  return columns.some((column, i) => share(column) < 50 * need[i] / all)});
const wide = [...document.querySelectorAll('pre')].filter(block => block.scrollWidth > block.clientWidth + 1);
return {width: document.documentElement.scrollWidth, cut: wide.map(block => block.innerText.slice(0, 60)),
        squeezed: squeezed.map(table => table.rows[0].innerText),
        asked: performance.getEntriesByType('resource').map(entry => entry.name)}'''

def faults(browser, address, name, width):
    "What is wrong with a page in a window of some width"
    from axe_selenium_python import Axe
    browser.get(f'{address}/{name}')
    browser.execute_script("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    seen = browser.execute_script(LOOK)
    found = [f'{seen["width"]} pixels wide'] * (seen['width'] > width)
    found += [f'cut at the right: {text}' for text in seen['cut']]
    found += [f'a column without the width it needs: {head}' for head in seen['squeezed']]
    found += [f'asks for {asked}' for asked in seen['asked'] if not asked.startswith((address, 'data:'))]
    axe = Axe(browser)
    axe.inject()
    frame = {'exclude': [['#quarto-header']]}  # Quarto's own: its search box names no children
    for broken in axe.run(frame, {'resultTypes': ['violations']})['violations']:
        if broken['impact'] not in ('serious', 'critical'): continue
        if broken['id'] == 'dlitem': continue  # before axe 4 it was wrong on <div> in <dl>
        # before axe 4 it took color-mix, the ground of a mark, for black: 12% of the text's colour, about 12:1
        nodes = [node['html'] for node in broken['nodes'] if not node['html'].startswith('<mark>')]
        found += [f'{broken["id"]}: {node[:150]}' for node in nodes]
    return [f'{name}: {fault}' for fault in found]

@pytest.mark.parametrize('width, scheme', [(390, 'light'), (390, 'dark'), (1280, 'light'), (1280, 'dark')])
def test_pages_fit_the_window_and_can_be_read(folder, pages, address, browser, width, scheme):
    "No page is wider than the window, no code cut off, nothing from elsewhere, and axe-core finds nothing serious"
    browser.set_script_timeout(120)  # axe takes its time on a long page
    media = {'features': [{'name': 'prefers-color-scheme', 'value': scheme}]}
    browser.execute_cdp_cmd('Emulation.setEmulatedMedia', media)
    screen = {'width': width, 'height': 800, 'deviceScaleFactor': 1, 'mobile': width < 500}
    browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', screen)
    wrong = [fault for name in pages for fault in faults(browser, address, name, width)]
    browser.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})
    assert not wrong

def test_the_readers_dark_setting_is_heeded(pages, address, browser):
    for scheme, dark in (('dark', True), ('light', False)):
        media = {'features': [{'name': 'prefers-color-scheme', 'value': scheme}]}
        browser.execute_cdp_cmd('Emulation.setEmulatedMedia', media)
        browser.get(f'{address}/index.html')
        ground = browser.execute_script('return getComputedStyle(document.body).backgroundColor')
        assert (max(map(int, re.findall(r'\d+', ground)[:3])) < 100) == dark, ground
