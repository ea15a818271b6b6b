"""JupyterLab itself, in headless Chromium: show pairs, page through them, run an essay, read blind, kill the kernel and go on.

SHOTS=folder keeps pictures for a person to look at, and LAB_THEME='JupyterLab Dark' takes them in the dark."""
import json, os, shutil, signal, socket, subprocess, sys, time
from pathlib import Path
from urllib.request import urlopen

import pytest

from hh_nbdev.load import load_hh
from hh_nbdev.look import examples, visible
from hostile import HOSTILE

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow
SETTINGS = {
    'notebook-extension/tracker': dict(windowingMode='none'),  # a cell out of sight is drawn too
    'apputils-extension/notification': dict(fetchNews='false', checkForUpdates=False, doNotDisturbMode=True),
    'apputils-extension/themes': dict(theme=os.environ.get('LAB_THEME', 'JupyterLab Light')),
    'docmanager-extension/plugin': dict(autosave=False),
}

def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]

def write_settings(folder):
    "JupyterLab's settings, as its files hold them"
    for name, value in SETTINGS.items():
        path = folder/'@jupyterlab'/f'{name}.jupyterlab-settings'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))

# JavaScript that runs in the page
KERNEL_STATUS = '''
const notebook = window.jupyterapp?.shell.currentWidget;
return notebook?.context?.isReady && notebook.sessionContext.session?.kernel?.status;'''
RUN_COMMAND = '''
const [command, done] = arguments;
jupyterapp.commands.execute(command).then(() => done(), done);'''
ALL_CELLS_HAVE_RUN = '''
return ![...document.querySelectorAll('.jp-Notebook .jp-InputPrompt')].some(o => o.textContent.includes('*'))'''
ERRORS = '''
const types = ['stderr', 'error'].map(o => `[data-mime-type="application/vnd.jupyter.${o}"]`);
return [...document.querySelectorAll(types)].map(o => o.textContent)'''
FIELD = '''
const label = [...document.querySelectorAll('.jp-OutputArea .widget-label')]
    .find(o => o.textContent === arguments[0] && o.offsetParent);
return label?.parentNode.querySelector('input, select')'''

class Lab:
    "A JupyterLab on a folder, and a browser that shows it"
    def __init__(self, folder, browser):
        self.folder, self.browser = folder, browser
        write_settings(folder/'.settings')
        port = free_port()
        self.url = f'http://127.0.0.1:{port}'
        self.log = open(folder/'.log', 'w')
        self.server = subprocess.Popen(
            [sys.executable, '-m', 'jupyterlab', '--no-browser', '--allow-root', f'--port={port}', '--port-retries=0',
             '--ip=127.0.0.1', '--IdentityProvider.token=', '--expose-app-in-browser', f'--notebook-dir={folder}'],
            cwd=folder, env=self.environment(), stdout=self.log, stderr=subprocess.STDOUT)
        self.wait(self.is_up, 60)

    def environment(self):
        "Nothing of the user's own JupyterLab, and what `make lab` brings"
        places = dict(JUPYTERLAB_SETTINGS_DIR='.settings', JUPYTER_CONFIG_DIR='.config', JUPYTER_DATA_DIR='.data',
                      JUPYTER_RUNTIME_DIR='.runtime', IPYTHONDIR='.ipython', HOME='.')
        own = {name: str(self.folder/place) for name, place in places.items()}
        return {**os.environ, **own, 'JUPYTER_CONFIG_PATH': str(ROOT/'tools/jupyter')}

    def is_up(self):
        try: return urlopen(f'{self.url}/api').status == 200
        except OSError: return False

    def wait(self, what, seconds=30):
        "Wait until `what()` holds, and give its value"
        from selenium.common.exceptions import StaleElementReferenceException
        end = time.time() + seconds
        while time.time() < end:
            try: value = what()
            except StaleElementReferenceException: value = None  # it was drawn anew meanwhile
            if value: return value
            time.sleep(.1)
        self.shot('failed')
        log = (self.folder/'.log').read_text()[-2000:]
        pytest.fail(f'waited {seconds} seconds for {what}; {log}')

    def js(self, code, *args): return self.browser.execute_script(code, *args)

    def open(self, name):
        "Open a notebook, and wait for its kernel"
        self.browser.get(f'{self.url}/lab/tree/{name}?reset')
        self.wait(lambda: self.js(KERNEL_STATUS) == 'idle', 90)

    def command(self, name, seconds=120):
        "Run one of JupyterLab's commands to its end"
        self.browser.set_script_timeout(seconds)
        self.browser.execute_async_script(RUN_COMMAND, name)

    def run_all(self, seconds=120):
        "Run all cells; their errors"
        self.command('notebook:run-all-cells', seconds)
        self.wait(lambda: self.js(ALL_CELLS_HAVE_RUN), seconds)
        return self.js(ERRORS)

    def kernels(self):
        "The processes that run kernels for this server"
        children = subprocess.run(['pgrep', '-P', str(self.server.pid)], capture_output=True, text=True)
        return children.stdout.split()

    def find(self, selector, text=''):
        "The first visible element that holds a text"
        def visible_elements():
            elements = self.browser.find_elements('css selector', selector)
            return [element for element in elements if element.is_displayed() and text in element.text]
        return self.wait(visible_elements)[0]

    def field(self, name):
        "The input of the widget with that label"
        return self.wait(lambda: self.js(FIELD, name))

    def scroll_to(self, element): self.js("arguments[0].scrollIntoView({block: 'center'})", element)

    def shot(self, name):
        "A picture for a person to look at, where one is asked for"
        if folder := os.environ.get('SHOTS'): self.browser.save_screenshot(f'{folder}/{name}.png')

    def close(self):
        self.browser.get('about:blank')
        self.server.terminate()
        try: self.server.wait(20)
        except subprocess.TimeoutExpired: self.server.kill()
        self.log.close()

