"Showing pairs: whatever a text holds is shown, and nothing of it is done."
import html, io, random, re, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given, settings, strategies as st
from rich.console import Console

from hh_nbdev.load import HH, Pair
from hh_nbdev.compare import WORD, Run, compare
from hh_nbdev.look import FOLD, UNSEEN, fold, pair_html, show, visible
from hostile import HOSTILE, URL

def pair(instruction, chosen='yes', rejected='no', source='helpful-base'): return Pair(instruction, chosen, rejected, source, 'train', 0)
def shown(page): return html.unescape(re.sub('<style>.*?</style>|<summary>.*?</summary>|<[^>]*>', '', page, flags=re.S))
def squeeze(text): return re.sub(r'\s', '', text)
TEXTS = st.text(st.characters() | st.sampled_from('<>&"\'$\\`[]{}\n\r\t \x1b\u202e\u200b\ud800')) | st.sampled_from(list(HOSTILE.values()))

# Properties of any text

@given(TEXTS)
def test_visible(text):
    seen = visible(text)
    assert not UNSEEN.search(seen) and visible(seen) == seen
    assert UNSEEN.split(text) == re.split('[\u2400-\u2421]|⟨U\\+[0-9A-F]{4,6}⟩', seen) or re.search('[\u2400-\u2421⟨]', text)

@given(TEXTS, TEXTS, TEXTS)
def test_html_holds_each_text(instruction, chosen, rejected):
    page = pair_html(pair(instruction, chosen, rejected, source=instruction))
    body = re.sub('<style>.*?</style>', '', page, flags=re.S)
    assert '\n' not in body and '`' not in body and '\n\n' not in page  # nothing that a Markdown reader would take up
    plain = shown(page)
    for o in instruction, chosen, rejected: assert visible(o) in plain
    tags = set(re.findall('<[^>]*>', body))
    assert all(re.fullmatch(r'</?(dl|dt|dd|div|p|bdi|mark|i|details|summary)( (class="[\w -]+"|dir="auto"))*>', o) for o in tags), tags

@given(TEXTS, TEXTS)
def test_compare(a, b):
    x, y = compare(a, b)
    assert (''.join(o.text for o in x), ''.join(o.text for o in y)) == (a, b)
    if any(o.differs for o in x + y):
        same = [squeeze(''.join(o.text for o in side if not o.differs)) for side in (x, y)]
        assert same[0] == same[1]
    if a == b: assert not any(o.differs for o in x + y)

WORDS = st.lists(st.text('abcde', min_size=1), max_size=20).map(' '.join)

@given(WORDS, WORDS, WORDS, WORDS)
def test_what_both_begin_and_end_with_is_not_marked(start, end, one, two):
    for side in compare(f'Once upon a time {start} {one}', f'Once upon a time {start} {two}'): assert side[0].text.startswith('Once upon a time') or not side[0].differs
    x, y = compare(f'Here, {one} {end} they lived happily ever after.', f'There, {two} {end} they lived happily ever after.')
    assert x[-1].text.endswith('lived happily ever after.') and not x[-1].differs and not y[-1].differs

@given(st.lists(st.builds(Run, st.text(min_size=1, max_size=3000), st.booleans())))
def test_fold(runs):
    head, rest = fold(runs)
    def letters(runs): return [(c, o.differs) for o in runs for c in o.text]
    assert letters(head) + letters(rest) == letters(runs)
    assert len(letters(head)) == FOLD if rest else len(letters(runs)) <= 1.5 * FOLD

@given(TEXTS)
def test_words(text): assert ''.join(WORD.findall(text)) == text

def terminal(texts, width, **options):
    "What a terminal is sent for a pair"
    to = Console(file=io.StringIO(), width=width, markup=False, highlight=False, emoji=False, **options)
    show(pair(*texts), full=True, to=to)
    return to.file.getvalue()

@settings(max_examples=50)
@given(TEXTS, st.integers(20, 79), st.booleans())
def test_terminal_holds_each_text(text, width, colours):
    sent = terminal(['?', text, 'no'], width, force_terminal=colours, color_system='standard' if colours else None)
    plain = re.sub(r'\x1b\[[\d;]*m', '', sent)
    assert not UNSEEN.search(plain)
    assert squeeze(visible(text)) in squeeze(plain)

# Hostile texts, one by one

@pytest.mark.parametrize('name', HOSTILE)
def test_hostile_in_a_terminal(name):
    text = HOSTILE[name]
    start = time.perf_counter()
    for width in 40, 120:
        sent = terminal([text, text, text + ' and more'], width, force_terminal=True, color_system='truecolor')
        ours = set(re.findall(r'\x1b\[[\d;]*m', terminal(['x', 'x y z', 'x z'], width, force_terminal=True, color_system='truecolor')))
        assert set(re.findall(r'\x1b\[[\d;]*m', sent)) <= ours | {'\x1b[3m'}                     # bold, underlined, italic, green, red
        assert not UNSEEN.search(re.sub(r'\x1b\[[\d;]*m', '', sent))
        assert all(len(line) <= width or any(ord(c) > 127 for c in line) for line in re.sub(r'\x1b\[[\d;]*m', '', sent).split('\n'))
    assert time.perf_counter() - start < 20

