"From pairs to training: splits without leaks, templates, and what PyTorch and TRL make of the pairs"
import io, logging, math, os, subprocess, sys, warnings
from collections import Counter
from pathlib import Path
import pytest
from hypothesis import given, strategies as st
from hh_nbdev.files import SOURCES
from hh_nbdev.load import HH, Pair, load_hh
from hh_nbdev.train import ALPACA, DIALOGUE, Template, chat_text, to_text
from reference import rows

TEST_FILES = {source: Path(os.environ.get('HH_DATA', ''))/source/'test.jsonl.gz' for source in SOURCES}

# Splits

def conversations(hh): return {pair.conversation for pair in hh}

def largest_conversation(hh): return max(Counter(pair.conversation for pair in hh).values())

def check_split(hh, n, seed, val=None):
    "One split, by all that is promised of it; returns how far the worst collection is off its share"
    train, held = hh.split(n if val is None else val, seed)
    out = set(held)
    assert not conversations(train) & conversations(held)
    assert n - largest_conversation(hh) < len(held) <= n
    assert list(held) == [pair for pair in hh if pair in out]
    assert list(train) == [pair for pair in hh if pair not in out]
    all_counts, held_counts = Counter(hh['source']), Counter(held['source'])
    return max(abs(held_counts[source] - n*count/len(hh)) for source, count in all_counts.items())

@pytest.mark.real
@pytest.mark.parametrize('seed', range(20))
def test_split_of_the_real_rows(seed):
    hh = load_hh(split='test')
    for n, val in (200, None), (521, .2), (2603, None), (1, None):
        assert check_split(hh, n, seed, val) <= largest_conversation(hh) + 1
        assert len(hh.split(n, seed)[1]) == n

@pytest.mark.real
@pytest.mark.slow
def test_split_of_a_training_sized_corpus(corpus):
    hh = load_hh(corpus)
    for seed in range(20): assert check_split(hh, 2000, seed) <= largest_conversation(hh) + 1

def test_a_seed_decides_the_split():
    hh = load_hh('sample')
    assert len({hh.split(20, seed)[1] for seed in range(5)}) == 5
    assert len(hh.split(9.62 / len(hh))[1]) == 10  # rounded

@pytest.mark.real
def test_a_split_in_three():
    "Training, validation and test share no conversation, and validation is what it is without the test part"
    hh = load_hh(split='test')
    for seed in range(5):
        train, val, test = hh.split(200, seed, test=.1)
        assert val == hh.split(200, seed)[1]
        assert (len(train), len(val), len(test)) == (2144, 200, 260)
        assert sorted((*train, *val, *test)) == sorted(hh)
        for one, other in (train, val), (train, test), (val, test): assert not conversations(one) & conversations(other)

N = len(load_hh('sample'))

@pytest.mark.parametrize('val, test', [(0, None), (N, None), (N + 1, None), (-1, None), (.001, None), (1., None), (5, 0), (N - 32, 32), (.6, .5), (5, -1)])
def test_no_part_is_empty(val, test):
    with pytest.raises(ValueError, match=f'of {N} pairs'): load_hh('sample').split(val, test=test)

def test_a_part_that_no_conversation_fits_in_is_an_error():
    alike = HH(Pair('Hi', 'a', 'b', SOURCES[0], 'test', i) for i in range(9))
    with pytest.raises(ValueError, match='val=5: no conversation here is small enough'): alike.split(5)
    one_apart = HH([*alike, Pair('Bye', 'a', 'b', SOURCES[0], 'test', 9)])
    assert one_apart.split(1)[1]['instruction'] == ['Bye']
    with pytest.raises(ValueError, match='test=2: no conversation here is small enough'): one_apart.split(1, test=2)