def write_notebook(path, *sources):
    "A notebook with these code cells"
    cells = [dict(cell_type='code', metadata={}, outputs=[], execution_count=None, source=source, id=f'c{i}')
             for i, source in enumerate(sources)]
    kernel = dict(name='python3', display_name='Python 3', language='python')
    path.write_text(json.dumps(dict(cells=cells, nbformat=4, nbformat_minor=5, metadata=dict(kernelspec=kernel))))

@pytest.fixture
def lab(tmp_path, browser):
    browser.set_window_size(1300, 1000)
    lab = Lab(tmp_path, browser)
    yield lab
    lab.close()

HEADS = "return [...document.querySelectorAll('.jp-RenderedHTML .hh-pair .hh-head')].map(o => o.textContent)"
PAGE = '.widget-html-content .hh-pair'

def wait_for(lab, pair):
    "Wait until the browser shows a pair, and give its card"
    return lab.wait(lambda: lab.find(PAGE).text.startswith(pair.id) and lab.find(PAGE))

def test_a_pair_and_a_collection_are_shown_as_cards(lab):
    hh = load_hh('sample')
    write_notebook(lab.folder/'pairs.ipynb', "from hh_nbdev import load_hh, show\nhh = load_hh('sample')\nhh[0]", 'hh[:12]', 'show(hh[1])')
    lab.open('pairs.ipynb')
    assert lab.run_all() == []
    shown = lab.js(HEADS)
    expected = [hh[0].id, *hh[:10]['id'], hh[1].id]
    assert len(shown) == len(expected)
    for id, head in zip(expected, shown): assert id in head
    lab.shot('lab-collection')

def test_the_browser_finds_and_turns_pages(lab):
    from selenium.webdriver.common.keys import Keys
    hh = load_hh('sample')
    write_notebook(lab.folder/'pairs.ipynb', "from hh_nbdev import browse, load_hh\nbrowse(load_hh('sample'))")
    lab.open('pairs.ipynb')
    assert lab.run_all() == []
    wait_for(lab, hh[0])
    lab.find('button', 'Next').click()
    wait_for(lab, hh[1])
    lab.field('pair').send_keys(Keys.ARROW_UP)
    wait_for(lab, hh[2])
    lab.field('kind').send_keys('helpful')
    wait_for(lab, hh.helpful[0])
    lab.field('flag').send_keys('ident')
    identical = next(pair for pair in hh if 'identical' in pair.flags)
    assert identical.chosen in wait_for(lab, identical).text
    lab.field('id').send_keys(hh[30].id, Keys.ENTER)
    wait_for(lab, hh[30])

def test_the_browser_follows_the_typing(lab):
    "Without Enter, and with what was typed marked"
    hh = load_hh('sample')
    write_notebook(lab.folder/'pairs.ipynb', "from hh_nbdev import browse, load_hh\nbrowse(load_hh('sample'))")
    lab.open('pairs.ipynb')
    assert lab.run_all() == []
    wait_for(lab, hh[0])
    lab.field('text').send_keys('chewing GUM')
    wait_for(lab, next(pair for pair in hh if 'chewing gum' in pair.instruction))
    assert lab.find(f'{PAGE} mark').text == 'chewing gum'
    lab.scroll_to(lab.find('button', 'Next'))
    lab.shot('lab-browse')

# Every text of the pairs in the notebook's outputs
TEXTS_SHOWN = '''
const textWithoutSummaries = dd => {
    const copy = dd.cloneNode(true);
    copy.querySelectorAll('summary').forEach(o => o.remove());
    return copy.textContent;
};
return [...document.querySelectorAll('.jp-RenderedHTML > div > .hh-pair')]
    .map(pair => [...pair.querySelectorAll('dd')].map(textWithoutSummaries));'''

