"""Line and branch coverage of hh_nbdev, by the notebooks' tests and pytest together.

    python tools/cover.py [real] [slow] [train] [ray]    # flags as for nbdev-test; they are marks of pytest too

nbdev-test runs exported cells in the notebook, where they count for no module. So here each is compiled under the name
of the module that it was exported to, with the line numbers that it has there: it stands in both word for word.
"""
import ast, os, re, subprocess, sys, tempfile
from pathlib import Path

FLAGS = 'real', 'slow', 'train', 'ray'
SETTINGS = '[run]\nsource = hh_nbdev\nomit = */_modidx.py\nbranch = true\nparallel = true\npatch = subprocess, _exit\ndata_file = {0}/.coverage\n[report]\nshow_missing = true\nprecision = 1\n'

def cells_as_modules():
    "Make IPython compile an exported cell as if it stood in its module"
    from IPython.core.compilerop import CachingCompiler as C
    modules, at, cache, ast_parse = {o.resolve(): o.read_text(encoding='utf-8') for o in Path('hh_nbdev').glob('*.py')}, {}, C.cache, C.ast_parse

    def cache_as(self, code, number=0, raw_code=None):
        body = re.sub(r'\A(#\|.*\n)+', '', raw_code or code).strip('\n')
        for path, text in modules.items():
            if (raw_code or code).startswith('#| export') and body in text:
                at[code] = text[:text.index(body)].count('\n') - code[:code.index(body)].count('\n')
                return str(path)
        return cache(self, code, number, raw_code)

    def ast_parse_as(self, code, *args, **kwargs): return ast.increment_lineno(ast_parse(self, code, *args, **kwargs), at.get(code, 0))

    C.cache, C.ast_parse = cache_as, ast_parse_as

def notebook(path, flags):
    "Run one notebook's tests in this process"
    from nbdev.test import test_nb
    cells_as_modules()
    return test_nb(path, skip_flags=[o for o in FLAGS if o not in flags], force_flags=flags, basepath='.')[0]

def main(flags):
    folder = tempfile.mkdtemp()
    Path(folder, 'rc').write_text(SETTINGS.format(folder))
    os.environ['COVERAGE_PROCESS_START'] = rc = f'{folder}/rc'  # some tests give a process little else
    def coverage(command, *args): return subprocess.run([sys.executable, '-m', 'coverage', command, f'--rcfile={rc}', *args]).returncode
    failed = [o.name for o in sorted(Path('nbs').glob('*.ipynb')) if coverage('run', __file__, str(o), *flags)]
    marks = ' and '.join(f'not {o}' for o in ('real', 'slow') if o not in flags)
    failed += ['pytest'] * bool(coverage('run', '-m', 'pytest', '-q', '-m', marks, '--deselect', 'tests/test_speed_safety.py::test_ctrl_c'))  # Ctrl-C may meet a lock of coverage's
    coverage('combine', '-q'), coverage('report')
    if failed: sys.exit(f'failed: {", ".join(failed)}')

if __name__ == '__main__':
    if sys.argv[1:2] and sys.argv[1].endswith('.ipynb'): sys.exit(not notebook(sys.argv[1], sys.argv[2:]))
    main(sys.argv[1:])
