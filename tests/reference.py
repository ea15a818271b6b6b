"A second parse of HH, written plainly and apart from the package, for the tests to compare with"
import gzip, json, math, re

TURN = re.compile(r'\n\n(Human|Assistant):')

def turns(text):
    "[(role, message)] of a transcript"
    assert text.startswith('\n\nHuman:'), text[:40]
    _, *parts = TURN.split(text)
    return list(zip(parts[::2], parts[1::2]))

def classify(chosen, rejected):
    "(instruction, chosen, rejected) of a row, or the reason why it is no pair"
    c, r = turns(chosen), turns(rejected)
    roles = [[role for role, _ in o] for o in (c, r)]
    if any(o.count('Human') > 1 for o in roles): return 'multi-turn'
    if any(o.count('Assistant') == 0 for o in roles): return 'no assistant message'
    if any(o.count('Assistant') > 1 for o in roles): return 'several assistant messages'
    if c[0] != r[0]: return 'prompts differ'
    return c[0][1], c[1][1], r[1][1]

def rows(path):
    "(line number, row) of a gzipped JSON-lines file"
    for n, line in enumerate(gzip.open(path, 'rt', encoding='utf-8', newline='\n')): yield n, json.loads(line)

def no_constant(name): raise ValueError(f'{name} is Python, not JSON')

def finite(number):
    if math.isinf(float(number)): raise ValueError('more than a double holds')

def classify_line(line):
    "The same of a line of bytes; a line that is no row gives the reason why it is bad"
    try: text = line.decode()
    except UnicodeDecodeError: return 'not UTF-8'
    try:
        row = json.loads(text, object_pairs_hook=list, parse_constant=no_constant, parse_int=finite, parse_float=finite)
        json.dumps(row, ensure_ascii=False).encode()  # half a surrogate pair, wherever it stands, is no text
    except ValueError: return 'not JSON'
    if text.lstrip()[0] != '{': return 'not an object'
    names = [name for name, _ in row]
    if not {'chosen', 'rejected'} <= set(names): return 'missing field'
    row = dict(row)
    for text in row['chosen'], row['rejected']:
        if not isinstance(text, str): return 'not a string'
        if not text.startswith('\n\nHuman:'): return 'no human turn first'
    got = classify(row['chosen'], row['rejected'])
    if isinstance(got, tuple) and len(set(names)) < len(names): return 'repeated field'  # which of the two is meant?
    return got

def flags(instruction, chosen, rejected):
    "What a pair is flagged with"
    replies = chosen.strip(), rejected.strip()
    if not all([instruction.strip(), *replies]): yield 'empty'
    if replies[0] == replies[1]: yield 'identical'
    roles = [match.start() for reply in replies for match in re.finditer(r'(?<!\w)(Human|Assistant):', reply)]
    if 0 in roles: yield 'leading-role'
    if any(roles): yield 'run-on'

def without_role(reply):
    "A reply without the role word that it begins with"
    text = reply.lstrip()
    for role in 'Human:', 'Assistant:':
        if text.startswith(role): return text[len(role):]
    return reply

def load(content, trim=True, exclude=(), strip_role=False):
    "([(instruction, chosen, rejected, line number)], [(line number, reason)]) of all rows in a file's bytes"
    pairs, others = [], []
    for n, line in enumerate(content.removeprefix(b'\xef\xbb\xbf').split(b'\n')):
        if not line.strip(): continue
        got = classify_line(line)
        if isinstance(got, tuple):
            instruction, chosen, rejected = got
            if strip_role: chosen, rejected = without_role(chosen), without_role(rejected)
            got = instruction, chosen, rejected
            got = next((flag for flag in flags(*got) if flag in exclude), got)
        if isinstance(got, str): others.append((n, got))
        else: pairs.append((*(text.strip() if trim else text for text in got), n))
    return pairs, others