def test_any_two_texts_are_compared_in_bounded_time():
    rng = random.Random(0)
    for n in 300, 600, 100_000:
        for a, b in [('a b ' * (n//2), 'b a ' * (n//2)), ('a b ' * (n//2), 'a a b ' * (n//3)), (' '.join(rng.choices('ab', k=n)), ' '.join(rng.choices('ab', k=n)))]:
            start = time.perf_counter()
            compare(f'x {a} x', f'y {b} y')
            assert time.perf_counter() - start < 5

def test_ascii_only_terminal():
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding='ascii')
    show(pair('谢谢’'), to=Console(file=file, width=100))
    file.flush()
    assert rb'\u8c22\u8c22\u2019' in raw.getvalue()

# In a real browser

@pytest.fixture(scope='module')
def site():
    "Serves `site.page` to whoever asks for '/', and notes all else that is asked for"
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path not in ('/', '/favicon.ico'): self.server.asked.append(self.path)
            self.send_response(200)
            self.send_header('Content-Type', 'text/html; charset=utf-8')
            self.end_headers()
            if self.path == '/': self.wfile.write(self.server.page.encode())
        do_POST = do_GET
        def log_message(self, *_): pass
    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.asked, server.url = [], f'http://127.0.0.1:{server.server_port}'
    threading.Thread(target=server.serve_forever, args=(.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()

def open_page(browser, site, body):
    site.asked.clear()
    site.page = f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>pairs</title><body>{body}<p id="end">end</p></body></html>'
    browser.get(site.url)

LOOK = '''
const res = {hacked: window.hacked, title: document.title, end: document.querySelector('body > #end') !== null, pairs: []};
document.querySelectorAll('summary').forEach(o => o.parentNode.open = true);
document.querySelectorAll('*').forEach(o => { for (const e of ['click', 'mouseover', 'focus', 'toggle']) o.dispatchEvent(new Event(e)); });
for (const p of document.querySelectorAll('body > .hh-pair')) res.pairs.push({
    id: p.querySelector('.hh-head bdi').textContent, wide: p.scrollWidth > p.clientWidth + 1, tags: [...new Set([...p.querySelectorAll('*')].map(o => o.tagName))],
    texts: [...p.querySelectorAll(':scope > dl > div > dd')].map(o => { o = o.cloneNode(true); o.querySelectorAll('summary').forEach(s => s.remove()); return o.textContent; })});
res.wide = document.documentElement.scrollWidth > window.innerWidth + 1;
res.hacked = window.hacked;
return res'''

def test_hostile_in_a_browser(browser, site):
    "Each row comes out as text, all of it, in its place; nothing ran, nothing was asked for"
    pairs = [pair(*[o.replace(URL, site.url)] * 2, 'before ' + o.replace(URL, site.url), source=o[:300]) for o in HOSTILE.values()]
    open_page(browser, site, ''.join(map(pair_html, pairs)))
    got = browser.execute_script(LOOK)
    time.sleep(.5)
    assert not site.asked and got['hacked'] is None and browser.execute_script('return window.hacked') is None
    assert got['title'] == 'pairs' and got['end'] and not got['wide'] and browser.current_url == site.url + '/'
    assert len(got['pairs']) == len(pairs)
    for o, p in zip(got['pairs'], pairs):
        assert o['texts'] == [visible(p.instruction), visible(p.chosen), visible(p.rejected)]
        assert o['id'] == visible(p.id) and not o['wide']
        assert set(o['tags']) <= set('STYLE P BDI DL DT DD DIV MARK I DETAILS SUMMARY'.split())

def test_hostile_collection_in_a_browser(browser, site):
    pairs = [pair(o.replace(URL, site.url), source=o[:300]) for o in HOSTILE.values()]
    open_page(browser, site, ''.join(HH(pairs[i:i+10])._repr_html_() for i in range(0, len(pairs), 10)))
    got = browser.execute_script(LOOK)
    assert not site.asked and got['hacked'] is None and got['end'] and not got['wide']
    assert browser.execute_script("return document.querySelectorAll('details > .hh-pair').length") == len(pairs)

def test_the_check_would_notice(browser, site):
    "The same page without the escaping: it runs, asks and breaks"
    open_page(browser, site, f'<script>hacked=1</script><img src="{site.url}/leak"></body><plaintext>')
    time.sleep(.5)
    assert browser.execute_script(LOOK)['hacked'] == 1 and site.asked == ['/leak']

def test_side_by_side_or_below(browser, site):
    "Two columns on a wide page, one on a phone; marks have a name for those who cannot see them"
    open_page(browser, site, pair_html(pair('Where is my cat?', 'The cat is on the roof.', 'The cat is on the sofa.')))
    def tops(): return browser.execute_script("return [...document.querySelectorAll('.hh-chosen, .hh-rejected')].map(o => o.getBoundingClientRect().top)")
    for width, same in (1000, True), (390, False):
        browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', dict(width=width, height=800, deviceScaleFactor=1, mobile=width < 500))
        a, b = tops()
        assert (a == b) == same
    browser.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})
    tree = browser.execute_cdp_cmd('Accessibility.getFullAXTree', {})['nodes']
    said = ' '.join(o['name']['value'] for o in tree if o.get('role', {}).get('value') == 'StaticText' and not o.get('ignored'))
    assert said.count('[only here:') == 2 and 'roof' in said
    assert browser.execute_script("return getComputedStyle(document.querySelector('mark')).textDecorationLine") == 'underline'