def test_hostile_rows_in_the_lab(lab):
    "Neither scripts nor formulas: JupyterLab typesets what stands between dollar signs, but not in a pair"
    left_out = 'long word of tags', 'many words', 'lone surrogate'  # too slow to draw, or no JSON
    texts = [text for name, text in HOSTILE.items() if name not in left_out]
    (lab.folder/'texts.json').write_text(json.dumps(texts))
    make_pairs = '''import json
from hh_nbdev import HH, Pair, browse
texts = json.load(open('texts.json'))
pairs = HH(Pair(text, text, text + '!', 'helpful-base', 'train', i) for i, text in enumerate(texts))'''
    control = "from IPython.display import HTML\nHTML('<p>$x_1$</p>')"
    one_by_one = [f'pairs[{i}]' for i in range(len(texts))]
    write_notebook(lab.folder/'hostile.ipynb', control, make_pairs, *one_by_one, 'browse(pairs)')
    lab.open('hostile.ipynb')
    assert lab.run_all() == []
    formulas = "return document.querySelectorAll('mjx-container').length"
    lab.wait(lambda: lab.js(formulas) == 1)  # the control is typeset
    assert lab.js(TEXTS_SHOWN) == [[visible(text), visible(text), visible(text + '!')] for text in texts]
    for _ in texts[1:]: lab.find('button', 'Next').click()
    lab.wait(lambda: f':{len(texts)-1}' in lab.find(PAGE).text)
    assert lab.js('return window.hacked') is None
    assert lab.js(formulas) == 1

def read_verdicts(path): return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

def test_blind_reading_survives_a_killed_kernel(lab):
    pairs = examples(load_hh('sample'), 2)
    write_notebook(lab.folder/'blind.ipynb', "from hh_nbdev import Review, examples, load_hh, review_widget\n"
                   "review_widget(Review(examples(load_hh('sample'), 2), 'verdicts.jsonl'))")
    path = lab.folder/'verdicts.jsonl'
    lab.open('blind.ipynb')
    assert lab.run_all() == []
    assert not lab.browser.find_elements('css selector', '.hh-chosen, .hh-rejected')
    # Three answers: by a button, by a key, by a button again
    lab.find('button', 'A is better').click()
    lab.find('[role=status]', '1 of 4')
    lab.field('Answer').send_keys('b')
    lab.find('[role=status]', '2 of 4')
    lab.find('button', 'Tie').click()
    lab.find('[role=status]', '3 of 4')
    assert len(read_verdicts(path)) == 3
    lab.shot('lab-review')
    # The kernel dies, and another one goes on with the fourth
    killed, = lab.kernels()
    os.kill(int(killed), signal.SIGKILL)
    lab.wait(lambda: lab.kernels() not in ([], [killed]), 60)
    lab.open('blind.ipynb')
    assert lab.run_all() == []
    lab.find('[role=status]', '3 of 4')
    lab.find('button', 'B is better').click()
    lab.wait(lambda: len(read_verdicts(path)) == 4)
    assert [verdict['answer'] for verdict in read_verdicts(path)] == ['A', 'B', 'tie', 'B']
    assert {verdict['id'] for verdict in read_verdicts(path)} == set(pairs['id'])
    lab.shot('lab-review-done')

@pytest.mark.parametrize('name', ['05_look.ipynb', pytest.param('04_compare.ipynb', marks=pytest.mark.real)])
def test_running_and_saving_a_notebook_leaves_no_diff(lab, name):
    "What JupyterLab writes after Run All is, byte for byte, what is in git"
    shutil.copy(ROOT/'pyproject.toml', lab.folder)  # nbdev's settings
    (lab.folder/'nbs').mkdir()
    path = lab.folder/'nbs'/name
    shutil.copyfile(ROOT/'nbs'/name, path)
    os.utime(path, (0, 0))
    lab.open(f'nbs/{name}')
    assert lab.run_all() == []
    lab.command('docmanager:save')
    assert path.stat().st_mtime > 0  # it was saved
    assert path.read_text() == (ROOT/'nbs'/name).read_text()

@pytest.mark.real
def test_the_essay_runs_top_to_bottom(lab):
    shutil.copytree(ROOT/'nbs', lab.folder/'nbs', symlinks=False)
    lab.open('nbs/12_six_examples.ipynb')
    assert lab.run_all(300) == []
    assert len(lab.js("return [...document.querySelectorAll('.jp-RenderedHTML .hh-pair')]")) == 6
    lab.js("document.querySelectorAll('.jp-RenderedHTML details').forEach(o => o.open = true)")
    lab.scroll_to(lab.browser.find_element('css selector', '.hh-pair'))
    lab.shot('lab-essay')
