"The site as a visitor's browser meets it: links that lead somewhere, nothing from elsewhere, readable on a phone and by a screen reader."
import re, subprocess, sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow

class Page(HTMLParser):
    "What a page is made of"
    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loads, self.tags = set(), [], [], []
        self.text = path.read_text(encoding='utf-8')
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        self.ids.add(attrs.get('id'))
        if tag == 'a': self.links.append(attrs['href'])
        else: self.loads += [attrs[k] for k in ('src', 'srcset', 'href', 'data', 'poster') if k in attrs]

@pytest.fixture(scope='module')
def site(tmp_path_factory):
    "The folder with the pages, and the pages by name"
    out = tmp_path_factory.mktemp('site')/'pages'
    subprocess.run([sys.executable, ROOT/'tools/preview.py', out], check=True, cwd=ROOT)
    return out, {o.name: Page(o) for o in out.glob('*.html')}

def test_links_lead_somewhere(site):
    "To a page that is there, and to a place on it: a symbol that is linked exists"
    out, pages = site
    lost = []
    for name, page in pages.items():
        for link in page.links:
            if re.match('https?:', link): continue
            file, _, place = unquote(link).partition('#')
            file = file or name
            if not (out/file).is_file() or place and place not in pages[file].ids: lost.append(f'{name}: {link}')
    assert not lost

def test_nothing_is_asked_of_another_host(site):
    for name, page in site[1].items():
        assert all(o.startswith('data:') or (site[0]/o).is_file() for o in page.loads), name
        assert not [t for t, _ in page.tags if t in ('script', 'iframe', 'object', 'embed', 'base')], name
        assert not re.search(r'@import|url\(', ''.join(re.findall(r'(?s)<style.*?</style>|style="[^"]*"', page.text))), name

def test_each_page_says_what_it_is(site):
    titles = [re.search('<title>(.+?)</title>', o.text)[1] for o in site[1].values()]
    assert len(set(titles)) == len(titles)
    for name, page in site[1].items():
        assert ('html', {'lang': 'en'}) in page.tags and [t for t, _ in page.tags].count('h1') == 1, name
        assert '#|' not in re.sub('(?s)<pre.*?</pre>|<code.*?</code>', '', page.text), name

LOOKS = [(390, 'light'), (1280, 'dark')]

@pytest.mark.parametrize('width, scheme', LOOKS, ids=[o[1] for o in LOOKS])
def test_in_a_browser(site, browser, width, scheme):
    "No page is wider than the window, or loads anything; axe-core finds nothing serious"
    from axe_selenium_python import Axe
    wrong = []
    browser.execute_cdp_cmd('Emulation.setEmulatedMedia', dict(features=[dict(name='prefers-color-scheme', value=scheme)]))
    browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', dict(width=width, height=800, deviceScaleFactor=1, mobile=width < 500))
    for name in site[1]:
        browser.get((site[0]/name).as_uri())
        wide, loaded = browser.execute_script("document.querySelectorAll('details').forEach(o => o.open = true); return [document.documentElement.scrollWidth, performance.getEntriesByType('resource').map(o => o.name)]")
        axe = Axe(browser)
        axe.inject()
        found = axe.run(options={'resultTypes': ['violations']})['violations']
        wrong += [(name, f'{wide} pixels wide')] * (wide > width) + [(name, o) for o in loaded if not o.startswith(('file:', 'data:'))]
        wrong += [(name, o['id'], o['nodes'][0]['html']) for o in found if o['impact'] in ('serious', 'critical') and o['id'] != 'dlitem']  # before axe 4, wrong on <div> in <dl>
    browser.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})
    assert not wrong
