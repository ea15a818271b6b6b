"""What the site makes of a notebook. pyproject.toml tells nbdev to use both parts as it prepares the pages.

`Reference` writes the entry of a function or class; `for_quarto` changes what Quarto would misread."""
import ast, inspect, io, re, textwrap, tokenize
from importlib import import_module
from itertools import zip_longest

from fastcore.docments import qual_name
from fastcore.docscrape import NumpyDocString
from nbdev.config import get_config
from nbdev.doclinks import NbdevLookup

WIDTH = 80  # characters of code that fit beside the sidebar
FOLD = '#| code-fold: true\n'
OPENED = '#| code-fold: show\n#| code-summary: "Exported source"\n'  # as nbdev shows source
TABLE = re.compile(r'^\|.*\|\n\|[ :|-]+\|\n(?:\|.*\|\n)*', re.M)
FIGURE = re.compile(r'[\[(][-+\d.%]+(?:,| to) [-+\d.%]+[\])]|\d+ of \d+')  # an interval, 1 of 2
SECTION = re.compile(r'^\w+\n---+$', re.M)  # what it says of arguments stands in the signature
PRIVATE = re.compile(r'\[(`_\w+`)\]\([^)]*\)')  # nbdev links such names too, but they have no entry
LITERAL = re.compile(r"`[^`]*`|(?<![\w'])'[^'`\s]*'(?![\w'])")  # code, or a value, whose quotes pandoc would curl
PICTURE = re.compile(r'^(!\[[^\]]*\]\([^)]*\))$', re.M)

def comments_of(source):
    "The comments of some source, by line number"
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip('# ') for token in tokens if token.type == tokenize.COMMENT}

def with_comments(nodes, texts, comments):
    "Each text with the comment at the end of its line; a comment belongs to the last node in its line"
    last = {node.lineno: i for i, node in enumerate(nodes)}
    return [(text, comments.get(node.lineno, '') if last[node.lineno] == i else '')
            for i, (node, text) in enumerate(zip(nodes, texts))]

def annotated(name, annotation, default):
    "An argument or field as it is written in Python"
    text = f'{name}: {ast.unparse(annotation)}' if annotation else name
    if default is None: return text
    return f'{text} = {ast.unparse(default)}' if annotation else f'{text}={ast.unparse(default)}'

def with_meanings(function, comments):
    "The comments, and what the docstring says of each argument and of the return, as comments in their lines"
    said = NumpyDocString(docstring_of(function))
    meanings = {arg.lineno: ' '.join(said['Parameters'][arg.arg].desc)
                for arg in ast.walk(function.args) if isinstance(arg, ast.arg) and arg.arg in said['Parameters']}
    if said['Returns']: meanings[function.returns.lineno] = ' '.join(said['Returns'].desc)
    return comments | meanings

def arguments(function, comments):
    "The arguments of a function's definition, with their comments"
    comments = with_meanings(function, comments)
    args = function.args
    plain = [*args.posonlyargs, *args.args]
    defaults = [None] * (len(plain) - len(args.defaults)) + args.defaults
    nodes = [*plain]
    texts = [annotated(arg.arg, arg.annotation, value) for arg, value in zip(plain, defaults)]
    if args.vararg:
        nodes.append(args.vararg)
        texts.append('*' + annotated(args.vararg.arg, args.vararg.annotation, None))
    for i, (arg, value) in enumerate(zip(args.kwonlyargs, args.kw_defaults)):
        star = '*, ' if not (i or args.vararg) else ''
        nodes.append(arg)
        texts.append(star + annotated(arg.arg, arg.annotation, value))
    if args.kwarg:
        nodes.append(args.kwarg)
        texts.append('**' + annotated(args.kwarg.arg, args.kwarg.annotation, None))
    if function.returns:  # that line's comment is about the return
        comments = {line: text for line, text in comments.items() if line != function.returns.lineno}
    pairs = with_comments(nodes, texts, comments)
    return pairs[1:] if nodes and nodes[0].arg in ('self', 'cls') else pairs