@pytest.mark.real
def test_pairs_that_are_left_out_do_not_move_the_others():
    "A run without some of the pairs, or on one kind, holds out nearly what another holds out with the same seed"
    hh = load_hh(split='test')
    held = {*hh.split(200)[1]}
    for part in hh.filter(lambda pair: not pair.flags), HH(reversed(hh)), hh.helpful:
        train, val = part.split(200 * len(part) // len(hh))
        assert len(held & {*train}) < 10 and len({*val} & held) > .95*len(val)

few_questions = st.integers(0, 9).map('Question {}'.format)
some_pairs = st.lists(
    st.builds(Pair, few_questions, st.just('a'), st.just('b'), st.sampled_from(SOURCES), st.just('test'), st.integers(0, 10**6)),
    min_size=2, max_size=60, unique_by=lambda pair: (pair.source, pair.line))

@given(some_pairs.map(HH), st.data(), st.integers(0, 99))
def test_split_of_conversations_of_any_size_in_any_collections(hh, data, seed):
    n = data.draw(st.integers(1, len(hh) - 1))
    try: check_split(hh, n, seed)
    except ValueError as e:
        assert 'no conversation here is small enough' in str(e)
        assert n < largest_conversation(hh)  # where the part is as large as any conversation, there is a split

def test_a_split_is_the_same_in_every_process():
    code = "import hh_nbdev.train, hh_nbdev as h; print(h.load_hh('sample').split(6, seed=3)[1]['id'])"
    def ids(hash_seed): return subprocess.check_output([sys.executable, '-c', code], env={**os.environ, 'PYTHONHASHSEED': hash_seed}, text=True)
    assert ids('1') == ids('2') == f"{load_hh('sample').split(6, seed=3)[1]['id']}\n"

def test_a_message_typed_twice_stays_on_one_side():
    messages = ['Hi there', 'hi  THERE', ' Hi\nthere ', 'Bye'] * 5
    hh = HH(Pair(text, 'a', 'b', SOURCES[i % 4], 'test', i) for i, text in enumerate(messages))
    for seed in range(20):
        train, val = hh.split(5, seed)
        assert set(val['instruction']) == {'Bye'} and len(val) == 5

# Texts

@pytest.mark.real
def test_dialogue_is_the_transcript_as_it_stands_in_the_file():
    hh, transcripts = load_hh(split='test'), {source: dict(rows(file)) for source, file in TEST_FILES.items()}
    same = 0
    for pair in hh:
        text, row = to_text(pair, DIALOGUE), transcripts[pair.source][pair.line]
        for side in 'chosen', 'rejected':
            ours, theirs = text.prompt + getattr(text, side), row[side]
            assert ours.split() == theirs.split()
            same += ours == theirs
    assert same > .95 * 2*len(hh)  # the rest: white space at the end of a message, which is trimmed

texts = st.text(max_size=20) | st.sampled_from(['{instruction}', '{reply}', '{0.__class__}', '{', '}}', '{{', '%s'])

@given(texts, texts, texts)
def test_a_template_takes_any_text_as_it_is(instruction, chosen, rejected):
    pair = Pair(instruction, chosen, rejected, SOURCES[0], 'test', 0)
    alpaca = ('Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n'
              f'### Instruction:\n{instruction}\n\n### Response:\n')
    assert to_text(pair, ALPACA, '<e>') == (alpaca, chosen + '<e>', rejected + '<e>')
    assert to_text(pair, Template('{instruction}', '{reply}!')) == (instruction, chosen + '!', rejected + '!')

def test_braces_that_are_no_placeholder_stand_for_themselves():
    template = Template('{"task": {"text": "{instruction}"}, "tags": [], "more": {}}', '{"answer": "{reply}"}')
    pair = Pair('Why?', 'So.', '', SOURCES[0], 'test', 0)
    assert to_text(pair, template) == ('{"task": {"text": "Why?"}, "tags": [], "more": {}}', '{"answer": "So."}', '{"answer": ""}')

WRONG_TEMPLATES = [
    (['Answer:'], r'the prompt .* has no {instruction}'),
    ([''], r'the prompt .* has no {instruction}'),
    (['{}'], r'the prompt .* has no {instruction}'),
    (['{ instruction }'], r'the prompt .* has no {instruction}'),
    (['{instruction}', ''], r'the reply .* has no {reply}'),
    (['{instruction}', ' '], r'the reply .* has no {reply}'),
    (['{{ instruction }}'], r"the prompt .* holds '{{', but a template is not Jinja"),
    (['{{instruction}}'], r"the prompt .* holds '{{', but a template is not Jinja"),
    (['{% if x %}{instruction}'], r"the prompt .* holds '{%', but a template is not Jinja"),
    (['{{"task": "{instruction}"}}'], r"the prompt .* holds '{{', .* other braces as they are"),
    (['{question}'], r'the prompt .* holds {question}, but only {instruction}'),
    (['{instruction} {input}'], r'the prompt .* holds {input}, but only {instruction}'),
    (['{instruction}{reply}'], r'the prompt .* holds {reply}, but only {instruction}'),
    (['{instruction}', '{response}'], r'the reply .* holds {response}, but only {reply}'),
    (['{0}'], r'the prompt .* holds \{0}, but only {instruction}'),
    (['{instruction!r}'], r'the prompt .* holds {instruction!r}, but only {instruction}'),
]

@pytest.mark.parametrize('parts, said', WRONG_TEMPLATES)
def test_a_template_that_would_lose_texts_is_refused_when_it_is_made(parts, said):
    with pytest.raises(ValueError, match=said): Template(*parts)

def test_what_is_not_a_template_or_an_end_is_refused():
    pair = load_hh('sample')[0]
    with pytest.raises(TypeError, match='a template is a Template'): to_text(pair, '{instruction}')
    with pytest.raises(TypeError, match='the prompt of a template is text, not None'): Template(None)
    with pytest.raises(TypeError, match='no end-of-text token'): to_text(pair, eos=None)

# PyTorch and TRL

@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_a_data_loader_with_workers(method):
    data = pytest.importorskip('torch.utils.data')
    hh = load_hh('sample')
    loader = data.DataLoader(hh, batch_size=3, num_workers=2, multiprocessing_context=method)
    back = []
    for batch in loader: back += zip(*batch[:5], batch.line.tolist())
    assert back == list(hh)

CHAT = '{% for m in messages %}<{{m.role}}>{{m.content}}<end>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}'

@pytest.fixture(scope='module')
def tok():
    "A small tokenizer with a chat template"
    tokenizers, transformers = pytest.importorskip('tokenizers'), pytest.importorskip('transformers')
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE())
    bytes_of = tokenizers.pre_tokenizers.ByteLevel
    bpe.pre_tokenizer, bpe.decoder = bytes_of(add_prefix_space=False), tokenizers.decoders.ByteLevel()
    special = ['<pad>', '<end>', '<user>', '<assistant>']
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=bytes_of.alphabet(), show_progress=False)
    bpe.train_from_iterator((text for pair in load_hh('sample') for text in pair[:3]), trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token='<pad>', eos_token='<end>', additional_special_tokens=special[2:], chat_template=CHAT)

