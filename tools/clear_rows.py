"""Clear the outputs of cells that show rows of the dataset, as no row may be committed, and of widgets. Run this file to clear all notebooks.

Such a cell begins with `#| exec_doc`: nbdev runs it when the site is built, so its output need not be kept in git.
`make lab` does this whenever a notebook is saved, and `make test` and the pre-commit hook do it for all of them."""
import json, sys
from pathlib import Path

from nbdev.clean import clean_jupyter

ROOT = Path(__file__).parent.parent

def shows_rows(cell):
    "Does this cell show rows of the dataset?"
    return cell['cell_type'] == 'code' and '#| exec_doc' in ''.join(cell['source'])

def is_widget(output):
    "Is this output a widget? It is dead without its kernel, and has another id in each run."
    return 'application/vnd.jupyter.widget-view+json' in output.get('data', {})

def clear_rows(notebook):
    "Clear the outputs of the cells that show rows, all widgets and their state; how many cells had some"
    cleared = 0
    for cell in notebook['cells']:
        outputs = cell.get('outputs', [])
        kept = [] if shows_rows(cell) else [output for output in outputs if not is_widget(output)]
        if len(kept) == len(outputs): continue
        cell['outputs'] = kept
        cleared += 1
    notebook['metadata'].pop('widgets', None)  # it holds what `browse` shows, rows too
    return cleared

def clean_before_saving(path, model, **kwargs):
    "Jupyter's pre-save hook: what `nbdev-clean` does, then `clear_rows`"
    if model['type'] != 'notebook': return
    clean_jupyter(path=path, model=model, **kwargs)
    clear_rows(model['content'])

def main():
    "Clear every notebook, and say in which cells had to be cleared; exits with 1 if there were any"
    found = 0
    for path in sorted((ROOT/'nbs').glob('*.ipynb')):
        notebook = json.loads(path.read_text(encoding='utf-8'))
        cleared = clear_rows(notebook)
        if not cleared: continue
        found += cleared
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + '\n', encoding='utf-8')
        print(f'{path.relative_to(ROOT)}: {cleared} cells held rows of the dataset or widgets. They are cleared now; add the file again.')
    sys.exit(bool(found))

if __name__ == '__main__': main()
