"What several tests share."
import gzip, json, os, shutil, signal, sys
from itertools import chain, islice
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile('house', deadline=None)  # a busy machine is no failure
settings.load_profile('house')
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores Ctrl-C, and so would all that the tests start

@pytest.fixture(scope='session')
def browser():
    "Headless Chromium; without it these tests are left out, except in CI"
    path = os.environ.get('CHROME_BIN')  # GitHub's runners have several; this one is of their driver's version
    for name in ('chromium', 'chromium-browser', 'google-chrome'): path = path or shutil.which(name)
    driver = shutil.which('chromedriver')
    if not (path and driver):
        if os.environ.get('CI'): pytest.fail('CI needs chromium and chromedriver')
        pytest.skip('no chromium and chromedriver here')
    from selenium import webdriver
    options = webdriver.ChromeOptions()
    options.binary_location = path
    for o in ('headless', 'no-sandbox', 'disable-gpu', 'disable-dev-shm-usage', 'disable-quic', 'no-first-run', 'disable-background-networking', 'disable-component-update', 'disable-sync'):
        options.add_argument(f'--{o}')
    got = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield got
    got.quit()

@pytest.fixture(params=['plain', 'quick'])
def either_parser(request, monkeypatch):
    "The test runs without fastsimdjson, and with it where it is installed"
    if request.param == 'quick': pytest.importorskip('fastsimdjson')
    else: monkeypatch.setitem(sys.modules, 'fastsimdjson', None)

@pytest.fixture(scope='session')
def corpus(tmp_path_factory):
    "As many rows as the training files have, out of the test files; from the second round on, with a number at the end of each reply"
    from hh_nbdev.files import OFFICIAL, SOURCES
    from reference import rows
    folder = tmp_path_factory.mktemp('corpus')
    for source in SOURCES:
        real = [row for _, row in rows(Path(os.environ['HH_DATA'])/source/'test.jsonl.gz')]
        rounds = chain.from_iterable(((k, row) for row in real) for k in range(99))
        with gzip.open(folder/f'{source}.jsonl.gz', 'wt', compresslevel=1, encoding='utf-8') as f:
            for k, row in islice(rounds, OFFICIAL[source, 'train'].rows):
                numbered = {side: f'{text} ({k})' if k else text for side, text in row.items()}
                f.write(json.dumps(numbered) + '\n')
    return folder