@pytest.fixture
def own_template(tok):
    "The tokenizer, to be given another chat template"
    yield tok
    tok.chat_template = CHAT

@pytest.mark.parametrize('template', [CHAT, CHAT.replace('m.content', 'm.content | trim'), CHAT.replace('<end>', '<end>\n')])
def test_chat_text_is_what_the_template_writes(own_template, template):
    "Also where the template strips messages, or goes on behind the end token"
    own_template.chat_template = template
    for pair in load_hh('sample'):
        text = chat_text(pair, own_template)
        messages = [dict(role='user', content=pair.instruction), dict(role='assistant', content=pair.rejected)]
        assert text.prompt + text.rejected == own_template.apply_chat_template(messages, tokenize=False)
        assert text.prompt.endswith('<assistant>') and pair.chosen.strip() in text.chosen

WRONG_CHATS = {
    'counts messages': ('{{ messages | length }}{{ messages[0].content }}', 'writes the prompt differently'),
    'drops the reply': ("{% for m in messages if m.role == 'user' %}{{ m.content }}<end>{% endfor %}", 'leaves out the reply'),
    'drops the role of an assistant': (CHAT.replace('{% for m in messages %}', "{% for m in messages if m.role != 'assistant' %}")
                                       .replace('{% if add_generation_prompt %}<assistant>{% endif %}', ''), 'leaves out the reply'),
    'drops the instruction': (CHAT.replace('{% for m in messages %}', "{% for m in messages if m.role != 'user' %}"), 'leaves out the instruction'),
    'has no end token': (CHAT.replace('<end>', ''), 'no special token after the reply'),
    'ends in a word': (CHAT.replace('<end>', ' END '), 'no special token after the reply'),
}

@pytest.mark.parametrize('template, said', WRONG_CHATS.values(), ids=WRONG_CHATS)
def test_a_chat_template_that_cannot_be_trained_on_is_refused(own_template, template, said):
    own_template.chat_template = template
    for pair in load_hh('sample', exclude=['empty']):
        with pytest.raises(ValueError, match=said): chat_text(pair, own_template)

@pytest.mark.parametrize('conversational', [False, True], ids=['standard', 'conversational'])
def test_an_empty_collection_has_its_columns(conversational):
    pytest.importorskip('datasets')
    hh = load_hh('sample')
    for with_id in True, False:
        empty, full = (part.to_trl(conversational=conversational, with_id=with_id) for part in (hh[:0], hh))
        assert len(empty) == 0 and empty.features == full.features
        assert empty.column_names == ['prompt', 'chosen', 'rejected'] + ['id'] * with_id

def test_a_template_is_not_ignored():
    pytest.importorskip('datasets')
    hh = load_hh('sample')
    assert [*hh.to_trl(template=DIALOGUE)] == [{**to_text(pair, DIALOGUE)._asdict(), 'id': pair.id} for pair in hh]
    with pytest.raises(ValueError, match='leave out template'): hh.to_trl(conversational=True, template=DIALOGUE)

def small_model(tok, kind='LlamaForCausalLM', seed=0, **kwargs):
    "A model of some 40,000 parameters"
    torch, transformers = pytest.importorskip('torch'), pytest.importorskip('transformers')
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=len(tok), hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2, pad_token_id=0, **kwargs)
    return getattr(transformers, kind)(config)

