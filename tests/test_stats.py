"What stats promises beyond its notebook: intervals that cover, tests that do not cry wolf, predictions that never peek."
import math, os, subprocess, sys
from pathlib import Path

import pytest
from hh_nbdev import stats
from hh_nbdev.stats import (Interval, benjamini_hochberg, bootstrap_mean, bootstrap_weights, cohens_kappa, cross_val_correct,
                            _fit_weights, forest_plot, holm, repeated_cross_val, sign_flip_test, wilson_interval, win_rate)

np = pytest.importorskip('numpy')
sklearn = pytest.importorskip('sklearn')
ROOT = Path(__file__).parent.parent

def made_up_differences(conversations=60, seed=0):
    "Differences in length, and the conversation of each; the longer reply wins two times in three"
    rng = np.random.RandomState(seed)
    group = np.repeat(np.arange(conversations), rng.randint(1, 5, conversations))
    difference = rng.uniform(.1, 3, len(group)) * np.where(rng.rand(len(group)) < 2/3, 1, -1)
    return difference[:, None], group

def test_import_needs_no_extra():
    code = 'import sys, hh_nbdev.stats; sys.exit(bool({"numpy", "scipy", "sklearn", "matplotlib"} & set(sys.modules)))'
    assert subprocess.run([sys.executable, '-c', code], env={**os.environ, 'PYTHONPATH': str(ROOT)}).returncode == 0

def test_interval_covers_the_true_mean():
    "About 95 times in 100, although pairs of one conversation agree"
    rng, hits = np.random.RandomState(1), 0
    for i in range(200):
        group = np.repeat(np.arange(60), 3)
        values = rng.normal(0, 1, 60)[group] + rng.normal(0, .3, 180)
        interval = bootstrap_mean(values, group, seed=i, resamples=300)
        hits += interval.low <= 0 <= interval.high
    assert 180 <= hits <= 199

@pytest.mark.parametrize('values, group', [([1]*8, range(8)), ([0]*8, range(8)), ([1], [0]), ([1, 0, 1], [7, 7, 7]),
                                           ([1, 0]*4, [0, 0, 1, 1, 2, 2, 3, 3]), ([.5]*5, range(5))])
def test_shares_that_do_not_vary_get_an_interval_with_a_width(values, group):
    interval = bootstrap_mean(values, group)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    assert interval.high - interval.low > .2
    assert 'Wilson' in interval.note

@pytest.mark.parametrize('values, group', [([3]*8, range(8)), ([-1]*8, range(8)), ([0, 0, -2, 2], [0, 1, 2, 2]),
                                           ([5, -7, 2], [1, 1, 1]), ([1.1] * 3 + [.1 + 1] * 3, range(6))])
def test_other_figures_that_do_not_vary_get_none(values, group):
    interval = bootstrap_mean(values, group)
    assert math.isnan(interval.low) and math.isnan(interval.high) and not interval.excludes(0)
    assert 'no interval' in interval.note and 'no interval' in f'{interval:.0%}'

def test_only_what_counts_decides_whether_the_values_vary():
    interval = bootstrap_mean([1, 1, 1, 0, 0], range(5), keep=[True, True, True, False, False])
    assert (interval.value, interval.n, interval.groups) == (1, 3, 3)
    assert interval.low == wilson_interval(3, 3)[0]

def test_nothing_to_count():
    interval = bootstrap_mean([1, 2], [0, 1], keep=[False, False])
    assert math.isnan(interval.value) and (interval.n, interval.note) == (0, 'no numbers')

