"JupyterLab itself, in headless Chromium: show pairs, page through them, run an essay, read blind, kill the kernel and go on."
import json, os, shutil, socket, subprocess, sys, time
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

class Lab:
    "A JupyterLab on a folder, and a browser that shows it"
    def __init__(self, folder, browser):
        self.folder, self.browser = folder, browser
        settings = folder/'.settings'/'@jupyterlab'
        for name, value in SETTINGS.items():
            file = settings/f'{name}.jupyterlab-settings'
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(value))
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            port = s.getsockname()[1]
        self.url = f'http://127.0.0.1:{port}'
        env = {**os.environ, 'HOME': str(folder), 'JUPYTERLAB_SETTINGS_DIR': str(settings.parent), 'JUPYTER_CONFIG_DIR': str(folder/'.config'),
               'JUPYTER_DATA_DIR': str(folder/'.data'), 'JUPYTER_RUNTIME_DIR': str(folder/'.runtime'), 'IPYTHONDIR': str(folder/'.ipython')}
        self.server = subprocess.Popen([sys.executable, '-m', 'jupyterlab', '--no-browser', '--allow-root', f'--port={port}', '--port-retries=0', '--ip=127.0.0.1',
                                        '--IdentityProvider.token=', '--expose-app-in-browser', f'--notebook-dir={folder}'],
                                       cwd=folder, env=env, stdout=open(folder/'.log', 'w'), stderr=subprocess.STDOUT)
        self.wait(self.up, 60)

    def up(self):
        try: return urlopen(f'{self.url}/api').status == 200
        except OSError: return False

    def wait(self, what, seconds=30):
        "Wait until `what()` holds, and give its value"
        from selenium.common.exceptions import StaleElementReferenceException
        def now():
            try: return what()
            except StaleElementReferenceException: return None  # it was drawn anew meanwhile
        end = time.time() + seconds
        while not (got := now()):
            if time.time() > end: self.shot("failed")
            assert time.time() < end, f'waited {seconds} seconds for {what}; {(self.folder/".log").read_text()[-2000:]}'
            time.sleep(.1)
        return got

    def js(self, code, *args): return self.browser.execute_script(code, *args)

    def open(self, name):
        self.browser.get(f'{self.url}/lab/tree/{name}?reset')
        self.wait(lambda: self.js('return window.jupyterapp?.shell.currentWidget?.context?.isReady && jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status') == 'idle', 90)

    def run_all(self, seconds=120):
        "Run all cells; their errors"
        self.browser.set_script_timeout(seconds)
        self.browser.execute_async_script("const done = arguments[0]; jupyterapp.commands.execute('notebook:run-all-cells').then(() => done(), done)")
        self.wait(lambda: self.js("return ![...document.querySelectorAll('.jp-Notebook .jp-InputPrompt')].some(o => o.textContent.includes('*'))"), seconds)
        return self.js("return [...document.querySelectorAll('[data-mime-type=\"application/vnd.jupyter.stderr\"], [data-mime-type=\"application/vnd.jupyter.error\"]')].map(o => o.textContent)")

    def kernels(self):
        "The processes that run kernels for this server"
        return subprocess.run(['pgrep', '-P', str(self.server.pid)], capture_output=True, text=True).stdout.split()

    def find(self, selector, text=''):
        return self.wait(lambda: [o for o in self.browser.find_elements('css selector', selector) if o.is_displayed() and text in o.text])[0]

    def shot(self, name):
        "A picture for a person to look at, where one is asked for"
        if where := os.environ.get('SHOTS'): self.browser.save_screenshot(f'{where}/{name}.png')

    def close(self):
        self.browser.get('about:blank')
        self.server.terminate()
        try: self.server.wait(20)
        except subprocess.TimeoutExpired: self.server.kill()

def notebook(file, *cells):
    cell = dict(cell_type='code', metadata={}, outputs=[], execution_count=None)
    file.write_text(json.dumps(dict(cells=[{**cell, 'source': o, 'id': f'c{i}'} for i, o in enumerate(cells)], nbformat=4, nbformat_minor=5,
        metadata=dict(kernelspec=dict(name='python3', display_name='Python 3', language='python')))))

@pytest.fixture
def lab(tmp_path, browser):
    browser.set_window_size(1300, 1000)
    got = Lab(tmp_path, browser)
    yield got
    got.close()

def field(lab, name):
    "The input of the widget with that label"
    return lab.wait(lambda: lab.js('''return [...document.querySelectorAll('.jp-OutputArea .widget-label')]
        .find(o => o.textContent === arguments[0] && o.offsetParent)?.parentNode.querySelector('input, select')''', name))

