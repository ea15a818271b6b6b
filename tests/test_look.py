"Showing pairs: whatever a text holds is shown, and nothing of it is done."
import html, io, os, re, subprocess, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st
from rich.console import Console

from hh_nbdev.cli import not_looked_at
from hh_nbdev.compare import Run
from hh_nbdev.load import HH, Pair, load_hh
from hh_nbdev.look import (
    _FOLD, _UNSEEN, _Browser, _card_height, _Finder, _fold_text, card_html, card_rich, examples, fit_fold,
    make_card, make_console, pair_card, show, visible)
from hostile import HOSTILE, TEXTS

PICTURE = '[\u2400-\u2421]|⟨U\\+[0-9A-F]{4,6}⟩'  # what `visible` puts in place of an unseen character
COLOUR = r'\x1b\[[\d;]*m'                          # what a terminal takes as a colour or style

def make_pair(instruction, chosen='yes', rejected='no', source='helpful-base'):
    return Pair(instruction, chosen, rejected, source, 'train', 0)

def without_style(page): return re.sub('<style>.*?</style>', '', page, flags=re.S)
def without_space(text): return re.sub(r'\s', '', text)

def shown_text(page):
    "What a reader sees of a card's HTML"
    return html.unescape(re.sub('<summary>.*?</summary>|<[^>]*>', '', without_style(page), flags=re.S))

# Properties of any text

@given(TEXTS)
def test_visible_leaves_nothing_unseen(text):
    seen = visible(text)
    assert not _UNSEEN.search(seen)
    assert visible(seen) == seen

@given(TEXTS.filter(lambda text: not re.search(PICTURE, text)))
def test_visible_changes_nothing_else(text):
    assert re.split(PICTURE, visible(text)) == _UNSEEN.split(text)

@given(TEXTS, TEXTS, TEXTS)
def test_html_holds_each_text(instruction, chosen, rejected):
    page = card_html(pair_card(make_pair(instruction, chosen, rejected, source=instruction)))
    for text in instruction, chosen, rejected: assert visible(text) in shown_text(page)

@given(TEXTS, TEXTS, TEXTS)
def test_html_holds_only_our_tags(instruction, chosen, rejected):
    page = without_style(card_html(pair_card(make_pair(instruction, chosen, rejected, source=instruction))))
    allowed = r'</?(dl|dt|dd|div|p|bdi|mark|i|details|summary)( (class="[\w -]+"|dir="auto"))*>'
    for tag in re.findall('<[^>]*>', page): assert re.fullmatch(allowed, tag)

@given(TEXTS, TEXTS, TEXTS)
def test_html_holds_nothing_that_markdown_reads(instruction, chosen, rejected):
    page = card_html(pair_card(make_pair(instruction, chosen, rejected, source=instruction)))
    assert '\n\n' not in page
    assert '\n' not in without_style(page)
    assert '`' not in without_style(page)

LONG_TEXTS = st.builds(str.__mul__, st.sampled_from('ab\n’'), st.integers(1, 2 * _FOLD))

@given(st.lists(st.builds(Run, LONG_TEXTS, st.booleans()), max_size=5))
@settings(max_examples=50)
def test_folding_loses_nothing(runs):
    def letters(runs): return [(letter, run.marked) for run in runs for letter in run.text]
    head, rest = _fold_text(runs)
    assert letters(head) + letters(rest) == letters(runs)
    if rest: assert len(letters(head)) == _FOLD
    else: assert len(letters(runs)) <= 1.5 * _FOLD

# One card, shown everywhere

def printed(card, width=80, fold=_FOLD, **options):
    "What a terminal is sent for a card"
    console = Console(file=io.StringIO(), width=width, markup=False, highlight=False, emoji=False, **options)
    console.print(card_rich(card, console, fold))
    return console.file.getvalue()

def test_a_note_on_a_card_is_shown_on_the_page_and_in_the_terminal():
    card = make_card('Hello?', dict(A='Hi', B='Good day'), title='1 of 2', notes=['a note', 'another'])
    for shown in shown_text(card_html(card)), printed(card):
        for part in '1 of 2', 'a note', 'another', 'Hello?', 'A', 'Hi', 'B', 'Good day': assert part in shown

