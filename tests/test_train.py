"From pairs to training: splits, texts, tables and files, TRL's trainers, and Ray beside the loader"
import gzip, io, json, logging, os, signal, subprocess, sys, warnings
from collections import Counter
from itertools import chain, islice
from pathlib import Path
import pytest
from hypothesis import given, strategies as st
from hh_nbdev.files import OFFICIAL, SOURCES, BadFile, DataFile, find_files
from hh_nbdev.load import HH, Pair, load_hh
from hh_nbdev.load import iter_rows, parse_batch, tally
from hh_nbdev.train import ALPACA, DIALOGUE, Template, chat_text, to_text
from hh_nbdev.transcript import BadRow
from reference import rows

TEST_FILES = {o: Path(os.environ.get('HH_DATA', ''))/o/'test.jsonl.gz' for o in SOURCES}

@pytest.fixture(scope='session')
def corpus(tmp_path_factory):
    "As many rows as the training files have, out of the test files; from the second round on, with a number at the end of each reply"
    folder = tmp_path_factory.mktemp('corpus')
    for source in SOURCES:
        real = [row for _, row in rows(TEST_FILES[source])]
        rounds = chain.from_iterable(((k, row) for row in real) for k in range(99))
        with gzip.open(folder/f'{source}.jsonl.gz', 'wt', compresslevel=1, encoding='utf-8') as f:
            for k, row in islice(rounds, OFFICIAL[source, 'train'].rows):
                f.write(json.dumps({o: f'{t} ({k})' if k else t for o, t in row.items()}) + '\n')
    return folder

# Splits

def check_split(hh, n, seed, val=None):
    "One split, by all that is promised of it; returns how far a collection is off its share, and the size of the largest conversation"
    train, held = hh.split(n if val is None else val, seed)
    size, out = Counter(o.conversation for o in hh), set(held)
    assert not {o.conversation for o in train} & {o.conversation for o in held}
    assert n - max(size.values()) < len(held) <= n
    assert list(held) == [o for o in hh if o in out] and list(train) == [o for o in hh if o not in out]
    share, got = Counter(hh['source']), Counter(held['source'])
    return max(abs(got[o] - n*share[o]/len(hh)) for o in share), max(size.values())

@pytest.mark.real
@pytest.mark.parametrize('seed', range(20))
def test_split_of_the_real_rows(seed):
    hh = load_hh(split='test')
    for n, val in (200, None), (521, .2), (2603, None), (1, None):
        off, largest = check_split(hh, n, seed, val)
        assert off <= largest + 1
        assert len(hh.split(n, seed)[1]) == n

@pytest.mark.real
@pytest.mark.slow
def test_split_of_a_training_sized_corpus(corpus):
    hh = load_hh(corpus)
    for seed in range(20):
        off, largest = check_split(hh, 2000, seed)
        assert off <= largest + 1

def test_a_seed_decides_the_split_and_the_parts_keep_the_report():
    hh = load_hh('sample')
    assert len({hh.split(20, seed)[1] for seed in range(5)}) == 5
    assert all(o.report is hh.report for o in hh.split(20))
    assert len(hh.split(.148)[1]) == 10  # 9.62 of 65: rounded

