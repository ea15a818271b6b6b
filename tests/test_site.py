"""The site as a visitor's browser meets it. `SITE=_docs pytest tests/test_site.py` tests a site that was built;
without SITE the plain preview is built and tested: the same pages through pandoc, which Quarto uses too."""
import functools, html, http.server, importlib, inspect, json, os, re, threading
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote

import pytest
import hh_nbdev
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

@pytest.fixture(scope='module')
def by_quarto(folder):
    "Leaves a test out where Quarto did not make the pages"
    if not (folder/'search.json').exists(): pytest.skip('only Quarto makes this: SITE=_docs')

def fronts(): return [read(ROOT/'_proc'/file)[0] for _, file in sidebar()]

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
    assert {front['output-file'] for front in fronts()} <= {*pages}

def test_pages_lead_on_to_each_other_in_the_order_of_the_sidebar(pages):
    names = [front['output-file'] for front in fronts()]
    for name, before, after in zip(names, [None, *names], [*names[1:], None]):
        leads = {given['rel']: given['href'].removeprefix('./') for _, given in pages[name].tags
                 if given.get('rel') in ('prev', 'next')}
        assert leads == {rel: page for rel, page in (('prev', before), ('next', after)) if page}, name

def test_every_page_has_an_icon_that_is_there(folder, pages):
    for name, page in pages.items():
        icons = [given['href'] for tag, given in page.tags if tag == 'link' and given.get('rel') == 'icon']
        assert len(icons) == 1 and icons[0].endswith('images/favicon.svg'), name
    assert (folder/'images/favicon.svg').is_file()

def test_the_footer_says_which_version_and_licence(by_quarto, pages):
    for name, page in pages.items():
        footer = re.sub('<[^>]*>', '', re.search('(?s)<footer.*?</footer>', page.text)[0])
        assert f'hh_nbdev {hh_nbdev.__version__}' in footer and 'MIT licence' in footer, name

def test_a_shared_link_gets_a_card(by_quarto, folder, pages):
    for front in fronts():
        page = pages[front['output-file']]
        said = {given.get('property') or given.get('name'): given['content'] for tag, given in page.tags
                if tag == 'meta' and 'content' in given}
        assert said['og:title'].startswith(front['title']) and said['twitter:card'] == 'summary_large_image'
        about = said['og:description'].replace('’', "'")
        assert about and about == front.get("description", about)
        for kind in ('og:image', 'twitter:image'):
            found = [path.relative_to(folder).as_posix() for path in folder.rglob(Path(said[kind]).name)]
            assert any(said[kind].endswith(f'/{path}') for path in found), said[kind]

def test_links_lead_to_pages_and_places_that_exist(folder, pages):
    lost = [f'{name}: {link}' for name, page in pages.items() for link in page.links
            if not is_elsewhere(link) and missing(folder, pages, name, link)]
    assert not lost

def test_links_of_the_markdown_beside_each_page_lead_somewhere(folder, pages):
    lost = []
    for path in [*folder.glob('*.md'), folder/'llms.txt']:
        prose = re.sub(r'(?ms)^ *```.*?^ *```', '', path.read_text(encoding='utf-8'))
        for link in re.findall(r'\]\(<?([^)\s>]+)', prose):
            if path.name == 'llms.txt' and not [*folder.glob('*.html.md')]: link = link.removesuffix('.md')
            if not is_elsewhere(link) and not (folder/link.partition('#')[0].removeprefix('/')).exists():
                lost.append(f'{path.name}: {link}')
    assert not [link for link in lost if ': #' not in link]  # places within a page are tested on the HTML

def test_llms_txt_lists_every_page(folder):
    text = (folder/'llms.txt').read_text(encoding='utf-8')
    assert [front['title'] for front in fronts() if f'({front["output-file"]}.md)' not in text] == []

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
        assert '`' not in shown, f'{name} shows a mark of code'

def test_every_picture_has_a_text_in_its_place(pages):
    bare = [(name, given.get('src', '')[:80]) for name, page in pages.items() for tag, given in page.tags
            if tag == 'img' and not given.get('alt')]
    assert not bare

def methods(symbol):
    "The public methods and properties that are written in a class, or added to it in another module"
    for name in vars(symbol):
        value = getattr(symbol, name)
        value = getattr(value, 'fget', None) or getattr(value, 'func', value)  # of a property
        value = getattr(value, '__func__', value)  # of a class method
        if inspect.isfunction(value) and not name.startswith('_'): yield f'{symbol.__name__}.{name}', value

