"What features promises beyond its notebook: any text is measured, in the same way on both sides."
import os, subprocess, sys
from pathlib import Path
import pytest
from hh_nbdev.load import HH, Pair, load_hh
from hh_nbdev.features import FEATURES, find_continuations, measure, oddities, replies_to_judge
from hh_nbdev.verdicts import read_codes

np = pytest.importorskip('numpy')
pytest.importorskip('sklearn')
VERDICTS = Path(__file__).parent.parent/'nbs/verdicts'

def made_up(n, seed=0):
    "Conversations of one to four pairs; the longer reply wins two times in three"
    rng = np.random.RandomState(seed)
    res = []
    for i in range(n):
        for _ in range(rng.randint(1, 5)):
            a, b = sorted(rng.randint(1, 40, 2))
            a, b = (b, a) if rng.rand() < 2/3 else (a, b)
            res.append(Pair(f'Question {i}?', 'word '*a, 'word '*b, 'helpful-base', 'train', len(res)))
    return HH(res)

def test_light_import():
    "The module itself needs none of its extra"
    code = 'import sys, hh_nbdev.features; sys.exit(bool({"numpy", "sklearn", "matplotlib"} & set(sys.modules)))'
    assert subprocess.run([sys.executable, '-c', code], env={**os.environ, 'PYTHONPATH': str(VERDICTS.parent.parent)}).returncode == 0

def test_missing_extra(monkeypatch):
    "Without it, the error names what to install"
    monkeypatch.setitem(sys.modules, 'numpy', None)
    with pytest.raises(ImportError, match=r"hh_nbdev\[measure\]"): measure(made_up(2))

def test_exchanged_sides():
    "Exchange the sides of every pair, and each difference changes its sign"
    hh = made_up(60)
    exchanged = HH(pair._replace(chosen=pair.rejected, rejected=pair.chosen) for pair in hh)
    assert (measure(hh).columns() == -measure(exchanged).columns()).all()

@pytest.mark.parametrize('text', ['', ' ', '?', '\n\n', '“', '\u200b', '- ', 'I'*100_000, "I don't " * 20_000, '1) ' * 20_000])
def test_any_text(text):
    "Each feature has an answer to any text, and soon"
    assert all(isinstance(f(text), (bool, int, float)) for f in FEATURES.values())

def test_nothing():
    "No pairs, no rows: no error"
    assert len(measure(HH())) == 0 and oddities(HH()) == {} and find_continuations([]) == []

@pytest.mark.real
def test_verdicts():
    "The judgements are on the replies that the seed draws, and hold no text"
    hh = load_hh(split='test')
    rows = read_codes(VERDICTS/'precision.jsonl', hh)
    assert all(set(o) == {'feature', 'found', 'id', 'digest', 'side', 'right'} for o in rows)
    for name, found in dict.fromkeys((o['feature'], o['found']) for o in rows):
        mine = [(o['id'], o['side']) for o in rows if (o['feature'], o['found']) == (name, found)]
        assert mine == replies_to_judge(hh if found else hh.harmless, name, 40, found)
    rows = read_codes(VERDICTS/'compliance.jsonl', hh)
    assert all(set(o) == {'id', 'digest', 'side', 'reply'} for o in rows)
    assert {o['id'] for o in rows} == set(hh.harmless.sample(100, seed=0)['id']) and len(rows) == 200