@pytest.mark.real
def test_pairs_that_are_left_out_do_not_move_the_others():
    "A run without some of the pairs, or on one kind, holds out nearly what another holds out with the same seed"
    hh = load_hh(split='test')
    held = {*hh.split(200)[1]}
    for part in hh.filter(lambda o: not o.flags), HH(reversed(hh)), hh.helpful:
        train, val = part.split(200 * len(part) // len(hh))
        assert len(held & {*train}) < 10 and len({*val} & held) > .95*len(val)

pairs = st.lists(st.builds(Pair, st.integers(0, 9).map('Question {}'.format), st.just('a'), st.just('b'), st.sampled_from(SOURCES), st.just('test'), st.integers(0, 10**6)),
                 min_size=2, max_size=60, unique_by=lambda o: (o.source, o.line))

@given(pairs.map(HH), st.data(), st.integers(0, 99))
def test_split_of_conversations_of_any_size_in_any_collections(hh, data, seed):
    check_split(hh, data.draw(st.integers(1, len(hh) - 1)), seed)

def test_a_split_is_the_same_in_every_process():
    code = "import hh_nbdev.train, hh_nbdev as h; print(h.load_hh('sample').split(6, seed=3)[1]['id'])"
    got = {subprocess.check_output([sys.executable, '-c', code], env={**os.environ, 'PYTHONHASHSEED': str(o)}, text=True) for o in (1, 2)}
    assert len(got) == 1 and got == {f"{load_hh('sample').split(6, seed=3)[1]['id']}\n"}

def test_a_message_typed_twice_stays_on_one_side():
    hh = HH(Pair(text, 'a', 'b', SOURCES[i % 4], 'test', i) for i, text in enumerate(['Hi there', 'hi  THERE', ' Hi\nthere ', 'Bye'] * 5))
    for seed in range(20):
        train, val = hh.split(5, seed)
        assert set(val['instruction']) == {'Bye'} and len(val) == 5

# Texts

@pytest.mark.real
def test_dialogue_is_the_transcript_as_it_stands_in_the_file():
    hh, transcripts = load_hh(split='test'), {o: dict(rows(TEST_FILES[o])) for o in SOURCES}
    same = 0
    for pair in hh:
        text, row = to_text(pair, DIALOGUE), transcripts[pair.source][pair.line]
        for side in 'chosen', 'rejected':
            ours, theirs = text.prompt + getattr(text, side), row[side]
            assert ours.split() == theirs.split()
            same += ours == theirs
    assert same > .95 * 2*len(hh)  # the rest: white space at the end of a message, which is trimmed

texts = st.text(max_size=20) | st.sampled_from(['{instruction}', '{0.__class__}', '{', '}}', '%s'])

@given(texts, texts, texts)
def test_a_template_takes_any_text_as_it_is(instruction, chosen, rejected):
    pair = Pair(instruction, chosen, rejected, SOURCES[0], 'test', 0)
    assert to_text(pair, ALPACA, '<e>') == (f'Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\n{instruction}\n\n### Response:\n', chosen + '<e>', rejected + '<e>')
    assert to_text(pair, Template('{instruction}', '{reply}!')) == (instruction, chosen + '!', rejected + '!')

# Tables and files

@pytest.mark.real
def test_round_trips_on_the_real_rows(tmp_path):
    pytest.importorskip('datasets'), pytest.importorskip('polars')
    hh = load_hh(split='test')
    hh.to_jsonl(tmp_path/'hh.jsonl')
    hh.to_parquet(tmp_path/'hh.parquet')
    frame = hh.to_polars()
    backs = dict(jsonl=HH.from_jsonl(tmp_path/'hh.jsonl'), parquet=HH.from_parquet(tmp_path/'hh.parquet'), arrow=HH.from_rows(hh.to_arrow().to_pylist()),
                 dataset=HH.from_rows(hh.to_dataset()), pandas=HH.from_rows(hh.to_pandas().to_dict('records')), polars=HH.from_rows(frame.iter_rows(named=True)))
    for name, back in backs.items(): assert back == hh and back['id'] == hh['id'] and back['flags'] == hh['flags'], name
    assert frame['id'].to_list() == hh['id'] and frame['flags'].to_list() == [list(o) for o in hh['flags']]

@given(st.lists(st.tuples(texts, texts, texts, st.sampled_from(SOURCES), st.sampled_from(['train', 'test']), st.integers(0, 2**40)), max_size=5))
def test_any_pair_comes_back_from_a_file(tmp_path_factory, tuples):
    hh, folder = HH(map(Pair._make, tuples)), tmp_path_factory.mktemp('back')
    hh.to_jsonl(folder/'a')
    assert HH.from_jsonl(folder/'a') == hh

def test_other_readers_read_the_exports(tmp_path):
    datasets, polars = pytest.importorskip('datasets'), pytest.importorskip('polars')
    hh = load_hh('sample')
    for o in 'jsonl', 'trl', 'trl-chat', 'parquet': hh.export(tmp_path/f'hh.{o}', o)
    def load(kind, name): return datasets.load_dataset(kind, data_files=str(tmp_path/name), split='train', cache_dir=str(tmp_path/'cache'))
    assert HH.from_rows(load('json', 'hh.jsonl')) == HH.from_rows(load('parquet', 'hh.parquet')) == hh
    assert load('json', 'hh.trl').to_list() == hh.to_trl().to_list()
    assert load('json', 'hh.trl-chat').to_list() == hh.to_trl(conversational=True).to_list()
    assert HH.from_rows(polars.read_ndjson(tmp_path/'hh.jsonl').iter_rows(named=True)) == hh

def test_an_export_takes_a_template_and_parquet_is_not_replaced_unasked(tmp_path):
    pytest.importorskip('pyarrow'), pytest.importorskip('datasets')
    hh = load_hh('sample')
    hh.export(tmp_path/'trl', 'trl', template=DIALOGUE)
    for o in 'a.gz', 'b.gz': hh.export(tmp_path/o)
    assert (tmp_path/'a.gz').read_bytes() == (tmp_path/'b.gz').read_bytes() and HH.from_jsonl(tmp_path/'a.gz') == hh
    expected = [to_text(o, DIALOGUE)._asdict() | dict(id=o.id) for o in hh]
    assert [json.loads(o) for o in (tmp_path/'trl').read_bytes().splitlines()] == expected == [*hh.to_trl(template=DIALOGUE)]
    (tmp_path/'p').write_bytes(b'old')
    with pytest.raises(FileExistsError): hh.to_parquet(tmp_path/'p')

def test_what_was_not_written_by_to_jsonl_is_named(tmp_path):
    hh = load_hh('sample')
    for bad in '{}', '[]', 'nope', json.dumps(hh[0].to_dict() | dict(source='mine')):
        hh.to_jsonl(tmp_path/'a', force=True)
        with open(tmp_path/'a', 'a') as f: f.write(bad + '\n')
        with pytest.raises(BadFile, match=f'line {len(hh)} '): HH.from_jsonl(tmp_path/'a')

@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_a_data_loader_with_workers(method):
    data = pytest.importorskip('torch.utils.data')
    hh = load_hh('sample')
    batches = [*data.DataLoader(hh, batch_size=3, num_workers=2, multiprocessing_context=method)]
    assert [Pair(*o) for b in batches for o in zip(b.instruction, b.chosen, b.rejected, b.source, b.split, b.line.tolist())] == list(hh)

def test_rows_of_a_file_keep_white_space_if_told_and_a_bad_row_has_its_place(tmp_path):
    row = {o: f'\n\nHuman: Hi \n\nAssistant: {o} ' for o in ('chosen', 'rejected')}
    (tmp_path/'a.jsonl').write_text(json.dumps(row) + '\n\n{}\n')
    file = DataFile(tmp_path/'a.jsonl', 'helpful-base', 'train', 'path', False)
    rows = iter_rows(file, trim=False)
    assert next(rows)['instruction'] == ' Hi ' == parse_batch({k: [v] for k, v in row.items()}, trim=False)['instruction'][0]
    with pytest.raises(BadRow, match=r'a\.jsonl, line 2 '): next(rows)
    assert [o['skipped'] for o in iter_rows(file, on_bad='skip')] == ['', 'missing field']

# TRL

@pytest.fixture(scope='module')
def trl():
    "TRL, and a tokenizer with a chat template"
    trl, tokenizers, transformers = (pytest.importorskip(o) for o in ('trl', 'tokenizers', 'transformers'))
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE())
    bpe.pre_tokenizer, bpe.decoder = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False), tokenizers.decoders.ByteLevel()
    special = ['<pad>', '<end>', '<user>', '<assistant>']
    bpe.train_from_iterator((t for o in load_hh('sample') for t in o[:3]), tokenizers.trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    trl.tok = transformers.PreTrainedTokenizerFast(tokenizer_object=bpe, pad_token='<pad>', eos_token='<end>', additional_special_tokens=special[2:])
    trl.tok.chat_template = '{% for m in messages %}<{{m.role}}>{{m.content}}<end>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}'
    return trl

def small(trl, kind='LlamaForCausalLM', seed=0, **kwargs):
    "A model of some 40,000 parameters"
    import torch, transformers
    torch.manual_seed(seed)
    return getattr(transformers, kind)(transformers.LlamaConfig(vocab_size=len(trl.tok), hidden_size=32, intermediate_size=64, num_hidden_layers=1,
                                                                num_attention_heads=2, pad_token_id=0, **kwargs))

def trainer(trl, kind, folder, data, policy=None):
    "A trainer for one step in float32 on a CPU"
    args = dict(output_dir=str(folder), max_steps=1, per_device_train_batch_size=4, use_cpu=True, bf16=False, gradient_checkpointing=False,
                dataloader_pin_memory=False, report_to='none', save_strategy='no', disable_tqdm=True, learning_rate=1e-3)
    if kind == 'dpo': return trl.DPOTrainer(policy or small(trl), small(trl), trl.DPOConfig(**args), train_dataset=data, processing_class=trl.tok)
    return trl.RewardTrainer(small(trl, 'LlamaForSequenceClassification', num_labels=1), trl.RewardConfig(**args), train_dataset=data, processing_class=trl.tok)

@pytest.fixture
def said():
    "All that Python's warnings and the logs of TRL, transformers and datasets say"
    log, names = io.StringIO(), ('trl', 'transformers', 'datasets', 'accelerate')
    handler = logging.StreamHandler(log)
    for o in names: logging.getLogger(o).addHandler(handler)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        yield lambda: [*log.getvalue().splitlines(), *(str(o.message) for o in caught)]
    for o in names: logging.getLogger(o).removeHandler(handler)

@pytest.mark.parametrize('conversational', [False, True], ids=['standard', 'conversational'])
@pytest.mark.parametrize('kind', ['dpo', 'reward'])
def test_a_trainer_takes_a_step_and_has_nothing_to_say_of_the_columns(trl, tmp_path, said, kind, conversational):
    import torch
    hh = load_hh('sample', exclude=['empty'])
    data = hh.to_trl(conversational)
    assert data.column_names == ['prompt', 'chosen', 'rejected', 'id']
    t = trainer(trl, kind, tmp_path, data)
    before = [o.clone() for o in t.model.parameters()]
    t.train()
    assert t.state.global_step == 1 and any(not torch.equal(a, b) for a, b in zip(before, t.model.parameters()))
    assert not [o for o in said() if 'column' in o or 'prefix' in o or 'truncat' in o], said()
    assert t.train_dataset['id'] == hh['id']
    for pair, row in zip(hh, t.train_dataset):  # the end of the text is there once a turn, at its end, and nothing else was added
        for side in 'chosen', 'rejected':
            ids = row[f'{side}_ids']
            text = chat_text(pair, trl.tok) if conversational else to_text(pair, eos='<end>')
            assert trl.tok.decode(row.get('prompt_ids', []) + ids) == text.prompt + getattr(text, side)
            assert ids[-1] == trl.tok.eos_token_id

def by_hand(policy, reference, tok, text, beta):
    "The DPO loss of one pair, as its paper writes it, a token at a time"
    import math, torch
    def log_prob(model, reply):
        prompt, ids = tok(text.prompt).input_ids, tok(text.prompt + reply).input_ids
        with torch.no_grad(): logp = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
        return sum(logp[i-1, ids[i]].item() for i in range(len(prompt), len(ids)))
    gain = {o: log_prob(policy, getattr(text, o)) - log_prob(reference, getattr(text, o)) for o in ('chosen', 'rejected')}
    return math.log1p(math.exp(-beta * (gain['chosen'] - gain['rejected'])))

@pytest.mark.parametrize('conversational', [False, True], ids=['standard', 'conversational'])
def test_the_loss_by_hand_is_trls(trl, tmp_path, conversational):
    hh = load_hh('sample', exclude=['empty'])
    policy = small(trl, seed=1)
    t = trainer(trl, 'dpo', tmp_path, hh.to_trl(conversational), policy)
    theirs = t.compute_loss(policy, t.data_collator([*t.train_dataset])).item()
    made = [chat_text(o, trl.tok) if conversational else to_text(o, eos=trl.tok.eos_token) for o in hh]
    ours = sum(by_hand(policy, t.ref_model, trl.tok, o, t.beta) for o in made) / len(hh)
    assert abs(ours - theirs) < 1e-5 and abs(ours - .6931) > 1e-3

# The same parse on other engines

def no_skips(table): return [tuple(o[k] for k in ('instruction', 'chosen', 'rejected')) for o in table if not o['skipped']]

@pytest.mark.real
def test_the_batch_function_under_datasets_gives_the_loaders_pairs(tmp_path):
    datasets = pytest.importorskip('datasets')
    files = [str(TEST_FILES[o]) for o in SOURCES]
    raw = datasets.load_dataset('json', data_files=files, split='train', cache_dir=str(tmp_path))
    got = raw.map(parse_batch, batched=True, remove_columns=raw.column_names)
    hh = load_hh(split='test')
    assert no_skips(got) == [o[:3] for o in hh]
    assert Counter(o for o in got['skipped'] if o) == hh.report.skipped

@pytest.mark.real
def test_file_rows_are_the_loaders_rows():
    hh, files = load_hh(split='test'), find_files(split='test')
    got = [o for file in files for o in iter_rows(file)]
    assert HH.from_rows(o for o in got if not o['skipped']) == hh
    counts = Counter((o['source'], o['skipped']) for o in got)
    assert tally(files, ((*k, n) for k, n in counts.items())) == hh.report
    lost = counts - Counter({('helpful-base', 'multi-turn'): 1})
    with pytest.raises(RuntimeError, match='read 2353 rows of 2354'): tally(files, ((*k, n) for k, n in lost.items()))

@pytest.fixture(scope='module')
def ray():
    "Ray on two cores of this machine"
    ray = pytest.importorskip('ray')
    pytest.importorskip('ray.data')
    for left in 2, 1, 0:
        try: ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level='ERROR')
        except Exception:  # noqa: PERF203  # a busy machine: Ray gives its own processes 30 seconds to start
            ray.shutdown()
            if not left: raise
        else: break
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars, context.target_max_block_size = False, 1 << 17  # small blocks: many are out when a worker dies
    yield ray
    ray.shutdown()