def is_field(node): return isinstance(node, ast.AnnAssign) and not node.target.id.startswith('_')

def is_method(node): return isinstance(node, ast.FunctionDef) and not node.name.startswith('_')

def is_property(node): return any('property' in ast.unparse(decorator) for decorator in node.decorator_list)

def fields(node, comments):
    "The fields of a named tuple or dataclass, with their comments"
    found = [child for child in node.body if is_field(child)]
    texts = [annotated(field.target.id, field.annotation, field.value) for field in found]
    return with_comments(found, texts, comments)

def call(head, pairs, tail):
    "A signature with one argument a line; a comment too long to stand beside its argument stands above it"
    if not pairs: return f'{head}(){tail}'
    lines = []
    for text, comment in pairs:
        beside = f'    {text},  # {comment}' if comment else f'    {text},'
        if comment and len(beside) > WIDTH:
            lines += textwrap.wrap(comment, WIDTH, initial_indent='    # ', subsequent_indent='    # ')
            beside = f'    {text},'
        lines.append(beside)
    return '\n'.join([f'{head}(', *lines, f'){tail}'])

def signature(node, comments):
    "The signature of a function, method or class, from its definition"
    if isinstance(node, ast.ClassDef):
        start = next((child for child in node.body if getattr(child, 'name', '') == '__init__'), None)
        takes = arguments(start, comments) if start else fields(node, comments)
        bases = ', '.join(ast.unparse(base) for base in node.bases)
        if takes: return call(f'class {node.name}', takes, '')
        return f'class {node.name}({bases})' if bases else f'class {node.name}'
    gives = f' -> {ast.unparse(node.returns)}' if node.returns else ''
    if is_property(node): return f'{node.name}: {ast.unparse(node.returns)}'
    said = with_meanings(node, comments).get(node.returns.lineno, '') if node.returns else ''
    after = f'  # {said}' if said else ''
    return call(f'def {node.name}', arguments(node, comments), gives + after)

def docstring_of(node):
    "A docstring without the indentation of its function or class, but with that of its examples"
    raw = ast.get_docstring(node, clean=False)
    if not raw: return ''
    indent = ' ' * node.body[0].col_offset
    return '\n'.join(line.removeprefix(indent).rstrip() for line in raw.splitlines()).strip()

def is_example(part):
    return part.startswith('>>>') or all(line.startswith('    ') for line in part.splitlines())

def as_code(match):
    "What `LITERAL` found, as code"
    return match[0] if match[0].startswith('`') else f'`{match[0]}`'

def prose(docstring):
    "A docstring as Markdown, up to its sections: its examples as Python"
    docstring = SECTION.split(docstring)[0].rstrip()
    if '```' in docstring: return docstring
    parts = docstring.split('\n\n')
    for i, part in enumerate(parts):
        if is_example(part): parts[i] = f'```python\n{textwrap.dedent(part)}\n```'
        else: parts[i] = LITERAL.sub(as_code, part)
    return '\n\n'.join(parts)

def entry(name, level, node, comments, source=''):
    "A heading, a link to the source, the signature and what the docstring says"
    known = source.startswith('http')  # only where pyproject.toml gives the project's address
    link = f'[source]({source}){{.source}}\n\n' if known else ''
    code = f'```python\n{signature(node, comments)}\n```'
    return f'{"#" * level} {name}\n\n{link}{code}\n\n{prose(docstring_of(node))}'

def source_of(symbol, name):
    "The source of a function or class; for a class of the notebook itself, from the module made of it"
    try: return inspect.getsource(symbol)
    except (OSError, TypeError):
        _, path, _ = NbdevLookup()[name]
        return inspect.getsource(getattr(import_module(path.removesuffix('.py').replace('/', '.')), name))