def test_matches_are_marked_in_all_three_texts_and_the_differences_are_not():
    card = pair_card(make_pair('A cat?', 'The cat sat on the mat.', 'The cat lay on the mat.'), mark='CAT')
    assert card.legend == 'a match'
    assert re.findall('<mark>(.*?)</mark>', card_html(card)) == ['cat'] * 3
    assert printed(card).count('[[cat]]') == 3

def test_a_match_beyond_the_fold_is_shown(capsys):
    pair = make_pair('x ' * _FOLD + 'needle')
    show(pair, to=Console(width=80, force_jupyter=False))
    assert 'needle' not in capsys.readouterr().out
    show(pair, to=Console(width=80, force_jupyter=False), mark='needle')
    assert '[[needle]]' in capsys.readouterr().out

@given(TEXTS, TEXTS, st.sampled_from([20, 50, 79, 80, 120, 200]), st.sampled_from([None, 30, 1000]))
@settings(max_examples=50)
def test_the_height_of_a_card_is_the_number_of_lines_printed(instruction, chosen, width, fold):
    card = pair_card(make_pair(instruction, chosen))
    console = Console(file=io.StringIO(), width=width, markup=False, highlight=False, emoji=False)
    assert _card_height(card, console, fold) == printed(card, width, fold).count('\n')

@pytest.mark.real
@pytest.mark.parametrize('width, height', [(80, 18), (50, 16), (120, 34)])
def test_the_longest_real_pair_can_be_folded_to_fit_a_screen(width, height):
    longest = max(load_hh(split='test'), key=lambda pair: len(pair.instruction) + len(pair.chosen) + len(pair.rejected))
    card, console = pair_card(longest), Console(width=width)
    fold = fit_fold(card, console, height)
    assert fold is not None
    assert _card_height(card, console, fold) <= height < _card_height(card, console, None)

SHOW = "from hh_nbdev import load_hh, show; show(load_hh('sample')[0])"

@pytest.mark.parametrize('columns', ['0', '1', '10', '20'])
def test_a_pair_is_shown_however_narrow_the_terminal_says_it_is(columns):
    out = subprocess.check_output([sys.executable, '-c', SHOW], text=True, env={**os.environ, 'COLUMNS': columns})
    pair = load_hh('sample')[0]
    for text in pair[:3]: assert without_space(text) in without_space(out)
    assert max(map(len, out.splitlines())) <= 20

@pytest.mark.parametrize('columns', ['0', '1', '10', '20'])
def test_a_blind_pair_is_shown_however_narrow_the_terminal_says_it_is(columns, tmp_path):
    command = [Path(sys.executable).parent/'hh-review', tmp_path/'verdicts.jsonl', '--n', '1', '--path', 'sample', '--kind', 'helpful']
    out = subprocess.run(command, input='q\n', capture_output=True, text=True, env={**os.environ, 'COLUMNS': columns}).stdout
    pair = examples(not_looked_at(load_hh('sample').helpful, seed=0, exclude=()), 1)[0]
    for text in pair[:3]: assert without_space(text) in without_space(out)

@pytest.mark.parametrize('width', [0, 1, 10, 20])
def test_a_console_has_room_for_a_pair(width):
    assert make_console(width).width == 20

# In a terminal

@given(TEXTS, st.integers(20, 79), st.booleans())
@settings(max_examples=50)
def test_terminal_holds_each_text(text, width, colours):
    card = pair_card(make_pair('?', text, 'no'))
    sent = printed(card, width, fold=None, force_terminal=colours, color_system='standard' if colours else None)
    plain = re.sub(COLOUR, '', sent)
    assert not _UNSEEN.search(plain)
    assert without_space(visible(text)) in without_space(plain)

def styles(sent): return set(re.findall(COLOUR, sent))

@pytest.mark.parametrize('name', HOSTILE)
def test_a_hostile_text_in_a_terminal_is_text(name):
    text = HOSTILE[name]
    terminal = dict(fold=None, force_terminal=True, color_system='truecolor')
    for width in 40, 120:
        start = time.perf_counter()
        sent = printed(pair_card(make_pair(text, text, text + ' and more')), width, **terminal)
        assert time.perf_counter() - start < 10
        plain = re.sub(COLOUR, '', sent)
        ours = styles(printed(pair_card(make_pair('x', 'x y z', 'x z')), width, **terminal)) | {'\x1b[3m'}  # italic
        assert styles(sent) <= ours
        assert not _UNSEEN.search(plain)
        for line in plain.split('\n'): assert len(line) <= width or not line.isascii()