def public():
    "Every public function, class and method with its name"
    for path in sorted((ROOT/'nbs').glob('[0-9]*.ipynb')):
        found = re.search(r'#\| default_exp (\w+)', path.read_text(encoding='utf-8'))
        if not found: continue
        module = importlib.import_module(f'hh_nbdev.{found[1]}')
        for name in module.__all__:
            symbol = getattr(module, name)
            if getattr(symbol, '__module__', '') != module.__name__: continue
            if inspect.isclass(symbol): yield from methods(symbol)
            if inspect.isclass(symbol) or inspect.isfunction(inspect.unwrap(symbol)): yield name, symbol

def reference(): return [(f'{symbol.__module__.rpartition(".")[2]}.html', name) for name, symbol in public()]

def test_the_reference_is_looked_for_methods_too():
    assert {('load.html', 'HH.filter'), ('load.html', 'HH.helpful'), ('train.html', 'HH.split'),
            ('train.html', 'HH.to_trl'), ('train.html', 'HH.from_jsonl'), ('review.html', 'Review.answer'),
            ('look.html', 'show'), ('files.html', 'BadFile')} <= {*reference()}

def test_every_public_function_class_and_method_has_an_entry(pages):
    absent = [(page, name) for page, name in reference() if name.lower() not in pages[page].ids]
    assert not absent

def test_every_entry_is_listed_on_the_right(pages):
    "Quarto lists none that stands in a cell with the time that it took"
    absent = [(page, name) for page, name in reference() if f'#{name.lower()}' not in pages[page].links]
    assert not absent

def test_no_entry_hides_what_it_takes(pages):
    for name, page in pages.items():
        assert not re.search(r'\(\s*\*args, \*\*kwargs\s*\)', re.sub('<[^>]*>', '', page.text)), name

def test_the_search_finds_every_entry(by_quarto, folder):
    index = json.loads((folder/'search.json').read_text(encoding='utf-8'))
    absent = [(page, name) for page, name in reference()
              if not any(entry['href'].startswith(page) and name in entry['text'] for entry in index)]
    assert not absent

def test_a_reader_finds_a_method_by_its_name(by_quarto, address, window):
    from selenium.webdriver.support.ui import WebDriverWait
    show(window, 1280, 'light')
    window.get(f'{address}/index.html')
    wait = WebDriverWait(window, 30)
    wait.until(lambda page: page.find_element('css selector', '#quarto-search button')).click()
    wait.until(lambda page: page.find_element('css selector', 'input.aa-Input')).send_keys('HH.to_trl')
    wait.until(lambda page: 'def to_trl(' in page.find_element('css selector', '.aa-Panel').text)

def test_an_essay_has_no_reference(pages):
    "nbdev would make an entry of each function in a cell that shows rows"
    essay = pages['six_examples.html']
    helpers = re.findall(r'def ([a-z]\w*)\(', re.sub('<[^>]*>', '', essay.text))
    assert 'says' in helpers and not {*helpers} & essay.ids

def test_messages_are_shown_as_they_are(pages):
    "pandoc would read a backslash as TeX, and straight quotes as typography"
    text = html.unescape(re.sub('<[^>]*>', '', pages['what_can_go_wrong.html'].text))
    assert r"'\n\nHuman:'" in text and 'on_bad="skip"' in text

LOOK = '''
const all = selector => [...document.querySelectorAll(selector)];
const share = column => parseFloat(column.style.width);
const lengths = (table, i) => [...table.rows].map(row => row.cells[i]?.innerText.length ?? 0);
const asked = (table, i) => Math.min(40, Math.max(...lengths(table, i)));
const squeezed = all('main table:has(col[style])').filter(table => {
  const columns = [...table.querySelectorAll('col')], need = columns.map((_, i) => asked(table, i));
  const sum = need.reduce((a, b) => a + b);
  return columns.some((column, i) => share(column) < 50 * need[i] / sum)});
const edge = document.querySelector('main').getBoundingClientRect().right + 1;
const outside = all('main table, main img').filter(part => part.getBoundingClientRect().right > edge);
const cut = all('pre').filter(block => block.scrollWidth > block.clientWidth + 1);
return {width: document.documentElement.scrollWidth, cut: cut.map(block => block.innerText.slice(0, 60)),
        outside: outside.map(part => part.outerHTML.slice(0, 200)),
        squeezed: squeezed.map(table => table.rows[0].innerText),
        asked: performance.getEntriesByType('resource').map(entry => entry.name)}'''