def ray_load(ray, folder, split, die_at, deaths):
    "Pairs and report of a folder, as Ray makes them; the first worker on each file is killed when it comes to row `die_at`"
    from hh_nbdev.files import DataFile
    def read(row):
        for n, out in enumerate(iter_rows(DataFile(**row))):
            mark = deaths/row['source']
            if n == die_at and not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            yield out
    files = find_files(folder, split)
    data = ray.data.from_items([o._asdict() for o in files], override_num_blocks=len(files)).flat_map(read).materialize()
    counts = data.groupby(['source', 'skipped'], num_partitions=1).count().take_all()
    got = sorted(data.filter(lambda o: not o['skipped']).take_all(), key=lambda o: (SOURCES.index(o['source']), o['line']))
    return HH.from_rows(got), tally(files, (tuple(o.values()) for o in counts)), data.num_blocks()

@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize('die_at', [None, 1500], ids=['in peace', 'each first worker killed'])
def test_ray_gives_what_the_loader_gives(ray, tmp_path, die_at):
    hh = load_hh(split='test', sources=SOURCES)
    got, report, blocks = ray_load(ray, None, 'test', die_at, tmp_path)
    assert blocks > 4 and len(os.listdir(tmp_path)) == (3 if die_at else 0)  # helpful-online has fewer rows than that
    assert got == hh and report == hh.report

@pytest.mark.real
@pytest.mark.slow
def test_ray_on_a_training_sized_corpus_with_workers_killed(ray, tmp_path, corpus):
    hh = load_hh(corpus)
    got, report, blocks = ray_load(ray, corpus, 'train', 20_000, tmp_path)
    assert blocks > 100 and len(os.listdir(tmp_path)) == 4
    assert got == hh and report == hh.report and report.read == 160_800
