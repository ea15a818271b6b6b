"What measure promises beyond its notebook: intervals that cover, predictions that never peek, and the same answer both ways round."
import os, subprocess, sys
from pathlib import Path
import pytest
from hh_nbdev.load import HH, Pair, load_hh
from hh_nbdev.features import FEATURES, find_continuations, cross_val_correct, win_rate, measure, oddities, to_judge, read_judgements
from hh_nbdev.stats import bootstrap_mean, forest_plot

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

def test_interval_covers():
    "A 95% interval holds the true mean about 95 times in 100, although pairs of one conversation agree"
    rng, hits = np.random.RandomState(1), 0
    for i in range(200):
        group = np.repeat(np.arange(60), 3)
        values = rng.normal(0, 1, 60)[group] + rng.normal(0, .3, 180)
        o = bootstrap_mean(values, group, seed=i, resamples=300)
        hits += o.low <= 0 <= o.high
    assert 180 <= hits <= 199

def test_both_ways_round():
    "Exchange the sides of every pair: each difference changes its sign, and the predictions stay as good"
    hh = made_up(60)
    m, turned = measure(hh), measure(HH(o._replace(chosen=o.rejected, rejected=o.chosen) for o in hh))
    assert (m.columns(m.names) == -turned.columns(m.names)).all()
    assert (cross_val_correct(m, ['length']) == cross_val_correct(turned, ['length'])).all()
    assert win_rate(m, 'length').value == pytest.approx(1 - win_rate(turned, 'length').value)

def test_never_peeks(monkeypatch):
    "No conversation is learnt from and predicted in the same fold, and `train` keeps out the rest"
    import hh_nbdev.features as M
    m, learnt = measure(made_up(60)), []
    ids = np.arange(len(m)) + 1.
    monkeypatch.setattr(type(m), 'columns', lambda self, names: ids[:, None])  # each pair's only feature is its number
    monkeypatch.setattr(M, 'fit', lambda x, weight=None: learnt.append(x[:, 0]) or np.ones(1))
    train = m.group % 2 == 0
    cross_val_correct(m, ['length'], train=train)
    folds = [set(m.group[o.astype(int) - 1]) for o in learnt]
    assert len(folds) == 5 and all(g % 2 == 0 for f in folds for g in f)
    assert all(sum(g in f for f in folds) == 4 for g in set(m.group[train]))  # each conversation is left out once, whole

def test_chance():
    "Where nothing separates the sides, nothing is found"
    rng = np.random.RandomState(2)
    hh = HH(Pair(f'Question {i}?', 'word '*rng.randint(1, 40), 'word '*rng.randint(1, 40), 'helpful-base', 'train', i) for i in range(600))
    m = measure(hh)
    o = bootstrap_mean(cross_val_correct(m, ['length']), m.group)
    assert o.low < .5 < o.high

@pytest.mark.parametrize('text', ['', ' ', '?', '\n\n', '“', '\u200b', '- ', 'I'*100_000, "I don't " * 20_000, '1) ' * 20_000])
def test_any_text(text):
    "Each feature has an answer to any text, and soon"
    assert all(isinstance(f(text), (bool, int, float)) for f in FEATURES.values())

def test_nothing():
    "No pairs, no rows: no error"
    assert len(measure(HH())) == 0 and oddities(HH()) == {} and find_continuations([]) == []

def test_plot_of_any_series():
    o = bootstrap_mean([0, 1, 1], [0, 1, 2])
    assert forest_plot({'a': {'mine': o}, 'b': {'mine': o, 'yours': o._replace(n=7)}}, 'Made up', 'share')._repr_png_().startswith(b'\x89PNG')

@pytest.mark.real
def test_verdicts():
    "The judgements are on the replies that the seed draws, and hold no text"
    hh = load_hh(split='test')
    rows = read_judgements(VERDICTS/'precision.jsonl')
    assert all(set(o) == {'feature', 'found', 'id', 'side', 'right'} for o in rows)
    for name, found in dict.fromkeys((o['feature'], o['found']) for o in rows):
        mine = [(o['id'], o['side']) for o in rows if (o['feature'], o['found']) == (name, found)]
        assert mine == to_judge(hh if found else hh.harmless, name, 40, found)
    rows = read_judgements(VERDICTS/'compliance.jsonl')
    assert all(set(o) == {'id', 'side', 'reply'} and o['reply'] in ('gives', 'declines', 'sidesteps') for o in rows)
    assert {o['id'] for o in rows} == set(hh.harmless.sample(100, seed=0)['id']) and len(rows) == 200
