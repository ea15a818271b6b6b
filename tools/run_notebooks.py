"""Run every notebook from top to bottom, as "Run All Cells" does, in each world of data that users have.

    python tools/run_notebooks.py                                # all notebooks in all worlds
    python tools/run_notebooks.py --world flat nbs/05_look.ipynb

The worlds:
    test     HH_DATA names a folder with the official test files (taken from the environment; left out without it)
    flat     HH_DATA names a folder with flat training files, as on the course cluster: made from the test files
    sample   no data, and the Hugging Face client told to stay offline
    unplugged  no data, and a network that refuses every connection

The notebooks run in a copy of the project, so that a cell that writes over a tracked file is found out."""
import argparse, gzip, hashlib, os, shutil, subprocess, sys, tempfile, time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).parent.parent
REFUSED = 'http://127.0.0.1:9'  # nothing listens on this port
LEFT_OUT = "left out: needs pip install -e '.[train]'"

def tracked_files():
    "The files of the project, as paths relative to its root"
    listed = subprocess.check_output(['git', 'ls-files', '--cached', '--others', '--exclude-standard'], cwd=ROOT, text=True)
    return [name for name in listed.splitlines() if (ROOT/name).is_file()]

def copy_project(to):
    "Copy the project's files, and return their digests"
    digests = {}
    for name in tracked_files():
        (to/name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT/name, to/name)
        digests[name] = hashlib.sha256((to/name).read_bytes()).digest()
    return digests

def make_flat_corpus(test_folder, to):
    "Flat training files, out of the test files: the rows in another order, so that none is an official file"
    to.mkdir()
    for test_file in Path(test_folder).glob('*/test.jsonl.gz'):
        lines = gzip.decompress(test_file.read_bytes()).splitlines(keepends=True)
        (to/f'{test_file.parent.name}.jsonl.gz').write_bytes(gzip.compress(b''.join(reversed(lines)), mtime=0))
    return to

def environment(world, scratch):
    "The environment variables of a world, or None where what it needs is not here"
    env = {name: value for name, value in os.environ.items() if not name.startswith(('HH_', 'HF_'))}
    env |= {'HOME': str(scratch/'home'), 'HF_HOME': str(scratch/'home/hf'), 'HF_ENDPOINT': REFUSED}
    test_folder = os.environ.get('HH_DATA')
    if world == 'sample': return {**env, 'HF_HUB_OFFLINE': '1'}
    if world == 'unplugged': return env
    if not test_folder: return None
    if world == 'test': return {**env, 'HH_DATA': test_folder}
    return {**env, 'HH_DATA': str(make_flat_corpus(test_folder, scratch/'flat'))}

def run(path, env):
    "Run one notebook in its folder; the seconds that it took, and what went wrong or ''"
    began, problem = time.monotonic(), ''
    notebook = nbformat.read(path, as_version=4)
    if not find_spec('torch') and any('\nimport torch' in cell.source for cell in notebook.cells): return 0, LEFT_OUT
    client = NotebookClient(notebook, timeout=900, kernel_name='python3', resources={'metadata': {'path': str(path.parent)}})
    try: client.execute(env=env)
    except CellExecutionError as e: problem = str(e)
    return time.monotonic() - began, problem

def run_world(world, names):
    "Run notebooks in one world; how many of them failed"
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        env = environment(world, scratch)
        if env is None:
            print(f'{world}: left out, as HH_DATA does not name the test files')
            return int(bool(os.environ.get('CI')))
        project = scratch/'project'
        before = copy_project(project)
        env['PYTHONPATH'] = str(project)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(lambda name: run(project/name, env), names))
        failed = 0
        for name, (seconds, problem) in zip(names, results):
            status = {'': 'ran', LEFT_OUT: LEFT_OUT}.get(problem, 'FAILED')
            print(f'{world:10} {name:36} {seconds:6.1f} s  {status}', flush=True)
            if status == 'FAILED': print(problem)
            failed += status == 'FAILED'
        changed = [name for name, digest in before.items() if hashlib.sha256((project/name).read_bytes()).digest() != digest]
        if changed: print(f'{world}: these tracked files were written over: {", ".join(changed)}')
        return failed + len(changed)

def main():
    "Read the command line, run, and exit with 1 if anything failed"
    worlds = ['test', 'flat', 'sample', 'unplugged']
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--world', choices=worlds, action='append', help='only this world; may be given several times')
    parser.add_argument('notebooks', nargs='*', help='only these, as paths from the root of the project')
    options = parser.parse_args()
    names = options.notebooks or sorted(name for name in tracked_files() if name.startswith('nbs/') and name.endswith('.ipynb'))
    failed = sum(run_world(world, names) for world in options.world or worlds)
    print(f'{failed} failed' if failed else f'{len(names)} notebooks ran in {len(options.world or worlds)} worlds')
    sys.exit(bool(failed))

if __name__ == '__main__': main()
