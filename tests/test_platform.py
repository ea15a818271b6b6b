"The data is only data: none of it is run, opened or fetched; and it reads the same under any locale."
import json, os, subprocess, sys

import pytest

TEXTS = [
    '/etc/passwd', '../../etc/passwd', 'file:///etc/passwd', 'http://127.0.0.1:9/x', '~/x', '$(touch x)', '`touch x`',
    '__import__("os").system("touch x")', '{{7*7}}', '{0.__class__}', '%n%s', '{instruction}',
    '!!python/object/apply:os.system ["touch x"]', 'cos\nsystem\n(S"touch x"\ntR.', '<script src=//x></script>',
    '![x](http://127.0.0.1:9/x.png)', '\x1b]8;;file:///etc/passwd\x07x', 'é’😀']

CODE = '''
import hashlib, json, os, sys
import hh_nbdev as h, hh_nbdev.train, hh_nbdev.cli
from hh_nbdev.review import Review
from hh_nbdev.look import examples
from pathlib import Path

def do_all(folder):
    "What users do with pairs, other than training; a digest of all that came out"
    hh, out = h.load_hh(folder, sources='helpful-base'), Path(folder)/'out'
    out.mkdir()
    shown = [repr(hh), repr(hh.report), hh.report._repr_markdown_(), examples(hh, 5, 0)._repr_html_()]
    for pair in hh: shown += [repr(pair), pair._repr_html_()]
    for format in 'jsonl', 'trl', 'trl-chat': hh.export(out/f'{format}.jsonl', format)
    assert list(h.HH.from_jsonl(out/'jsonl.jsonl')) == list(hh)
    review = Review(hh, out/'verdicts', seed=1)
    while review.left: review.answer('a', hh[0].chosen)
    h.write_look(out/'look.ipynb', folder, sources=['helpful-base'])
    hh.split(val=.5)
    digest = hashlib.sha256(repr([*map(tuple, hh)]).encode('utf-8', 'surrogatepass'))
    for path in sorted(out.glob('[jt]*.jsonl')): digest.update(path.read_bytes())  # not the verdicts: they hold the time
    return digest.hexdigest()

def path_of(args):
    return [os.path.abspath(os.fsdecode(arg)) for arg in args[:1] if isinstance(arg, (str, bytes, os.PathLike))]

do_all(sys.argv[1])                # a first round, for all that is imported late
seen = []
sys.addaudithook(lambda event, args: seen.append((event, args)))
digest = do_all(sys.argv[2])
print(json.dumps([digest, [(event, *path_of(args)) for event, args in seen]]))
'''

def row(instruction, reply):
    "A line of a file, with one of the texts in it"
    turns = f'\n\nHuman: {instruction}\n\nAssistant: '
    return json.dumps(dict(chosen=turns + reply, rejected=f'{turns}no {reply}')) + '\n'

def write_data(folder, texts):
    "Each text as an instruction, and as a reply"
    folder.mkdir(parents=True)
    with open(folder/'helpful-base.jsonl', 'w', encoding='utf-8') as file:
        for text in texts: file.write(row(text, 'fine') + row('What?', text))
    return folder

def run(tmp_path, **env):
    "The digest and the audit events of a run on `TEXTS`, after one on harmless texts"
    first, second = write_data(tmp_path/'first', ['hi', 'a', 'b']), write_data(tmp_path/'second', TEXTS)
    command = [sys.executable, '-c', CODE, first, second]
    return json.loads(subprocess.check_output(command, env={**os.environ, **env}, cwd=tmp_path))

HARMFUL = ('exec', 'compile', 'pickle', 'marshal', 'subprocess', 'socket', 'urllib', 'ctypes', 'code')
HARMFUL_OS = ('os.system', 'os.exec', 'os.fork', 'os.posix_spawn')

def test_nothing_in_the_data_is_run_opened_or_fetched(tmp_path):
    "Python's audit hook tells of each file opened, module imported, code run, pickle read, process started, host called"
    _, events = run(tmp_path)
    opened = {path for event, *paths in events if event == 'open' for path in paths}
    assert str(tmp_path/'second'/'helpful-base.jsonl') in opened
    for path in opened: assert path.startswith(f'{tmp_path}/second/')
    imported = {os.path.basename(name) for event, *names in events if event == 'import' for name in names}
    assert imported <= {'fastsimdjson'}  # which may be missing, and is asked for at each load
    names = {event for event, *_ in events}
    assert not {name for name in names if name.split('.')[0] in HARMFUL or name in HARMFUL_OS}
    assert not (tmp_path/'x').exists()

LOCALES = [dict(LC_ALL='C'), dict(LC_ALL='C', PYTHONUTF8='0', PYTHONCOERCECLOCALE='0'), dict(LC_ALL='POSIX', PYTHONIOENCODING='ascii')]

@pytest.mark.parametrize('env', LOCALES, ids=str)
def test_the_locale_changes_nothing(tmp_path, env):
    here, there = run(tmp_path/'here', **env), run(tmp_path/'there')
    assert here[0] == there[0]
