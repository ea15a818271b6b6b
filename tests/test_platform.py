"Data is data: none of it is run, opened or fetched; and it reads the same under any locale"
import json, os, subprocess, sys
import pytest

TEXTS = ['/etc/passwd', '../../etc/passwd', 'file:///etc/passwd', 'http://127.0.0.1:9/x', '~/x', '$(touch x)', '`touch x`', '__import__("os").system("touch x")', '{{7*7}}', '{0.__class__}', '%n%s', '{instruction}',
         '!!python/object/apply:os.system ["touch x"]', 'cos\nsystem\n(S"touch x"\ntR.', '<script src=//x></script>', '![x](http://127.0.0.1:9/x.png)', '\x1b]8;;file:///etc/passwd\x07x', 'é’😀']

CODE = '''
import hashlib, json, os, sys
import hh_nbdev as h, hh_nbdev.train, hh_nbdev.cli
from hh_nbdev.review import Review
from hh_nbdev.look import examples
from pathlib import Path

def all_of_it(folder):
    "What users do with pairs, other than training"
    hh, out = h.load_hh(folder, sources='helpful-base'), Path(folder)/'out'
    out.mkdir()
    shown = [repr(hh), repr(hh.report), hh.report._repr_markdown_(), examples(hh, 5, 0)._repr_html_(), *(o._repr_html_() for o in hh), *map(repr, hh)]
    for format in 'jsonl', 'trl', 'trl-chat': hh.export(out/f'{format}.jsonl', format)
    assert list(h.HH.from_jsonl(out/'jsonl.jsonl')) == list(hh)
    review = Review(hh, out/'verdicts', seed=1)
    while review.left: review.answer('a', hh[0].chosen)
    hh.split(val=.5)
    digest = hashlib.sha256(repr([*map(tuple, hh)]).encode('utf-8', 'surrogatepass'))
    for o in sorted(out.glob('[jt]*')): digest.update(o.read_bytes())  # a verdict holds its time
    return digest.hexdigest()

all_of_it(sys.argv[1])             # a first round, for all that is imported late
seen = []
sys.addaudithook(lambda event, args: seen.append((event, args)))
digest = all_of_it(sys.argv[2])
print(json.dumps([digest, [(event, *(os.path.abspath(os.fsdecode(o)) for o in args[:1] if isinstance(o, (str, bytes, os.PathLike)))) for event, args in seen]]))
'''

def run(tmp_path, **env):
    folders = []
    for name, texts in dict(first=['hi', 'a', 'b'], second=TEXTS).items():
        folders.append(tmp_path/name)
        folders[-1].mkdir()
        with open(folders[-1]/'helpful-base.jsonl', 'w', encoding='utf-8') as f:
            for o in texts:
                f.writelines(json.dumps(dict(chosen=f'\n\nHuman: {a}\n\nAssistant: {b}', rejected=f'\n\nHuman: {a}\n\nAssistant: no {b}')) + '\n' for a, b in ((o, 'fine'), ('What?', o)))
    return json.loads(subprocess.check_output([sys.executable, '-c', CODE, *folders], env={**os.environ, **env}, cwd=tmp_path))

def test_nothing_in_the_data_is_run_opened_or_fetched(tmp_path):
    "Python's audit hook tells of each file opened, module imported, code compiled or run, pickle read, process started and host called"
    _, events = run(tmp_path)
    opened = {path for event, *path in events if event == 'open' for path in path}
    assert str(tmp_path/'second'/'helpful-base.jsonl') in opened
    assert all(o.startswith(f'{tmp_path}/second/') for o in opened)
    assert not {event for event, *_ in events if event.split('.')[0] in ('exec', 'compile', 'import', 'pickle', 'marshal', 'subprocess', 'socket', 'urllib', 'ctypes', 'code') or event in ('os.system', 'os.exec', 'os.fork', 'os.posix_spawn')}
    assert not (tmp_path/'x').exists()

@pytest.mark.parametrize('env', [dict(LC_ALL='C'), dict(LC_ALL='C', PYTHONUTF8='0', PYTHONCOERCECLOCALE='0'), dict(LC_ALL='POSIX', PYTHONIOENCODING='ascii')], ids=str)
def test_the_locale_changes_nothing(tmp_path, env):
    (tmp_path/'here').mkdir()
    (tmp_path/'there').mkdir()
    assert run(tmp_path/'here', **env)[0] == run(tmp_path/'there')[0]