def test_pairs_and_their_browser(lab):
    from selenium.webdriver.common.keys import Keys
    hh = load_hh('sample')
    notebook(lab.folder/'pairs.ipynb', "from hh_nbdev import browse, load_hh\nhh = load_hh('sample')\nhh[0]", 'hh[:12]', 'browse(hh)')
    lab.open('pairs.ipynb')
    assert lab.run_all() == []
    shown = lab.js("return [...document.querySelectorAll('.jp-RenderedHTML .hh-pair .hh-head')].map(o => o.textContent)")
    assert len(shown) == 11 and all(p.id in o for p, o in zip([hh[0], *hh], shown))
    page = '.widget-html-content .hh-pair'
    def at(pair): return lab.wait(lambda: lab.find(page).text.startswith(pair.id) and lab.find(page))
    at(hh[0])
    lab.find('button', 'Next').click()
    at(hh[1])
    field(lab, 'pair').send_keys(Keys.ARROW_UP)
    at(hh[2])
    field(lab, 'kind').send_keys('helpful')
    at(hh.helpful[0])
    field(lab, 'flag').send_keys('ident')
    only = next(o for o in hh if 'identical' in o.flags)
    assert only.chosen in at(only).text
    field(lab, 'id').send_keys(hh[30].id, Keys.ENTER)
    at(hh[30])
    field(lab, 'text').send_keys('chewing gum', Keys.ENTER)
    at(next(o for o in hh if 'chewing gum' in o.instruction))
    lab.js("arguments[0].scrollIntoView({block: 'center'})", lab.find('button', 'Next'))
    lab.shot('lab-browse')

def test_hostile_rows_in_the_lab(lab):
    "Neither scripts nor formulas: JupyterLab typesets what stands between dollar signs, but not in a pair"
    texts = [o for k, o in HOSTILE.items() if k not in ('long word of tags', 'many words', 'lone surrogate')]
    (lab.folder/'texts.json').write_text(json.dumps(texts))
    notebook(lab.folder/'hostile.ipynb', "from IPython.display import HTML\nHTML('<p>$x_1$</p>')",
        "import json\nfrom hh_nbdev import HH, Pair, browse\npairs = HH(Pair(o, o, o + '!', 'helpful-base', 'train', i) for i, o in enumerate(json.load(open('texts.json'))))",
        *[f'pairs[{i}]' for i in range(len(texts))], 'pairs[:10]', 'browse(pairs)')
    lab.open('hostile.ipynb')
    assert lab.run_all() == []
    lab.wait(lambda: lab.js("return document.querySelectorAll('mjx-container').length") == 1)  # the control
    got = lab.js("""return [...document.querySelectorAll('.jp-RenderedHTML > .hh-pair')].map(p => [...p.querySelectorAll('dd')].map(o => {
        o = o.cloneNode(true); o.querySelectorAll('summary').forEach(s => s.remove()); return o.textContent; }))""")
    assert got == [[visible(o), visible(o), visible(o + '!')] for o in texts]
    for _ in texts[1:]: lab.find('button', 'Next').click()
    lab.wait(lambda: f':{len(texts)-1}' in lab.find('.widget-html-content .hh-pair').text)
    assert lab.js("return [window.hacked, document.querySelectorAll('mjx-container').length]") == [None, 1]

def test_blind_reading_survives_a_killed_kernel(lab):
    notebook(lab.folder/'blind.ipynb', "from hh_nbdev import Review, examples, load_hh, review_widget\nreview_widget(Review(examples(load_hh('sample'), 2), 'verdicts.jsonl'))")
    verdicts = lab.folder/'verdicts.jsonl'
    def lines(): return [json.loads(o) for o in verdicts.read_text().splitlines()] if verdicts.exists() else []
    lab.open('blind.ipynb')
    assert lab.run_all() == []
    assert not lab.browser.find_elements('css selector', '.hh-chosen, .hh-rejected')
    for i, press in enumerate(['A is better', 'b', 'Tie']):
        if len(press) == 1: field(lab, 'Answer').send_keys(press)
        else: lab.find('button', press).click()
        lab.wait(lambda n=i+1: len(lines()) == n)
        lab.wait(lambda n=i+1: lab.find('[role=status]', f'{n} of 4'))
    lab.shot('lab-review')
    before, = lab.kernels()
    os.kill(int(before), 9)
    lab.wait(lambda: lab.kernels() not in ([], [before]), 60)
    lab.open('blind.ipynb')
    assert lab.run_all() == []
    lab.find('[role=status]', '3 of 4')
    lab.find('button', 'B is better').click()
    lab.wait(lambda: len(lines()) == 4)
    assert [o['answer'] for o in lines()] == ['A', 'B', 'tie', 'B'] and {o['id'] for o in lines()} == set(examples(load_hh('sample'), 2)['id'])
    lab.shot('lab-review-done')

@pytest.mark.real
def test_the_essay_runs_top_to_bottom(lab):
    shutil.copytree(ROOT/'nbs', lab.folder/'nbs', symlinks=False)
    lab.open('nbs/12_six_examples.ipynb')
    assert lab.run_all(300) == []
    assert len(lab.js("return [...document.querySelectorAll('.jp-RenderedHTML .hh-pair')]")) == 6
    lab.js("document.querySelectorAll('.jp-RenderedHTML details').forEach(o => o.open = true); document.querySelector('.hh-pair').scrollIntoView({block: 'center'})")
    lab.shot('lab-essay')