def layout_faults(browser, address, width):
    "What does not fit into a window of some width, and what was asked of other hosts"
    seen = browser.execute_script(LOOK)
    found = [f'{seen["width"]} pixels wide'] * (seen['width'] > width)
    found += [f'cut at the right: {text}' for text in seen['cut']]
    found += [f'sticks out at the right: {text}' for text in seen['outside']]
    found += [f'a column without the width it needs: {head}' for head in seen['squeezed']]
    return found + [f'asks for {asked}' for asked in seen['asked'] if not asked.startswith((address, 'data:'))]

AXE = '''
const [options, done] = arguments, seen = new Set();
const kinds = block => [...block.querySelectorAll('span[class]')].map(token => token.className)
const repeats = [...document.querySelectorAll('pre')].filter(block => {
  const here = ['text', ...kinds(block)].map(kind => `${block.className} ${kind}`);
  const fresh = here.filter(kind => !seen.has(kind));
  fresh.forEach(kind => seen.add(kind));
  return !fresh.length});
axe.run({exclude: repeats}, {resultTypes: ['violations'], ...options}).then(found => done(found.violations))'''
# Chromium and Firefox let the keyboard into what scrolls, such as a wide table on a phone
EVERYTHING = {'rules': {'scrollable-region-focusable': {'enabled': False}}}
COLOURS = {'runOnly': ['color-contrast', 'link-in-text-block']}  # all that changes with the scheme

def axe_faults(browser, options):
    """What axe-core finds serious, of code only once for each kind of token.

    The package is there for the current axe-core in it, with which any browser can be asked."""
    browser.execute_script((files('axe_playwright_python')/'axe.min.js').read_text(encoding='utf-8'))
    return [f'{broken["id"]}: {node["html"][:150]}' for broken in browser.execute_async_script(AXE, options)
            if broken['impact'] in ('serious', 'critical') for node in broken['nodes']]

def show(browser, width, scheme):
    "Give the browser's window a width, and its reader a colour scheme"
    media = {'features': [{'name': 'prefers-color-scheme', 'value': scheme}]}
    browser.execute_cdp_cmd('Emulation.setEmulatedMedia', media)
    screen = {'width': width, 'height': 800, 'deviceScaleFactor': 1, 'mobile': width < 500}
    browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', screen)

@pytest.fixture
def window(browser):
    "The browser, as it was before when a test ends"
    browser.set_script_timeout(120)  # axe takes its time on a long page
    yield browser
    browser.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})
    browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {})

@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_pages_fit_the_window_and_can_be_read(pages, address, window, scheme):
    "No page is wider than the window, no code cut off, nothing from elsewhere, and axe-core finds nothing serious"
    options = COLOURS if scheme == 'dark' else EVERYTHING
    wrong = []
    for name in pages:
        show(window, 1280, scheme)
        window.get(f'{address}/{name}')
        window.execute_script("document.querySelectorAll('details').forEach(fold => fold.open = true)")
        for width in (1280, 390):
            show(window, width, scheme)
            found = layout_faults(window, address, width) + axe_faults(window, options)
            wrong += [f'{name}, {width}: {fault}' for fault in found]
    assert not wrong, '\n'.join(wrong)

UNWRAPPED = '''
return [...document.querySelectorAll('.cell-output-stdout pre')].filter(block => {
  for (const part of [block, ...block.querySelectorAll('*')]) part.style.whiteSpace = 'pre';
  const longest = Math.max(...block.innerText.split('\\n').map(line => line.length));
  return longest <= 80 && block.scrollWidth > block.clientWidth + 1}).map(block => block.innerText.slice(0, 60))'''

@pytest.mark.parametrize('name', ['look', 'cli'])
def test_what_a_terminal_of_80_columns_shows_is_not_wrapped(address, window, name):
    show(window, 1280, 'light')
    window.get(f'{address}/{name}.html')
    assert not window.execute_script(UNWRAPPED)

def test_the_readers_dark_setting_is_heeded(address, window):
    for scheme, dark in (('dark', True), ('light', False)):
        show(window, 1280, scheme)
        window.get(f'{address}/index.html')
        ground = window.execute_script('return getComputedStyle(document.body).backgroundColor')
        assert (max(map(int, re.findall(r'\d+', ground)[:3])) < 100) == dark, ground