def test_a_terminal_that_knows_only_ascii_is_sent_escapes():
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding='ascii')
    show(make_pair('谢谢’'), to=Console(file=file, width=100))
    file.flush()
    assert rb'\u8c22\u8c22\u2019' in raw.getvalue()

EMBEDDED = 'from IPython.terminal.embed import InteractiveShellEmbed; InteractiveShellEmbed.instance(); '

@pytest.mark.parametrize('start', [['-c', SHOW], ['-m', 'IPython', '-c', SHOW], ['-c', EMBEDDED + SHOW]],
                         ids=['Python', 'IPython', 'IPython in a program'])
def test_show_prints_where_there_is_no_notebook(start, tmp_path):
    env = {**os.environ, 'COLUMNS': '100', 'IPYTHONDIR': str(tmp_path)}
    out = subprocess.check_output([sys.executable, *start], text=True, env=env)
    assert load_hh('sample')[0].instruction in out
    assert max(map(len, out.splitlines())) == 100

# Finding pairs

def test_a_search_finds_what_a_plain_loop_finds():
    hh = load_hh('sample')
    finder = _Finder(hh)
    for text in 'gum', 'the', 'é', 'no such words anywhere':
        assert finder.find(text=text) == [i for i, pair in enumerate(hh) if text in '\n'.join(pair[:3]).casefold()]
    for kind, flag in [('helpful', 'empty'), ('harm', ''), ('', 'identical')]:
        by_hand = [i for i, pair in enumerate(hh) if kind in pair.kind and (not flag or flag in pair.flags)]
        assert finder.find(kind=kind, flag=flag) == by_hand

@given(TEXTS)
def test_a_search_takes_any_text(text):
    assert _Finder(HH([make_pair(text)])).find(text=text) == [0]

@pytest.mark.real
@pytest.mark.parametrize('field, part', [('kind', 'harm'), ('source', 'online'), ('flag', 'empty'), ('text', 'the')])
def test_the_browser_answers_in_a_moment_among_fifty_thousand_pairs(field, part):
    "As many pairs as the training split has; the first search in a field, which makes what it needs, and the second"
    hh = load_hh(split='test')
    many = HH([pair for _ in range(19) for pair in hh])
    seconds = []
    for _ in range(3):  # the best of three, as other processes may be at work
        browser = _Browser(many)
        for typed in part[:2], part:
            start = time.process_time()
            browser.fields[field].value = typed
            seconds.append(time.process_time() - start)
        assert 0 < len(browser.found) < len(many)
    assert min(seconds[::2]) < .3
    assert min(seconds[1::2]) < .15

# In a real browser

@pytest.fixture(scope='module')
def site():
    "Serves `site.page` to whoever asks for '/', and notes everything else that is asked for"
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
    site.page = f'''<!doctype html><html lang="en"><meta charset="utf-8">
        <meta name="viewport" content="width=device-width"><title>pairs</title><body>{body}<p id="end">end</p></body></html>'''
    browser.get(site.url)

# Opens all folds, sets off all events that a hostile text may wait for, and tells what the page looks like then
LOOK = '''
const textWithoutSummaries = dd => {
    const copy = dd.cloneNode(true);
    copy.querySelectorAll('summary').forEach(o => o.remove());
    return copy.textContent;
};
const describe = pair => ({
    id: pair.querySelector('.hh-head bdi').textContent,
    wide: pair.scrollWidth > pair.clientWidth + 1,
    tags: [...new Set([...pair.querySelectorAll('*')].map(o => o.tagName))],
    texts: [...pair.querySelectorAll(':scope > dl > div > dd')].map(textWithoutSummaries),
});
document.querySelectorAll('summary').forEach(o => o.parentNode.open = true);
for (const element of document.querySelectorAll('*'))
    for (const name of ['click', 'mouseover', 'focus', 'toggle']) element.dispatchEvent(new Event(name));
return {
    title: document.title,
    end: document.querySelector('body > #end') !== null,
    wide: document.documentElement.scrollWidth > window.innerWidth + 1,
    pairs: [...document.querySelectorAll('.hh-pair')].map(describe),
    hacked: window.hacked,
};'''