@pytest.mark.parametrize('bad', [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_an_error_wherever_it_counts(bad):
    for function in bootstrap_mean, win_rate, sign_flip_test:
        with pytest.raises(ValueError, match=r'values\[2\] is -?(nan|inf)'): function([1, -1, bad], [0, 1, 2])
    assert bootstrap_mean([1, 0, bad], [0, 1, 2], keep=[True, True, False]).value == .5

def test_a_weight_of_nothing_has_no_interval():
    "A feature in which no two replies differ: its weight is 0 in every resample"
    x, group = made_up_differences()
    known, unknown = bootstrap_weights(np.hstack([x, 0*x]), group, resamples=50)
    assert known.low < known.value < known.high
    assert unknown.value == 0 and math.isnan(unknown.low) and 'no interval' in unknown.note

def test_weights_are_those_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression
    rng = np.random.RandomState(3)
    for scale in .01, 1, 10, 1000:
        x = rng.normal(0, scale, (300, 4)) * [1, 2, .1, 0]
        weight = rng.randint(0, 4, 300)
        turned = np.where(np.arange(300) % 2, -1, 1)  # scikit-learn wants both sides to occur
        model = LogisticRegression(fit_intercept=False, tol=1e-10, max_iter=10_000)
        theirs = model.fit(x * turned[:, None], turned, weight).coef_[0]
        assert _fit_weights(x, weight) == pytest.approx(theirs, abs=1e-4, rel=1e-3)

def test_weights_of_any_data_converge():
    rng = np.random.RandomState(4)
    for _ in range(300):
        x = rng.standard_cauchy((rng.randint(1, 60), rng.randint(1, 6))) * 10. ** rng.randint(-3, 4)
        w = _fit_weights(x)
        wrong = 1 / (1 + np.exp(np.clip(x @ w, -500, 500)))
        assert abs(w - x.T @ wrong).max() < 1e-4 * max(1, abs(x).sum())  # the gradient is zero

def test_exchanged_sides_give_the_same_answer():
    "Each difference changes its sign, and the predictions stay as good"
    x, group = made_up_differences()
    assert (cross_val_correct(x, group) == cross_val_correct(-x, group)).all()
    assert win_rate(x[:, 0], group).value == pytest.approx(1 - win_rate(-x[:, 0], group).value)
    assert sign_flip_test(x[:, 0], group) == sign_flip_test(-x[:, 0], group)

@pytest.mark.parametrize('seed', [None, 0, 1])
def test_predictions_never_peek(monkeypatch, seed):
    "No conversation is learnt from and predicted in the same fold, and `train` keeps out the rest"
    _, group = made_up_differences()
    pair_numbers = np.arange(len(group))[:, None] + 1.  # each pair's only feature is its number
    learnt = []
    def record(x): learnt.append(x[:, 0].astype(int) - 1); return np.ones(1)
    monkeypatch.setattr(stats, '_fit_weights', record)
    train = group % 2 == 0
    cross_val_correct(pair_numbers, group, train=train, seed=seed)
    folds = [set(group[pairs]) for pairs in learnt]
    assert len(folds) == 5 and all(conversation % 2 == 0 for fold in folds for conversation in fold)
    for conversation in set(group[train]): assert sum(conversation in fold for fold in folds) == 4  # left out once, whole

def test_repeated_folds_differ_and_repeat():
    x, group = made_up_differences()
    noise = np.random.RandomState(5).normal(0, 1, (len(group), 3))
    first, again = repeated_cross_val(noise, group, repeats=4), repeated_cross_val(noise, group, repeats=4)
    assert (first == again).all() and len({tuple(row) for row in first}) == 4
    assert (repeated_cross_val(x, group, repeats=2)[1] == cross_val_correct(x, group, seed=1)).all()

def test_nothing_is_found_where_nothing_is():
    rng = np.random.RandomState(2)
    x, group = rng.normal(0, 1, (600, 1)), np.arange(600)
    accuracy = bootstrap_mean(cross_val_correct(x, group), group)
    assert accuracy.low < .5 < accuracy.high

def test_sign_flips_cry_wolf_as_often_as_they_say():
    "With nothing to find, one p-value in twenty is below 5%, although pairs of one conversation agree"
    rng = np.random.RandomState(6)
    group = np.repeat(np.arange(40), 3)
    p_values = [sign_flip_test(rng.normal(0, 1, 40)[group] + rng.normal(0, .3, 120), group, i, flips=200) for i in range(400)]
    assert 8 <= sum(p <= .05 for p in p_values) <= 35
    assert .4 < sum(p_values) / len(p_values) < .6

def test_sign_flips_count_every_way_where_there_are_few():
    "Nine of ten: 22 of 1,024 ways to give signs are as far from five"
    assert sign_flip_test([1]*9 + [-1], range(10), flips=20_000) == pytest.approx(22/1024, abs=.003)
    assert sign_flip_test([0, 0], [0, 1]) == 1

def test_holm_by_its_definition():
    "The smallest is multiplied by n, the next by n - 1 …, and none may be smaller than the one before"
    rng = np.random.RandomState(7)
    for _ in range(100):
        p_values = list(rng.rand(rng.randint(1, 12)) ** 3)
        corrected = holm(p_values)
        for i, p in enumerate(p_values):
            not_larger = [q for q in p_values if q <= p]
            expected = max((len(p_values) - sum(r < q for r in p_values)) * q for q in not_larger)
            assert corrected[i] == pytest.approx(min(1, expected))

def test_corrections_of_nothing_and_of_one():
    assert holm([]) == benjamini_hochberg([]) == []
    assert holm([.03]) == benjamini_hochberg([.03]) == [.03]

def test_holm_is_never_milder_than_benjamini_and_hochberg():
    rng = np.random.RandomState(8)
    p_values = rng.rand(40) ** 2
    assert all(one >= other - 1e-12 for one, other in zip(holm(p_values), benjamini_hochberg(p_values)))

def test_kappa_needs_two_answers_a_case():
    with pytest.raises(ValueError, match='no case'): cohens_kappa([], [])
    with pytest.raises(ValueError, match='2 answers of one reader, 1 of the other'): cohens_kappa('ab', 'a')
    assert math.isnan(cohens_kappa('aa', 'aa').kappa)

def test_kappa_is_that_of_scikit_learn():
    from sklearn.metrics import cohen_kappa_score
    rng = np.random.RandomState(9)
    for _ in range(50):
        one, another = rng.randint(3, size=(2, 30)).tolist()
        assert cohens_kappa(one, another).kappa == pytest.approx(cohen_kappa_score(one, another))

def test_plot_of_any_series():
    pytest.importorskip('matplotlib')
    interval = bootstrap_mean([0, 1, 1], [0, 1, 2])
    without = Interval(.5, math.nan, math.nan, 3, 1, 'only one group: no interval')
    for rows in {'a': {'mine': interval}}, {'a': {'mine': interval}, 'b': {'mine': without, 'yours': interval._replace(n=7)}}:
        for style in None, {'yours': ('red', 's')}:
            assert forest_plot(rows, 'Made up', 'share', style=style)._repr_png_().startswith(b'\x89PNG')