class Reference:
    "What `show_doc` shows: the signature as it was written, fields and methods included"
    def __init__(self, symbol, name=None, title_level=3):
        self.symbol = inspect.unwrap(getattr(symbol, 'fget', None) or getattr(symbol, 'func', symbol))
        self.name, self.level = name or qual_name(self.symbol), title_level

    def _repr_markdown_(self):
        in_essay = self.symbol.__module__ == '__main__' and not NbdevLookup().doc(self.name)
        if in_essay: return '<!-- a helper of this page -->'
        source = textwrap.dedent(source_of(self.symbol, self.name))
        node, comments = ast.parse(source).body[0], comments_of(source)
        parts = [entry(self.name, self.level, node, comments, NbdevLookup().code(self.name) or '')]
        if isinstance(node, ast.ClassDef):
            parts += [entry(f'{self.name}.{method.name}', self.level + 1, method, comments)
                      for method in filter(is_method, node.body)]
        return '---\n\n' + '\n\n'.join(parts)

def raw_html(html):
    "Markdown that stands for this HTML as it is"
    fence = '````' if '```' in html else '```'
    return f'{fence}{{=html}}\n{html}\n{fence}'

def columns(row): return [cell.strip() for cell in re.split(r'(?<!\\)\|', row.strip().strip('|'))]

def dashes(mark, width):
    "A column's part of the line under a table's head, its colons kept"
    left, right = ':' * mark.startswith(':'), ':' * mark.endswith(':')
    return left + '-' * (width - len(left) - len(right)) + right

def balanced(match):
    "A table with dashes in proportion to its columns: pandoc shares the page's width out by them"
    head, marks, *body = match[0].rstrip('\n').split('\n')
    rows = [columns(row) for row in (head, *body)]
    longest = [max(map(len, column)) for column in zip_longest(*rows, fillvalue='')]
    line = '|'.join(dashes(mark, max(5, min(60, width) + 2)) for mark, width in zip(columns(marks), longest))
    body = [FIGURE.sub(unbroken, row) for row in body]
    return '\n'.join([head, f'|{line}|', *body, ''])

def unbroken(figure): return figure[0].replace(' ', '\u00a0')

def with_balanced_tables(text): return TABLE.sub(balanced, text + '\n').removesuffix('\n')

def with_clone(text, address):
    "The commands on the first page begin with how to get a clone, where pyproject.toml says from where"
    if not address: return text
    clone = f'git clone {address} hh_nbdev && cd hh_nbdev'
    return text.replace('```sh\nmake look', f'```sh\n{clone}\nmake look', 1)

def only_imports(source):
    "Is this a cell of several imports, and nothing else?"
    if 'code-fold' in source or '#| echo' in source: return False
    try: lines = ast.parse(source).body
    except SyntaxError: return False  # a line of IPython's own
    return len(lines) > 2 and all(isinstance(line, (ast.Import, ast.ImportFrom)) for line in lines)

def for_quarto(cell):
    """Change what Quarto would misread in a cell.

    It adds two scripts from another host to a page with an HTML or widget output, hides from "On this page"
    what a cell with `metadata.execution` shows, and makes a caption of the text of a picture that stands alone.
    Tables get the widths that they need; sources and imports are folded."""
    if cell.cell_type == 'markdown':
        text = PRIVATE.sub(r'\1', PICTURE.sub(r'\1<!-- -->', with_balanced_tables(cell.source)))
        cell.source = with_clone(text, get_config().git_url)
    if cell.cell_type != 'code': return
    defines = re.search(r'^(def|class) ', cell.source, re.M)  # then its entry stands above
    cell.source = cell.source.replace(OPENED, f'{FOLD}#| code-summary: "Source"\n' if defines else '')
    if only_imports(cell.source): cell.source = f'{FOLD}#| code-summary: "Imports"\n{cell.source}'
    cell.metadata.pop('execution', None)
    for output in cell.get('outputs', []):
        data = output.get('data', {})
        data.pop('application/vnd.jupyter.widget-view+json', None)
        html = data.pop('text/html', None)
        if html: data['text/markdown'] = raw_html(''.join(html))
        elif 'text/markdown' in data:
            data['text/markdown'] = with_balanced_tables(''.join(data['text/markdown']))