TAGS = {'P', 'BDI', 'DL', 'DT', 'DD', 'DIV', 'MARK', 'I', 'DETAILS', 'SUMMARY'}

def hostile_pairs(site):
    "Each hostile text as a pair's instruction, replies and source; what they ask for is `site`"
    pairs = []
    for text in HOSTILE.values():
        text = text.replace('URL', site.url)
        pairs.append(make_pair(text, text, 'before ' + text, source=text[:300]))
    return pairs

def test_hostile_rows_in_a_browser(browser, site):
    "Each row comes out as text, all of it, in its place; nothing ran, nothing was asked for"
    pairs = hostile_pairs(site)
    open_page(browser, site, ''.join(pair._repr_html_() for pair in pairs))
    seen = browser.execute_script(LOOK)
    time.sleep(.5)
    assert not site.asked
    assert seen['hacked'] is None and browser.execute_script('return window.hacked') is None
    assert browser.current_url == site.url + '/'
    assert seen['title'] == 'pairs' and seen['end'] and not seen['wide']
    assert [card['texts'] for card in seen['pairs']] == [[visible(text) for text in pair[:3]] for pair in pairs]
    assert [card['id'] for card in seen['pairs']] == [visible(pair.id) for pair in pairs]
    for card in seen['pairs']:
        assert not card['wide']
        assert set(card['tags']) <= TAGS

def test_hostile_collections_in_a_browser(browser, site):
    pairs = hostile_pairs(site)
    open_page(browser, site, ''.join(HH(pairs[i:i+10])._repr_html_() for i in range(0, len(pairs), 10)))
    seen = browser.execute_script(LOOK)
    time.sleep(.5)
    assert not site.asked and seen['hacked'] is None
    assert seen['end'] and not seen['wide']
    assert [card['id'] for card in seen['pairs']] == [visible(pair.id) for pair in pairs]
    counted = browser.execute_script("return [...document.querySelectorAll('.hh-counts th')].map(o => o.textContent)")
    assert [name for name in counted if name not in ('source', 'all')] == [visible(pair.source) for pair in pairs]

def test_a_page_without_the_escaping_would_be_noticed(browser, site):
    "It runs, asks and breaks"
    open_page(browser, site, f'<script>hacked=1</script><img src="{site.url}/leak"></body><plaintext>')
    time.sleep(.5)
    assert browser.execute_script(LOOK)['hacked'] == 1
    assert site.asked == ['/leak']

CAT = make_pair('Where is my cat?', 'The cat is on the roof.', 'The cat is on the sofa.')

@pytest.mark.parametrize('width, side_by_side', [(1000, True), (390, False)])
def test_replies_stand_side_by_side_where_there_is_room(browser, site, width, side_by_side):
    open_page(browser, site, CAT._repr_html_())
    screen = dict(width=width, height=800, deviceScaleFactor=1, mobile=width < 500)
    browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', screen)
    tops = browser.execute_script(
        "return [...document.querySelectorAll('.hh-chosen, .hh-rejected')].map(o => o.getBoundingClientRect().top)")
    browser.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})
    assert (tops[0] == tops[1]) == side_by_side

def said_by_a_screen_reader(browser):
    nodes = browser.execute_cdp_cmd('Accessibility.getFullAXTree', {})['nodes']
    texts = [node for node in nodes if node.get('role', {}).get('value') == 'StaticText' and not node.get('ignored')]
    return ' '.join(node['name']['value'] for node in texts)

def test_marks_have_a_name_for_those_who_cannot_see_them(browser, site):
    open_page(browser, site, CAT._repr_html_())
    said = said_by_a_screen_reader(browser)
    assert said.count('[only here:') == 2
    assert 'roof' in said
    assert browser.execute_script("return getComputedStyle(document.querySelector('mark')).textDecorationLine") == 'underline'

def test_matches_have_a_name_for_those_who_cannot_see_them(browser, site):
    open_page(browser, site, card_html(pair_card(CAT, mark='cat')))
    said = said_by_a_screen_reader(browser)
    assert said.count('[found:') == 3
    assert '[only here:' not in said