def trl_class(name):
    "A class of TRL, which has moved some of them to trl.experimental"
    trl = pytest.importorskip('trl')
    if hasattr(trl, name): return getattr(trl, name)
    return getattr(pytest.importorskip('trl.experimental.kto'), name)

def trainer(tok, kind, folder, data, policy=None):
    "A trainer for one step in float32 on a CPU"
    config = trl_class(f'{kind}Config')(
        output_dir=str(folder), max_steps=1, per_device_train_batch_size=4, use_cpu=True, bf16=False, gradient_checkpointing=False,
        dataloader_pin_memory=False, report_to='none', save_strategy='no', disable_tqdm=True, learning_rate=1e-3)
    if kind == 'Reward': models = [small_model(tok, 'LlamaForSequenceClassification', num_labels=1)]
    else: models = [policy or small_model(tok), small_model(tok)]
    return trl_class(f'{kind}Trainer')(*models, args=config, train_dataset=data, processing_class=tok)

@pytest.fixture
def said():
    "All that Python's warnings and the logs of TRL, transformers and datasets say"
    log, names = io.StringIO(), ('trl', 'transformers', 'datasets', 'accelerate')
    handler = logging.StreamHandler(log)
    for name in names: logging.getLogger(name).addHandler(handler)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        yield lambda: [*log.getvalue().splitlines(), *(str(warning.message) for warning in caught)]
    for name in names: logging.getLogger(name).removeHandler(handler)

@pytest.mark.parametrize('conversational', [False, True], ids=['standard', 'conversational'])
@pytest.mark.parametrize('kind', ['DPO', 'Reward'])
def test_a_trainer_takes_a_step_and_has_nothing_to_say_of_the_columns(tok, tmp_path, said, kind, conversational):
    torch = pytest.importorskip('torch')
    hh = load_hh('sample', exclude=['empty'])
    data = hh.to_trl(conversational=conversational)
    assert data.column_names == ['prompt', 'chosen', 'rejected', 'id']
    t = trainer(tok, kind, tmp_path, data)
    before = [weights.clone() for weights in t.model.parameters()]
    t.train()
    assert t.state.global_step == 1 and any(not torch.equal(a, b) for a, b in zip(before, t.model.parameters()))
    assert not [line for line in said() if 'column' in line or 'prefix' in line or 'truncat' in line], said()
    assert t.train_dataset['id'] == hh['id']
    for pair, row in zip(hh, t.train_dataset):  # the end token is there once a turn, at its end, and nothing else was added
        text = chat_text(pair, tok) if conversational else to_text(pair, eos='<end>')
        for side in 'chosen', 'rejected':
            ids = row[f'{side}_ids']
            assert tok.decode(row.get('prompt_ids', []) + ids) == text.prompt + getattr(text, side)
            assert ids[-1] == tok.eos_token_id

@pytest.mark.parametrize('conversational', [False, True], ids=['standard', 'conversational'])
def test_without_ids_the_trainer_that_makes_two_rows_of_one_takes_a_step(tok, tmp_path, conversational):
    hh = load_hh('sample', exclude=['empty', 'identical'])
    t = trainer(tok, 'KTO', tmp_path, hh.to_trl(conversational=conversational, with_id=False))
    t.train()
    assert t.state.global_step == 1 and len(t.train_dataset) == 2*len(hh)

def log_prob_by_hand(model, tok, prompt, reply):
    "The log-probability of a reply, a token at a time"
    torch = pytest.importorskip('torch')
    start, ids = len(tok(prompt).input_ids), tok(prompt + reply).input_ids
    with torch.no_grad(): log_probs = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
    return sum(log_probs[i-1, ids[i]].item() for i in range(start, len(ids)))

def loss_by_hand(policy, reference, tok, text, beta):
    "The DPO loss of one pair, as its paper writes it"
    def gain(reply): return log_prob_by_hand(policy, tok, text.prompt, reply) - log_prob_by_hand(reference, tok, text.prompt, reply)
    return math.log1p(math.exp(-beta * (gain(text.chosen) - gain(text.rejected))))

@pytest.mark.parametrize('conversational', [False, True], ids=['standard', 'conversational'])
def test_the_loss_by_hand_is_trls(tok, tmp_path, conversational):
    hh = load_hh('sample', exclude=['empty'])
    policy = small_model(tok, seed=1)
    t = trainer(tok, 'DPO', tmp_path, hh.to_trl(conversational=conversational), policy)
    theirs = t.compute_loss(policy, t.data_collator([*t.train_dataset])).item()
    made = [chat_text(pair, tok) if conversational else to_text(pair, eos=tok.eos_token) for pair in hh]
    ours = sum(loss_by_hand(policy, t.ref_model, tok, text, t.beta) for text in made) / len(hh)
    assert abs(ours - theirs) < 1e-5 and abs(ours - math.log(2)) > 1e-3
